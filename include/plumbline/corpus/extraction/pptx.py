"""
Presentations: a heading for each slide, its texts, lists, tables and figures, and the speaker's notes.

A citation names the slide: its number is the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from plumbline.corpus.extraction.archives import demand_sound
from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part, Unreadable
from plumbline.corpus.extraction.properties import core_properties
from plumbline.corpus.extraction.tables import add_table

_DEEPEST = 20


def read_pptx(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A presentation as its text, its title, its parts and its metadata.

    Raises:
        Unreadable: It is protected, damaged, or too large.
    """
    import pptx

    demand_sound(content, entry="ppt/presentation.xml")
    presentation = pptx.Presentation(BytesIO(content))
    slides = len(presentation.slides)
    if slides > limits.pages:
        raise Unreadable("too_many_pages", f"The file has {slides:,} slides; the limit is {limits.pages:,}.")
    metadata: dict[str, str | int] = {**core_properties(content), "pages": slides}
    builder = Builder(limits.characters)
    for number, slide in enumerate(presentation.slides, 1):
        _slide(builder, slide, number)
    declared = str(metadata.get("title", "")).strip()
    generic = declared.lower() in {"", "powerpoint presentation", "präsentation", "presentation"}
    title = declared if not generic else builder.first_heading
    return builder.text, title, builder.parts, metadata


def _slide(builder: Builder, slide: Any, number: int) -> None:
    title = slide.shapes.title
    named = " ".join(title.text_frame.text.split()) if title is not None and title.has_text_frame else ""
    builder.add_heading(named, 2, page=number)
    for shape in _shapes(slide.shapes):
        if title is None or shape._element is not title._element:  # noqa: SLF001 - ids may be there twice
            _shape(builder, shape, number)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        builder.add(f"Notes: {notes.text}" if notes.text.strip() else "", "paragraph", page=number)


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Any]:
    """The shapes of a slide, and of its groups, from top to bottom as the file has them."""
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < _DEEPEST:
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _shape(builder: Builder, shape: Any, page: int) -> None:
    if getattr(shape, "has_table", False):
        add_table(builder, [[cell.text for cell in row.cells] for row in shape.table.rows], page=page)
    elif getattr(shape, "has_chart", False):
        try:
            _chart(builder, shape.chart, page)
        except Exception:  # noqa: BLE001 - of a kind that the library does not know; the slide says more
            builder.add("A chart of a kind that cannot be read.", "paragraph", page=page)
    elif shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            _paragraph(builder, paragraph, listed=len(shape.text_frame.paragraphs) > 1, page=page)
    elif alternative := _alternative(shape):
        builder.add(alternative, "paragraph", page=page)


def _paragraph(builder: Builder, paragraph: Any, *, listed: bool, page: int) -> None:
    said = paragraph.text.replace("\v", "\n").strip()
    if listed or paragraph.level:
        builder.add(
            said, "list_item", level=paragraph.level + 1, page=page, mark="  " * paragraph.level + "- "
        )
    else:
        builder.add(said, "paragraph", page=page)


def _chart(builder: Builder, chart: Any, page: int) -> None:
    """The figures of a chart, as a table of its categories and series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        builder.add(chart.chart_title.text_frame.text, "paragraph", page=page)
    for plot in chart.plots:
        series = list(plot.series)
        head = ["", *(str(one.name or "") for one in series)]
        columns = [list(one.values) for one in series]
        rows = [
            [str(category), *(_figure(column, number) for column in columns)]
            for number, category in enumerate(plot.categories)
        ]
        add_table(builder, [head, *rows], page=page)


def _figure(column: list[float | None], number: int) -> str:
    value = column[number] if number < len(column) else None
    return "" if value is None else f"{value:.12g}"


def _alternative(shape: Any) -> str:
    """What a picture is said to show; the file name that a program put there says nothing."""
    described = shape._element.xpath(".//p:cNvPr/@descr")  # noqa: SLF001 - the library has no other way to it
    said = " ".join(str(described[0]).split()) if described else ""
    return "" if said.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".svg", ".emf", ".wmf")) else said
