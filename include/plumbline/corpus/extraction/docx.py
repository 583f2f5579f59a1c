"""
Word documents: paragraphs, headings, lists, tables and footnotes, with the page that each begins on.

`python-docx` opens the file and knows its styles.  The tree is walked here, because its own walk passes over what
stands in content controls, text boxes and accepted insertions.  Pages are as Word last laid them out; where a file
says nothing of that, there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from plumbline.corpus.extraction.archives import demand_sound
from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.docx_lists import Lists, W, numbering, value
from plumbline.corpus.extraction.model import Limits, Metadata, Part
from plumbline.corpus.extraction.properties import core_properties
from plumbline.corpus.extraction.tables import Cell, add_table, placed

if TYPE_CHECKING:
    from docx.document import Document

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (?:bullet|number|paragraph|continue)?\s*([2-9])?", re.IGNORECASE)
# What was deleted, moved away, or is an instruction to Word, and the older twin of a drawing.
_UNSAID = {
    f"{W}del",
    f"{W}moveFrom",
    f"{W}instrText",
    f"{W}delText",
    f"{_MC}Fallback",
    f"{W}rPr",
    f"{W}pPr",
}
# Letters, those of equations too.
_LETTERS = (f"{W}t", "{http://schemas.openxmlformats.org/officeDocument/2006/math}t")
_WRAPPERS = tuple(f"{W}{name}" for name in ("sdt", "sdtContent", "ins", "customXml"))
_NOTES = ("footnotes", "endnotes")
_REFERENCES = {f"{W}footnoteReference": "footnotes", f"{W}endnoteReference": "endnotes"}
_BREAKS = {f"{W}tab": "\t", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
_ANCESTORS = 50  # of a style; one made on purpose may go round in a circle
_HEADINGS = 6
_DIGITS = 5


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
    reader.read_unread_notes()
    parts = reader.builder.parts
    title = reader.title or metadata.get("title") or reader.builder.first_heading
    return reader.builder.text, None if title is None else str(title), parts, metadata


class _Shape(NamedTuple):
    """What a paragraph is; `listed` is the numbered list that it belongs to, and the level there."""

    kind: str
    level: int = 0
    listed: tuple[str, int] | None = None


class _Reader:
    """Walks block by block; keeps count of pages."""

    def __init__(self, document: Document, builder: Builder) -> None:
        self.builder = builder
        self.title: str | None = None
        self._styles = {
            style.element.get(f"{W}styleId"): style for style in document.styles if style.element is not None
        }
        self._lists = Lists(document)
        self._notes = dict(_notes(document))
        self._paged = document.element.body.find(f".//{W}lastRenderedPageBreak") is not None
        self._page = 1

    def read(self, root: Any) -> None:
        """Add the blocks below an element, in order; the parser refuses trees that are more than 256 deep."""
        for child in root:
            if child.tag == f"{W}p":
                self._paragraph(child)
            elif child.tag == f"{W}tbl":
                self._table(child)
            elif child.tag not in _UNSAID and isinstance(child.tag, str):
                self.read(child)

    def read_unread_notes(self) -> None:
        """Add the notes that nothing refers to: they are text all the same."""
        for note in self._notes.values():
            self.read(note)
        self._notes.clear()

    def _paragraph(self, paragraph: Any) -> None:
        aside: list[Any] = []
        said = "".join(self._words(paragraph, aside))
        page = self._page + _breaks_before(said) if self._paged else None
        self._page += said.count("\f")
        self._add(paragraph, said.replace("\f", ""), page)
        for other in aside:
            self.read(other)

    def _add(self, paragraph: Any, said: str, page: int | None) -> None:
        shape = self._shape(paragraph)
        if shape.kind == "title":
            self.title = self.title or " ".join(said.split()) or None
        if shape.kind in ("title", "heading"):
            self.builder.add_heading(said, max(shape.level, 1), page=page)
        elif shape.kind == "list_item":
            if said.strip():
                number = self._lists.mark(*(shape.listed or ("", 0)), shape.level)
                mark = "  " * (min(shape.level, 10) - 1) + number
                self.builder.add(said.strip(), "list_item", level=shape.level, page=page, mark=mark)
        else:
            self.builder.add(said.strip(" "), "quote" if shape.kind == "quote" else "paragraph", page=page)

    def _shape(self, paragraph: Any) -> _Shape:
        """What a paragraph is, by its style, its outline level and its numbering."""
        properties = paragraph.find(f"{W}pPr")
        if properties is None:
            return _Shape("paragraph")
        styles = list(_ancestry(self._styles.get(value(properties, "pStyle"))))
        if shape := next(filter(None, (_by_style(style.name or "") for style in styles)), None):
            return shape
        if (outline := value(properties, "outlineLvl")).isdigit() and int(outline) < _HEADINGS:
            return _Shape("heading", int(outline) + 1)
        listed = numbering([properties, *(style.element.find(f"{W}pPr") for style in styles)])
        depth = next(filter(None, (_depth_by_style(style.name or "") for style in styles)), 0)
        if listed or depth:
            return _Shape("list_item", max(depth, listed[1] + 1 if listed else 1), listed)
        return _Shape("paragraph")

    def _words(self, element: Any, aside: list[Any]) -> Iterator[str]:
        """The words of a paragraph, form feeds where pages begin in it; text boxes and notes are left for later."""
        for child in element:
            tag = child.tag
            if tag in _UNSAID or not isinstance(tag, str):
                continue
            if tag in _LETTERS:
                yield child.text or ""
            elif tag in _BREAKS:
                yield _BREAKS[tag]
            elif tag == f"{W}br":
                yield "" if child.get(f"{W}type") in ("page", "column") else "\n"
            elif tag == f"{W}lastRenderedPageBreak":
                yield "\f"
            elif tag == f"{W}txbxContent":
                aside.append(child)
            elif kind := _REFERENCES.get(tag):
                note = self._notes.pop((kind, child.get(f"{W}id") or ""), None)
                aside += [] if note is None else [note]
            elif tag.endswith("}docPr") and (alternative := child.get("descr")):
                yield f" {alternative} "
            else:
                yield from self._words(child, aside)

    def _table(self, table: Any) -> None:
        rows = [list(_held(row, "tc")) for row in _held(table, "tr")]
        if len(rows) == 1 and len(rows[0]) == 1:  # a frame around a text
            self.read(rows[0][0])
            return
        said, pages = [], []
        for row in rows:
            cells = [self._cell(cell) for cell in row]
            pages.append(self._page + max(map(_breaks_before, cells[:1]), default=0))
            # A row that goes over a page has the break in each of its cells.
            self._page += max((cell.count("\f") for cell in cells), default=0)
            said.append([cell.replace("\f", "") for cell in cells])
        if len({len(row) for row in rows}) > 1:  # otherwise spans are borders that were moved a little
            before = [_span(row, "trPr", "gridBefore", 0) for row in _held(table, "tr")]
            said = placed(
                [Cell("", skipped)] * bool(skipped)
                + [
                    Cell(words, _span(cell, "tcPr", "gridSpan", 1))
                    for words, cell in zip(words_of, row, strict=True)
                ]
                for skipped, words_of, row in zip(before, said, rows, strict=True)
            )
        add_table(self.builder, said, pages=pages if self._paged else ())

    def _cell(self, cell: Any) -> str:
        """The words of a cell, form feeds where pages begin in it."""
        aside: list[Any] = []
        said = ["".join(self._words(part, aside)) for part in _paragraphs(cell)]
        said += ["".join(self._words(part, [])) for other in aside for part in _paragraphs(other)]
        return " ".join(said)


def _breaks_before(said: str) -> int:
    """How many pages begin before the first word."""
    return said[: len(said) - len(said.lstrip())].count("\f")


def _paragraphs(element: Any) -> Iterator[Any]:
    """The paragraphs below an element, those of tables inside it too, but not those inside other paragraphs."""
    for child in element:
        if child.tag == f"{W}p":
            yield child
        elif isinstance(child.tag, str):
            yield from _paragraphs(child)


def _held(element: Any, name: str) -> Iterator[Any]:
    """The rows of a table, or the cells of a row, those inside content controls and accepted insertions too."""
    for child in element:
        if child.tag == f"{W}{name}":
            yield child
        elif child.tag in _WRAPPERS:
            yield from _held(child, name)


def _span(element: Any, properties: str, name: str, usual: int) -> int:
    """How many columns a cell goes over, or a row begins with."""
    found = element.find(f"{W}{properties}")
    said = "" if found is None else value(found, name)
    return int(said) if said.isdigit() and len(said) < _DIGITS else usual


def _notes(document: Document) -> Iterator[tuple[tuple[str, str], Any]]:
    """The footnotes and endnotes that people wrote, by kind and id; the others are separating lines."""
    from docx.oxml import parse_xml

    for relation in document.part.rels.values():
        kind = relation.reltype.rpartition("/")[2]
        if kind in _NOTES and not relation.is_external:
            for note in parse_xml(relation.target_part.blob):
                if note.get(f"{W}type") is None:
                    yield (kind, note.get(f"{W}id") or ""), note


def _by_style(name: str) -> _Shape | None:
    """What the name of a style makes of a paragraph, whatever its numbering."""
    if found := _HEADING.fullmatch(name):
        return _Shape("heading", min(int(found[1]), _HEADINGS))
    if name.lower() == "title":
        return _Shape("title", 1)
    return _Shape("quote") if "quote" in name.lower() else None


def _depth_by_style(name: str) -> int:
    """How deep the name of a style says that a list is; 0 where it names none."""
    found = _LIST_STYLE.match(name)
    return int(found[1] or 1) if found else 0


def _ancestry(style: Any) -> Iterator[Any]:
    """A style and those that it is based on."""
    seen = 0
    while style is not None and seen < _ANCESTORS:
        yield style
        style, seen = getattr(style, "base_style", None), seen + 1
