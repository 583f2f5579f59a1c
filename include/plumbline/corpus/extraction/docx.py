"""
Word documents: paragraphs, headings, lists, tables and footnotes, with the page that each begins on.

`python-docx` opens the file and knows its styles.  The tree is walked here, because its own walk passes over what
stands in content controls, text boxes and accepted insertions.  Pages are as Word last laid them out; where a file
says nothing of that, there are none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from plumbline.corpus.extraction.archives import demand_sound
from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part
from plumbline.corpus.extraction.properties import core_properties
from plumbline.corpus.extraction.tables import add_table

if TYPE_CHECKING:
    from docx.document import Document

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (?:bullet|number|paragraph|continue)?\s*([2-9])?", re.IGNORECASE)
# What was deleted, moved away, or is an instruction to Word, and the older twin of a drawing.
_UNSAID = {
    f"{_W}del",
    f"{_W}moveFrom",
    f"{_W}instrText",
    f"{_W}delText",
    f"{_MC}Fallback",
    f"{_W}rPr",
    f"{_W}pPr",
}
_FOOTNOTES = ("footnotes", "endnotes")
_BREAKS = {f"{_W}tab": "\t", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_ANCESTORS = 50  # of a style; one made on purpose may go round in a circle
_HEADINGS = 6


def read_docx(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A Word document as its text, its title, its parts and its metadata.

    Raises:
        Unreadable: It is protected, damaged, or too large.
    """
    import docx

    demand_sound(content, entry="word/document.xml")
    document = docx.Document(BytesIO(content))
    metadata = core_properties(content)
    reader = _Reader(document, Builder(limits.characters))
    reader.read(document.element.body)
    for note in _notes(document):
        reader.read(note)
    parts = reader.builder.parts
    headings = [part.title for part in parts if part.kind == "heading" and part.title]
    title = reader.title or metadata.get("title") or (headings[0] if headings else None)
    return reader.builder.text, None if title is None else str(title), parts, metadata


class _Reader:
    """Walks block by block; keeps count of pages."""

    def __init__(self, document: Document, builder: Builder) -> None:
        self.builder = builder
        self.title: str | None = None
        self._styles = {
            style.element.get(f"{_W}styleId"): style for style in document.styles if style.element is not None
        }
        self._numbers = _Numbers(document)
        self._paged = document.element.body.find(f".//{_W}lastRenderedPageBreak") is not None
        self._page = 1

    def read(self, root: Any) -> None:
        """Add the blocks below an element, in order; the parser refuses trees that are more than 256 deep."""
        for child in root:
            if child.tag == f"{_W}p":
                self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                self._table(child)
            elif child.tag not in _UNSAID and isinstance(child.tag, str):
                self.read(child)

    def _paragraph(self, paragraph: Any) -> None:
        boxes: list[Any] = []
        said = "".join(self._words(paragraph, boxes))
        before = said[: len(said) - len(said.lstrip())].count("\f")
        page = self._page + before if self._paged else None
        self._page += said.count("\f")
        self._add(paragraph, said.replace("\f", ""), page)
        for box in boxes:
            self.read(box)

    def _add(self, paragraph: Any, said: str, page: int | None) -> None:
        kind, level = self._kind(paragraph)
        if kind == "title":
            self.title = self.title or " ".join(said.split()) or None
            kind, level = "heading", 1
        if kind == "heading":
            self.builder.add(
                " ".join(said.split()), "heading", level=level, page=page, mark="#" * level + " "
            )
        elif kind == "list_item":
            if said.strip():
                mark = "  " * (min(level, 10) - 1) + self._numbers.mark(paragraph, level)
                self.builder.add(said.strip(), "list_item", level=level, page=page, mark=mark)
        else:
            self.builder.add(said, "quote" if kind == "quote" else "paragraph", page=page)

    def _kind(self, paragraph: Any) -> tuple[str, int]:
        """What a paragraph is, by its style, its outline level and its numbering."""
        properties = paragraph.find(f"{_W}pPr")
        if properties is None:
            return "paragraph", 0
        names = [name for name in _names(self._styles.get(_value(properties, "pStyle"))) if name]
        if styled := next(filter(None, map(_by_style, names)), None):
            return styled
        if (outline := _value(properties, "outlineLvl")).isdigit() and int(outline) < _HEADINGS:
            return "heading", int(outline) + 1
        if (numbering := properties.find(f"{_W}numPr")) is not None and _value(numbering, "numId") != "0":
            return "list_item", _number(_value(numbering, "ilvl")) + 1
        return next(filter(None, map(_listed_by_style, names)), ("paragraph", 0))

    def _words(self, element: Any, boxes: list[Any]) -> Iterator[str]:
        """The words of a paragraph; a page that begins inside is a form feed, text boxes are left for later."""
        for child in element:
            tag = child.tag
            if tag in _UNSAID or not isinstance(tag, str):
                continue
            if tag == f"{_W}t":
                yield child.text or ""
            elif tag in _BREAKS:
                yield _BREAKS[tag]
            elif tag == f"{_W}br":
                yield "" if child.get(f"{_W}type") in ("page", "column") else "\n"
            elif tag == f"{_W}lastRenderedPageBreak":
                yield "\f"
            elif tag == f"{_W}txbxContent":
                boxes.append(child)
            elif tag.endswith("}docPr") and (alternative := child.get("descr")):
                yield f" {alternative} "
            else:
                yield from self._words(child, boxes)

    def _table(self, table: Any) -> None:
        page = self._page if self._paged else None
        rows = [[self._cell(cell) for cell in row.findall(f"{_W}tc")] for row in _rows(table)]
        if len(rows) == 1 and len(rows[0]) == 1:  # a frame around a text
            self.read(next(_rows(table)).find(f"{_W}tc"))
            return
        add_table(self.builder, rows, page=page)

    def _cell(self, cell: Any) -> str:
        boxes: list[Any] = []
        said = ["".join(self._words(part, boxes)) for part in cell.iter(f"{_W}p")]
        said += ["".join(self._words(part, [])) for box in boxes for part in box.iter(f"{_W}p")]
        whole = " ".join(said)
        self._page += whole.count("\f")
        return whole.replace("\f", "")


class _Numbers:
    """Counts the items of numbered lists; what else stands before an item becomes a dash."""

    def __init__(self, document: Document) -> None:
        self._counted: dict[tuple[str, int], int] = {}
        self._kinds: dict[tuple[str, int], str] = {}
        with contextlib.suppress(KeyError, NotImplementedError):
            numbering = document.part.numbering_part.element
            levels = {
                abstract.get(f"{_W}abstractNumId"): [
                    _value(level, "numFmt") for level in abstract.findall(f"{_W}lvl")
                ]
                for abstract in numbering.findall(f"{_W}abstractNum")
            }
            for one in numbering.findall(f"{_W}num"):
                for level, kind in enumerate(levels.get(_value(one, "abstractNumId"), ())):
                    self._kinds[one.get(f"{_W}numId") or "", level] = kind

    def mark(self, paragraph: Any, level: int) -> str:
        """Return what stands before the next item of its list at this level, from 1: `3. `, or `- `."""
        found = paragraph.find(f"{_W}pPr/{_W}numPr")
        name = "" if found is None else _value(found, "numId")
        if self._kinds.get((name, level - 1), "bullet") in ("bullet", "none", ""):
            return "- "
        number = self._counted.get((name, level), 0) + 1
        # An item begins the lists below it anew.
        self._counted = {
            key: count for key, count in self._counted.items() if key[0] != name or key[1] <= level
        }
        self._counted[name, level] = number
        return f"{number}. "


def _rows(table: Any) -> Iterator[Any]:
    """The rows of a table, those inside content controls and accepted insertions too."""
    for child in table:
        if child.tag == f"{_W}tr":
            yield child
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins"):
            yield from _rows(child)


def _notes(document: Document) -> Iterator[Any]:
    """The footnotes and endnotes that people wrote; the others are separating lines."""
    from docx.oxml import parse_xml

    for relation in document.part.rels.values():
        if relation.reltype.rpartition("/")[2] in _FOOTNOTES and not relation.is_external:
            for note in parse_xml(relation.target_part.blob):
                if note.get(f"{_W}type") is None:
                    yield note


def _by_style(name: str) -> tuple[str, int] | None:
    """What the name of a style makes of a paragraph, whatever its numbering."""
    if found := _HEADING.fullmatch(name):
        return "heading", min(int(found[1]), _HEADINGS)
    if name.lower() == "title":
        return "title", 1
    return ("quote", 0) if "quote" in name.lower() else None


def _listed_by_style(name: str) -> tuple[str, int] | None:
    if not name.lower().startswith("list"):
        return None
    found = _LIST_STYLE.match(name)
    return "list_item", int(found[1] or 1) if found else 1


def _names(style: Any) -> Iterator[str]:
    """The name of a style and of those that it is based on."""
    seen = 0
    while style is not None and seen < _ANCESTORS:
        yield style.name or ""
        style, seen = getattr(style, "base_style", None), seen + 1


def _value(element: Any, name: str) -> str:
    found = element.find(f"{_W}{name}")
    return "" if found is None else found.get(f"{_W}val") or ""


def _number(value: str) -> int:
    return min(int(value), 8) if value.isdigit() else 0
