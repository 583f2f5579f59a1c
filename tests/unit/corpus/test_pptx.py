"""A presentation is read slide by slide; the slide is the page."""

from __future__ import annotations

import io

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.pptx import read_pptx


def saved(presentation) -> bytes:
    """A presentation as a file."""
    made = io.BytesIO()
    presentation.save(made)
    return made.getvalue()


def test_a_slide_is_a_heading_and_what_stands_below_it():
    """Bullets by their depth, text boxes, tables, figures of charts, groups, and what the speaker says."""
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "Berths"
    body = first.placeholders[1].text_frame
    body.text = "short ones"
    deeper = body.add_paragraph()
    deeper.text, deeper.level = "under 8 m", 1
    first.notes_slide.notes_text_frame.text = "Mention the discount."
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    second.shapes.title.text = "Prices"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for number, said in enumerate(["Boat", "Price", "small", "40"]):
        table.cell(number // 2, number % 2).text = said
    data = CategoryChartData()
    data.categories = ["May", "June"]
    data.add_series("Boats", (12, 30.5))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(3), Inches(4), Inches(3), data)
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "grouped"

    text, title, parts, metadata = read_pptx(saved(presentation), Limits())

    assert (
        "## Berths\n\n- short ones\n  - under 8 m\n\nNotes: Mention the discount.\n\n"
        "## Prices\n\n| Boat | Price |\n| small | 40 |\n\n|  | Boats |\n| May | 12 |\n| June | 30.5 |\n\ngrouped"
    ) == text
    assert ("Berths", 2) == (title, metadata["pages"])
    assert [1, 1, 1, 1, 2, 2, 2, 2] == [part.page for part in parts]


def test_a_generic_title_is_none():
    """Every second file is called PowerPoint Presentation."""
    presentation = pptx.Presentation()
    presentation.core_properties.title = "PowerPoint Presentation"
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Night berths"

    assert "Night berths" == read_pptx(saved(presentation), Limits())[1]


def test_too_many_slides_are_refused():
    """A limit that people meet is a number in a sentence."""
    presentation = pptx.Presentation()
    for _ in range(3):
        presentation.slides.add_slide(presentation.slide_layouts[6])

    with pytest.raises(Unreadable, match="3 slides; the limit is 2"):
        read_pptx(saved(presentation), Limits(pages=2))


def test_a_chart_of_an_unknown_kind_does_not_cost_the_deck():
    """The library draws fewer kinds than PowerPoint does."""
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Prices"
    data = CategoryChartData()
    data.categories = ["May"]
    data.add_series("Boats", (12,))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, Inches(1), Inches(1), data).chart
    plot = chart._chartSpace.find(".//{*}pieChart")
    plot.tag = plot.tag.replace("pieChart", "pie3DChart")

    text = read_pptx(saved(presentation), Limits())[0]

    assert text.startswith("## Prices")
