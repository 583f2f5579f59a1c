"""
OpenDocument texts: paragraphs, headings, lists, tables and notes, with the page that each begins on.

`odfdo` opens the file; its tree is walked here, in order.  Pages are as the writing program last laid them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from plumbline.corpus.extraction.archives import demand_sound
from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part
from plumbline.corpus.extraction.tables import add_table
from plumbline.corpus.extraction.text import shorten

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
# Indexes repeat headings; what was deleted is kept aside; comments and the numbers of notes are not the text's own.
_UNSAID = {
    f"{_TEXT}table-of-content",
    f"{_TEXT}tracked-changes",
    f"{_TEXT}sequence-decls",
    f"{_OFFICE}annotation",
    f"{_OFFICE}forms",
    f"{_TEXT}alphabetical-index",
    f"{_TEXT}note-citation",
}
_ROW_GROUPS = tuple(f"{_TABLE}table-{name}" for name in ("header-rows", "rows", "row-group"))
_REPEATED_AT_MOST = 100
_SPACES_AT_MOST = 100


def read_odt(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    An OpenDocument text as its text, its title, its parts and its metadata.

    Raises:
        Unreadable: It is protected, damaged, or too large.
    """
    import odfdo

    demand_sound(content, entry="content.xml")
    document = odfdo.Document(BytesIO(content))
    metadata = _metadata(document.meta)
    body = document.body._xml_element  # noqa: SLF001 - the tree itself, which has an order
    roots = (body.getroottree().getroot(), document.styles.root._xml_element)  # noqa: SLF001 - likewise
    reader = _Reader(
        Builder(limits.characters),
        paged=body.find(f".//{_TEXT}soft-page-break") is not None,
        numbered=frozenset(style for root in roots for style in _numbered(root)),
    )
    reader.read(body)
    parts = reader.builder.parts
    title = metadata.get("title") or reader.builder.first_heading
    return reader.builder.text, title, parts, metadata


class _Reader:
    """Walks block by block; keeps count of pages."""

    def __init__(self, builder: Builder, *, paged: bool, numbered: frozenset[tuple[str, int]]) -> None:
        self.builder = builder
        self._paged = paged
        self._page = 1
        self._numbered = numbered
        self._mark = ""

    def read(self, root: Any, listed: int = 0) -> None:
        """Add the blocks below an element, in order; `listed` is the depth of the list around it."""
        for child in root:
            tag = child.tag
            if not isinstance(tag, str) or tag in _UNSAID:
                continue
            if tag in (f"{_TEXT}p", f"{_TEXT}h"):
                self._paragraph(child, tag, listed)
            elif tag == f"{_TEXT}soft-page-break":
                self._page += 1
            elif tag == f"{_TABLE}table":
                self._table(child)
            elif tag == f"{_TEXT}list":
                self._list(child, listed + 1)
            else:
                self.read(child, listed)

    def _list(self, element: Any, depth: int) -> None:
        """The items of a list, numbered where its style says so; a list inside another takes that one's style."""
        named = (one.get(f"{_TEXT}style-name") for one in (element, *element.iterancestors(f"{_TEXT}list")))
        numbered = (next(filter(None, named), ""), depth) in self._numbered
        for number, item in enumerate(element, 1):
            self._mark = f"{number}. " if numbered else "- "
            self.read(item, depth)

    def _paragraph(self, paragraph: Any, tag: str, listed: int) -> None:
        aside: list[Any] = []
        page = self._page if self._paged else None
        said = "".join(self._words(paragraph, aside))
        level = paragraph.get(f"{_TEXT}outline-level") or "1"
        if tag == f"{_TEXT}h":
            self.builder.add_heading(said, int(level) if level.isdigit() else 1, page=page)
        elif listed:
            # Only the first paragraph of an item has its mark.
            mark, self._mark = "  " * (min(listed, 10) - 1) + (self._mark or "  "), ""
            self.builder.add(said.strip(), "list_item", level=listed, page=page, mark=mark)
        else:
            self.builder.add(said, "paragraph", page=page)
        for other in aside:
            self.read(other)

    def _words(self, element: Any, aside: list[Any]) -> Iterator[str]:
        """The words of a paragraph; notes and text boxes are left for later."""
        yield element.text or ""
        for child in element:
            tag = child.tag
            if not isinstance(tag, str) or tag in _UNSAID:
                pass
            elif tag == f"{_TEXT}s":
                count = child.get(f"{_TEXT}c") or "1"
                yield " " * (min(int(count), _SPACES_AT_MOST) if count.isdigit() else 1)
            elif tag == f"{_TEXT}tab":
                yield "\t"
            elif tag == f"{_TEXT}line-break":
                yield "\n"
            elif tag == f"{_TEXT}soft-page-break":
                self._page += 1
            elif tag == f"{_TEXT}note-body" or tag.endswith("}text-box"):
                aside.append(child)
            elif tag in (f"{_TEXT}p", f"{_TEXT}h", f"{_TEXT}list"):  # of a shape that holds them itself
                aside.append([child])
            elif tag in (f"{_SVG}title", f"{_SVG}desc"):
                yield f" {child.text or ''} "
            else:
                yield from self._words(child, aside)
            yield child.tail or ""

    def _table(self, table: Any) -> None:
        rows, pages = [], []
        for row in self._rows(table):
            pages.append(self._page)
            rows.append([self._cell(cell) for cell in _cells(row)])
        for row in rows:
            while row and not row[-1]:
                row.pop()
        add_table(self.builder, rows, pages=pages if self._paged else ())

    def _rows(self, table: Any) -> Iterator[Any]:
        """The rows of a table, but not those of tables inside it; pages may begin between them."""
        for child in table:
            if child.tag == f"{_TABLE}table-row":
                yield child
            elif child.tag == f"{_TEXT}soft-page-break":
                self._page += 1
            elif child.tag in _ROW_GROUPS:
                yield from self._rows(child)

    def _cell(self, cell: Any) -> str:
        return " ".join("".join(self._words(part, [])) for part in _paragraphs(cell))


def _paragraphs(element: Any) -> Iterator[Any]:
    """The paragraphs and headings below an element, but not those inside others, nor in what is not the text's own."""
    for child in element:
        if child.tag in (f"{_TEXT}p", f"{_TEXT}h"):
            yield child
        elif isinstance(child.tag, str) and child.tag not in _UNSAID:
            yield from _paragraphs(child)


def _numbered(root: Any) -> Iterator[tuple[str, int]]:
    """The levels, from 1, of list styles that number their items."""
    for style in root.iter(f"{_TEXT}list-style"):
        for level in style.iter(f"{_TEXT}list-level-style-number"):
            depth = level.get(f"{_TEXT}level") or ""
            if depth.isdigit() and level.get(f"{_STYLE}num-format"):
                yield style.get(f"{_STYLE}name") or "", int(depth)


def _cells(row: Any) -> Iterator[Any]:
    for cell in row:
        if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            repeated = cell.get(f"{_TABLE}number-columns-repeated") or "1"
            yield from [cell] * (min(int(repeated), _REPEATED_AT_MOST) if repeated.isdigit() else 1)


def _metadata(meta: Any) -> dict[str, str]:
    found = {
        "title": meta.title,
        "subject": meta.subject,
        "author": meta.creator or meta.initial_creator,
        "language": meta.language,
        "keywords": ", ".join(meta.keywords) if isinstance(meta.keywords, list | tuple) else meta.keywords,
        "created": meta.creation_date.isoformat() if meta.creation_date else None,
        "modified": meta.date.isoformat() if meta.date else None,
    }
    said = {name: shorten(str(value), 1_000) for name, value in found.items() if value}
    return {name: value for name, value in said.items() if value}
