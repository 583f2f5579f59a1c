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
from plumbline.corpus.extraction.pptx_figures import add_chart, add_diagram, words
from plumbline.corpus.extraction.properties import core_properties
from plumbline.corpus.extraction.tables import add_table

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"


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
    _unwrap(slide.shapes._spTree)  # noqa: SLF001 - the tree itself
    title = slide.shapes.title
    named = " ".join(title.text_frame.text.split()) if title is not None and title.has_text_frame else ""
    builder.add_heading(named, 2, page=number)
    for shape in _shapes(slide.shapes):
        if title is None or shape._element is not title._element:  # noqa: SLF001 - ids may be there twice
            _shape(builder, shape, number)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        builder.add(f"Notes: {notes.text}" if notes.text.strip() else "", "paragraph", page=number)


def _unwrap(tree: Any) -> None:
    """Put the first of alternatives, which the newest program would show, in their place: the library skips them."""
    for alternatives in list(tree.iter(f"{_MC}AlternateContent")):
        chosen = next((one for one in alternatives if one.tag == f"{_MC}Choice"), ())
        if len(chosen) == 0:
            chosen = next((one for one in alternatives if one.tag == f"{_MC}Fallback"), ())
        for element in list(chosen):
            alternatives.addprevious(element)
        alternatives.getparent().remove(alternatives)


def _shapes(shapes: Any) -> Iterator[Any]:
    """
    The shapes of a slide, and of its groups, from top to bottom as the file has them.

    The parser refuses trees that are more than 256 deep.
    """
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _shape(builder: Builder, shape: Any, page: int) -> None:
    if getattr(shape, "has_table", False):
        add_table(builder, [[cell.text for cell in row.cells] for row in shape.table.rows], page=page)
    elif getattr(shape, "has_chart", False):
        try:
            add_chart(builder, shape.chart._chartSpace, page)  # noqa: SLF001 - the library knows few kinds
        except (KeyError, AttributeError):  # its part is missing; the slide says more
            builder.add("A chart that cannot be read.", "paragraph", page=page)
    elif (diagram := _diagram(shape)) is not None:
        add_diagram(builder, diagram, page)
    elif shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            _paragraph(builder, paragraph, listed=len(shape.text_frame.paragraphs) > 1, page=page)
    elif alternative := _alternative(shape):
        builder.add(alternative, "paragraph", page=page)


def _paragraph(builder: Builder, paragraph: Any, *, listed: bool, page: int) -> None:
    said = words(paragraph._p).strip()  # noqa: SLF001 - the library passes over equations
    if listed or paragraph.level:
        builder.add(
            said, "list_item", level=paragraph.level + 1, page=page, mark="  " * paragraph.level + "- "
        )
    else:
        builder.add(said, "paragraph", page=page)


def _diagram(shape: Any) -> Any:
    """What a diagram (SmartArt) says; None for other shapes, and where its part is missing."""
    from pptx.oxml import parse_xml

    named = shape._element.xpath(f".//*[namespace-uri()='{_DIAGRAM}' and local-name()='relIds']")  # noqa: SLF001
    relation = named[0].get(f"{_R}dm") if named else None
    if relation is None or relation not in shape.part.rels or shape.part.rels[relation].is_external:
        return None
    return parse_xml(shape.part.related_part(relation).blob)


def _alternative(shape: Any) -> str:
    """What a picture is said to show; the file name that a program put there says nothing."""
    described = shape._element.xpath(".//p:cNvPr/@descr")  # noqa: SLF001 - the library has no other way to it
    said = " ".join(str(described[0]).split()) if described else ""
    return "" if said.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".svg", ".emf", ".wmf")) else said
