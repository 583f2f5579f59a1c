"""A presentation is read slide by slide; the slide is the page."""

from __future__ import annotations

import io

import pptx
import pytest
from pptx.chart.data import BubbleChartData, CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls
from pptx.util import Inches

from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.pptx import read_pptx

RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


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


def blank():
    """A presentation and its only slide."""
    presentation = pptx.Presentation()
    return presentation, presentation.slides.add_slide(presentation.slide_layouts[6])


def text_box(said: str) -> str:
    """A shape with these words, as XML."""
    return (
        '<p:sp><p:nvSpPr><p:cNvPr id="9" name="x"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
        f"<p:txBody><a:bodyPr/><a:p><a:r><a:t>{said}</a:t></a:r></a:p></p:txBody></p:sp>"
    )


def test_a_chart_that_the_library_does_not_know_is_read_all_the_same():
    """It draws fewer kinds than PowerPoint does; the figures stand in the file."""
    presentation, slide = blank()
    data = CategoryChartData()
    data.categories = ["May"]
    data.add_series("Boats", (12,))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, Inches(1), Inches(1), data).chart
    plot = chart._chartSpace.find(".//{*}pieChart")
    plot.tag = plot.tag.replace("pieChart", "pie3DChart")

    assert "|  | Boats |\n| May | 12 |" in read_pptx(saved(presentation), Limits())[0]


def test_points_of_a_scatter_chart_are_read():
    """It has no categories: every point says where it lies."""
    presentation, slide = blank()
    data = BubbleChartData()
    series = data.add_series("Depth")
    series.add_data_point(1, 2.5, 10)
    series.add_data_point(3, 4, 20)
    slide.shapes.add_chart(XL_CHART_TYPE.BUBBLE, 0, 0, Inches(1), Inches(1), data)
    points = XyChartData()
    points.add_series("Tide").add_data_point(6, 0.1 + 0.2)
    slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, 0, 0, Inches(1), Inches(1), points)

    text = read_pptx(saved(presentation), Limits())[0]

    assert "|  | x | y | size |\n| Depth | 1 | 2.5 | 10 |\n| Depth | 3 | 4 | 20 |" in text
    assert "|  | x | y |\n| Tide | 6 | 0.3 |" in text


def test_a_chart_without_its_part_does_not_cost_the_deck():
    """The slide says more than it."""
    presentation, slide = blank()
    data = CategoryChartData()
    data.categories = ["May"]
    data.add_series("Boats", (12,))
    frame = slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, Inches(1), Inches(1), data)
    frame._element.find(".//{*}chart").set(f"{RELATIONS}id", "rId99")
    slide.shapes.add_textbox(0, 0, 1, 1).text_frame.text = "words"

    assert "A chart that cannot be read.\n\nwords" == read_pptx(saved(presentation), Limits())[0]


def test_of_alternatives_the_newest_is_read():
    """PowerPoint wraps what older versions cannot show, equations and models, and adds a picture for those."""
    presentation, slide = blank()
    equation = text_box("So: ").replace(
        "</a:p>", f'<a14:m xmlns:a14="a14"><m:t xmlns:m="{MATH}">E=mc2</m:t></a14:m></a:p>'
    )
    inner = (
        f"<mc:AlternateContent><mc:Choice Requires='x'>{text_box('inner')}</mc:Choice></mc:AlternateContent>"
    )
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    for held in (
        f"<mc:Choice Requires='a14'>{equation}{inner}</mc:Choice><mc:Fallback>{text_box('older')}</mc:Fallback>",
        f"<mc:Choice Requires='a14'/><mc:Fallback>{text_box('only')}</mc:Fallback>",
        "",
    ):
        wrapped = f"<mc:AlternateContent {space} {nsdecls('a', 'p')}>{held}</mc:AlternateContent>"
        slide.shapes._spTree.append(parse_xml(wrapped))

    assert "So: E=mc2\n\ninner\n\nonly" == read_pptx(saved(presentation), Limits())[0]


def test_groups_are_read_however_deep():
    """A drawing that was pasted and grouped again and again is one."""
    presentation, slide = blank()
    holder = slide
    for _ in range(60):
        holder = holder.shapes.add_group_shape()
    holder.shapes.add_textbox(0, 0, 1, 1).text_frame.text = "deep"

    assert "deep" == read_pptx(saved(presentation), Limits())[0]


@pytest.mark.parametrize("links", ["", '<dgm:cxn srcId="3" destId="1" srcOrd="0"/>'])
def test_the_words_of_a_diagram_are_read(links):
    """They stand in a part of their own; even where they go round in a circle, none is lost or told twice."""
    presentation, slide = blank()
    points = "".join(
        f'<dgm:pt modelId="{number}" type="{kind}"><dgm:t><a:p><a:r><a:t>{said}</a:t></a:r></a:p></dgm:t></dgm:pt>'
        for number, kind, said in (
            (0, "doc", ""),
            (2, "node", "Enter"),
            (1, "node", "Open"),
            (3, "node", "Key"),
            (4, "pres", "x"),
        )
    )
    held = "".join(
        f'<dgm:cxn srcId="{above}" destId="{below}" srcOrd="{order}"/>'
        for above, below, order in ((0, 2, 1), (0, 1, 0), (1, 3, 0), (4, 9, 0))
    )
    space = f"{nsdecls('a')} xmlns:dgm='{DIAGRAM}'"
    model = f"<dgm:dataModel {space}><dgm:ptLst>{points}</dgm:ptLst>"
    model += f"<dgm:cxnLst>{held}{links}</dgm:cxnLst></dgm:dataModel>"
    kind = "application/vnd.openxmlformats-officedocument.drawingml.diagramData+xml"
    part = Part(PackURI("/ppt/diagrams/data1.xml"), kind, slide.part.package, model.encode())
    relation = slide.part.relate_to(part, f"{RELATIONS[1:-1]}/diagramData")
    frame = (
        f"<p:graphicFrame {nsdecls('a', 'p', 'r')}><p:nvGraphicFramePr><p:cNvPr id='4' name='d'/><p:cNvGraphicFramePr/>"
        f"<p:nvPr/></p:nvGraphicFramePr><p:xfrm/><a:graphic><a:graphicData uri='{DIAGRAM}'>"
        f"<dgm:relIds xmlns:dgm='{DIAGRAM}' r:dm='{relation}'/></a:graphicData></a:graphic></p:graphicFrame>"
    )
    slide.shapes._spTree.append(parse_xml(frame))

    assert "- Open\n  - Key\n- Enter" == read_pptx(saved(presentation), Limits())[0]
