"""
HTML as its readers see it: the words of the page, without its machinery.

Scripts, styles, hidden elements, navigation and page footers are not what the page says.  Where a page marks its main
part, that part is read; where the rules would leave nothing, the whole body is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import BlockKind, Limits, Metadata, Part, Unreadable
from plumbline.corpus.extraction.tables import Cell, add_table, placed
from plumbline.corpus.extraction.text import decode, shorten

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^>]{0,200}?encoding=[\"']([\w.:-]+)",
    re.IGNORECASE,
)
_LABELS = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
    "utf-16": "utf-8",  # a page that can be read this far is not in UTF-16
    "utf-16le": "utf-8",
}


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_SILENT = _names(
    "head script style noscript template svg math iframe object embed canvas audio video map button select input "
    "textarea datalist dialog frameset -comment"
)
_MACHINERY = frozenset({"nav", "menu"})
_MACHINERY_ROLES = frozenset({"navigation", "search", "contentinfo", "menu", "menubar", "alertdialog"})
_MACHINERY_NAMES = re.compile(
    r"(?:^|\s)(?:breadcrumbs?|cookie[\w-]*|skip-?(?:link|nav)[\w-]*|pagination|navbar|site-footer)(?:\s|$)",
    re.IGNORECASE,
)
_BLOCKS = _names(
    "address article aside blockquote body caption center dd details dir div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main ol p pre section summary table tbody td tfoot th "
    "thead tr ul"
)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_LINE_BREAK = "\v"
_BROKEN = re.compile(r" *\v *")
_MAIN_AT_LEAST = 200
_CELL_AT_MOST = 2_000
_LAYOUTS = 4
_DIGITS = 6
_DEEPEST = 5_000
_TAG = re.compile(
    r"<(/?)(?:div|section|article|span|a|b|i|em|strong|font|center|table|ul|ol|dl|blockquote|q|form)\b",
    re.IGNORECASE,
)


def read_html(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    An HTML page as its text, its title, its parts and its metadata.

    Raises:
        Unreadable: The page holds more text than `limits` allow, or is not text at all.
    """
    from selectolax.lexbor import LexborHTMLParser

    source = decode(content, declared=_declared(content)).replace("\x00", "")
    _demand_shallow(source)
    page = LexborHTMLParser(source)
    metadata = _metadata(page.root)
    title = str(metadata["title"]) if "title" in metadata else None
    body = page.body
    builder = Builder(limits.characters)
    if body is None:
        return "", title, [], metadata
    for root in _main(body):
        _Reader(builder).read(root, whole=False)
    if not builder.parts:
        _Reader(builder).read(body, whole=True)
    headings = [part.title for part in builder.parts if part.kind == "heading" and part.title]
    if title and builder.parts and not headings:
        return *_titled(title, builder), metadata
    return builder.text, (headings[0] if headings else title), builder.parts, metadata


def _titled(title: str, builder: Builder) -> tuple[str, str, list[Part]]:
    """A page whose only heading is its title."""
    lead = f"# {title}\n\n"
    moved = [part._replace(start=part.start + len(lead), end=part.end + len(lead)) for part in builder.parts]
    return lead + builder.text, title, [Part(0, len(lead), "heading", 1, None, title), *moved]


def _demand_shallow(source: str) -> None:
    """Refuse elements nested thousands deep: the parser's time grows with the square of the depth."""
    depth = 0
    for tag in _TAG.finditer(source):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > _DEEPEST:
            raise Unreadable("malformed", f"The page nests its elements more than {_DEEPEST:,} deep.")


def _declared(content: bytes) -> str | None:
    found = _DECLARED.search(content[:4096])
    if not found:
        return None
    label = (found[1] or found[2]).decode("ascii", "replace").lower()
    return _LABELS.get(label, label)


def _metadata(root: LexborNode | None) -> dict[str, str]:
    metadata: dict[str, str] = {}
    if root is None:
        return metadata
    if language := root.attributes.get("lang"):
        metadata["lang"] = language[:35]
    if (title := root.css_first("head > title")) and (said := shorten(title.text())):
        metadata["title"] = said
    for meta in root.css("meta[name][content]")[:100]:
        name, said = (meta.attributes.get("name") or "").lower(), meta.attributes.get("content") or ""
        if name in ("description", "author", "keywords", "date") and said.strip():
            metadata[name] = shorten(said, 1_000)
    return metadata


def _main(body: LexborNode) -> list[LexborNode]:
    """The elements that hold what the page is about."""
    marked = body.css("main, [role=main]") or body.css("article")
    outermost = [node for node in marked if not _within(node, marked)]
    said = sum(len(node.text(deep=True)) for node in outermost)
    return outermost if said >= _MAIN_AT_LEAST else [body]


def _within(node: LexborNode, others: list[LexborNode]) -> bool:
    ids = {other.mem_id for other in others}
    above = node.parent
    while above is not None:
        if above.mem_id in ids:
            return True
        above = above.parent
    return False


class _Reader:
    """Walks one element, without recursion, because pages nest as deeply as they like."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._said: list[str] = []
        self._lists: list[int | None] = []  # the next number of each open list; None for bullets
        self._mark: str | None = None
        self._quotes = 0
        self._heading = 0
        self._layouts = 0  # open tables that only place things

    def read(self, root: LexborNode, *, whole: bool) -> None:
        """Add the blocks of this element; `whole` keeps what looks like machinery."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node.tag or "")
                continue
            if node.is_text_node:
                self._said.append(node.text_content or "")
                continue
            tag = node.tag or ""
            if tag in _SILENT or (node is not root and _is_unsaid(node, tag, whole=whole)):
                continue
            if self._leaf(node, tag):
                continue
            self._enter(tag)
            stack.append((node, True))
            stack += [(child, False) for child in reversed(_children(node))]
        self._flush()

    def _leaf(self, node: LexborNode, tag: str) -> bool:
        """Handle an element without looking at its children one by one."""
        if tag == "br":
            self._said.append(_LINE_BREAK)
        elif tag == "img":
            self._said.append(f" {node.attributes.get('alt') or ''} ")
        elif tag == "pre":
            self._flush()
            self._builder.add(node.text(deep=True), "code")
        elif tag == "table" and self._layouts < _LAYOUTS and _is_data(node):
            self._flush()
            self._table(node)
        else:
            return False
        return True

    def _enter(self, tag: str) -> None:
        if tag not in _BLOCKS:
            return
        self._flush()
        if tag in ("ul", "ol", "dl", "dir"):
            self._lists.append(1 if tag == "ol" else None)
        elif tag in ("li", "dt", "dd"):
            self._mark = self._next_mark()
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "table":
            self._layouts += 1
        elif tag in _HEADINGS:
            self._heading = _HEADINGS[tag]

    def _leave(self, tag: str) -> None:
        if tag not in _BLOCKS:
            return
        self._flush()
        if tag in ("ul", "ol", "dl", "dir"):
            self._lists.pop()
        elif tag in ("li", "dt", "dd"):
            self._mark = None
        elif tag == "blockquote":
            self._quotes -= 1
        elif tag == "table":
            self._layouts -= 1
        elif tag in _HEADINGS:
            self._heading = 0

    def _next_mark(self) -> str:
        if not self._lists:
            return "- "
        number = self._lists[-1]
        indent = "  " * (min(len(self._lists), 10) - 1)
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _flush(self) -> None:
        """Turn the words gathered so far into a block."""
        said = _BROKEN.sub("\n", _SPACE.sub(" ", "".join(self._said))).strip(" \n")
        self._said.clear()
        if not said:
            return
        depth = len(self._lists)
        if self._heading:
            self._builder.add(
                said.replace("\n", " "), "heading", level=self._heading, mark="#" * self._heading + " "
            )
        elif depth or self._mark:
            mark = "  " * min(depth, 10) if self._mark is None else self._mark
            self._builder.add(said, "list_item", level=max(depth, 1), mark=mark)
            self._mark = None
        else:
            kind: BlockKind = "quote" if self._quotes else "paragraph"
            self._builder.add(said, kind)

    def _table(self, table: LexborNode) -> None:
        for caption in table.css("caption")[:1]:
            self._builder.add(_words(caption), "paragraph")
        add_table(self._builder, placed(map(_cell, row) for row in _rows(table)))


_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def _children(node: LexborNode) -> list[LexborNode]:
    return list(node.iter(include_text=True))


def _is_unsaid(node: LexborNode, tag: str, *, whole: bool) -> bool:
    """Whether a reader of the page would not see this element, or would not call it content."""
    attributes = node.attributes
    if attributes:
        if "hidden" in attributes or attributes.get("aria-hidden") == "true":
            return True
        style = (attributes.get("style") or "").replace(" ", "").lower()
        if "display:none" in style or "visibility:hidden" in style:
            return True
        if whole:
            return False
        if (attributes.get("role") or "") in _MACHINERY_ROLES:
            return True
        named = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
        if _MACHINERY_NAMES.search(named):
            return True
    return not whole and (tag in _MACHINERY or (tag == "footer" and _is_page_footer(node)))


def _is_page_footer(node: LexborNode) -> bool:
    above = node.parent
    while above is not None:
        if above.tag in ("article", "section", "blockquote", "main", "td"):
            return False
        above = above.parent
    return True


def _is_data(table: LexborNode) -> bool:
    """A table of data, not one that only places things on the page."""
    if table.attributes.get("role") in ("presentation", "none"):
        return False
    if table.css_first("td h1, td h2, td h3, td pre, td main, td article") is not None:
        return False
    rows = list(_rows(table))
    return any(len(row) > 1 for row in rows) and all(
        len(_words(cell)) < _CELL_AT_MOST for row in rows for cell in row
    )


def _rows(table: LexborNode) -> Iterator[list[LexborNode]]:
    """The cells of the table's own rows; the rows of a table inside a cell are words of that cell."""
    for part in _children(table):
        for row in (
            [part] if part.tag == "tr" else _children(part) if part.tag in ("thead", "tbody", "tfoot") else []
        ):
            if row.tag == "tr":
                yield [cell for cell in _children(row) if cell.tag in ("td", "th")]


def _cell(node: LexborNode) -> Cell:
    return Cell(_words(node), _span(node, "colspan"), _span(node, "rowspan"))


def _span(cell: LexborNode, name: str) -> int:
    said = (cell.attributes.get(name) or "").strip()
    return int(said) if said.isdecimal() and len(said) < _DIGITS else 1


def _words(node: LexborNode) -> str:
    """The words of an element on one line; blocks inside it are kept apart, words inside a block are not."""
    said: list[str] = []
    stack: list[LexborNode | None] = [node]
    while stack:
        inner = stack.pop()
        if inner is None:
            said.append(" ")
        elif inner.is_text_node:
            said.append(inner.text_content or "")
        elif inner.tag == "img":
            said.append(f" {inner.attributes.get('alt') or ''} ")
        elif (tag := inner.tag or "") not in _SILENT and not (
            inner is not node and _is_unsaid(inner, tag, whole=True)
        ):
            apart = [None] if tag in _BLOCKS or tag == "br" else []
            stack += [*apart, *reversed(_children(inner)), *apart]
    return _SPACE.sub(" ", "".join(said)).strip()
