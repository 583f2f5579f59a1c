"""
reStructuredText, read as a document of its own: nothing is included, no raw markup is run, no file is opened.

Roles and directives of Sphinx that docutils does not know keep their words.
"""

from __future__ import annotations

import email.parser
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import BlockKind, Limits, Metadata, Part
from plumbline.corpus.extraction.rst_substitutions import demand_small
from plumbline.corpus.extraction.tables import Cell, add_table, placed
from plumbline.corpus.extraction.text import shorten, tidy_text

_HEADERS = re.compile(r"PEP: *\d+\n")
_DEEPEST = 100
_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "halt_level": 6,
    "report_level": 6,
    "_disable_config": True,
    "warning_stream": False,
    "line_length_limit": 10_000_000,
    "doctitle_xform": False,
    "smart_quotes": False,
    "traceback": True,  # otherwise it would end the process
}


def read_rst(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A reStructuredText file as its text, its title, its parts and its metadata.

    Raises:
        Unreadable: It is no text, or too long a one.
    """
    from docutils.core import publish_doctree
    from docutils.parsers.rst import roles

    reader = _prepared()
    roles._roles.clear()  # noqa: SLF001 - a role that one document defines would change how the next one is read
    source = tidy_text(content, limits)
    declared, body = _headers(source)
    tree = publish_doctree(body, reader=reader(parser="rst"), settings_overrides=_SETTINGS)
    builder = Builder(limits.characters)
    title = declared.get("title")
    if title:
        builder.add_heading(title, 1)
    _Reader(builder).read(tree, _Place(1 if title else 0))
    metadata = declared | _fields(tree)
    return builder.text, title or builder.first_heading, builder.parts, metadata


def _headers(source: str) -> tuple[dict[str, str], str]:
    """The mail-like headers that enhancement proposals begin with, and the rest."""
    if not _HEADERS.match(source):
        return {}, source
    head, _, body = source.partition("\n\n")
    found = {
        name.lower(): shorten(value, 1_000)
        for name, value in email.parser.HeaderParser().parsestr(head).items()
    }
    if "title" in found:
        found["title"] = f"PEP {found.get('pep', '')} – {found['title']}"
    return found, body


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands: the level of the section around it, the depth of the list, and whether it is a quote."""

    level: int
    listed: int = 0
    kind: BlockKind = "paragraph"


class _Reader:
    """Walks a tree of docutils."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._readers: dict[str, Callable[[Any, _Place], None]] = {
            **dict.fromkeys(_TITLES, self._heading),
            **dict.fromkeys(("literal_block", "doctest_block", "math_block"), self._code),
            **dict.fromkeys(_LISTS, self._list),
            **dict.fromkeys(_PARAGRAPHS, self._paragraph),
            **dict.fromkeys(_UNSAID, lambda *_: None),
            "section": lambda node, place: self.read(node, _Place(place.level + 1, 0, place.kind)),
            "block_quote": lambda node, place: self.read(node, replace(place, kind="quote")),
            **dict.fromkeys(_ADMONITIONS, self._admonition),
            "system_message": self._complaint,
            "table": self._table,
            **dict.fromkeys(("topic", "sidebar", "admonition"), self._aside),
            "image": self._image,
        }

    def read(self, root: Any, place: _Place, depth: int = 0) -> None:
        """Add the blocks below a node, in order."""
        for child in root.children:
            if reader := self._readers.get(type(child).__name__):
                reader(child, place)
            elif child.children and depth < _DEEPEST:
                self.read(child, place, depth + 1)

    def _heading(self, node: Any, place: _Place) -> None:
        self._builder.add_heading(_words(node), max(place.level, 1))

    def _admonition(self, node: Any, place: _Place) -> None:
        self._builder.add(f"{type(node).__name__.title()}:", "paragraph")
        self.read(node, place)

    def _aside(self, node: Any, place: _Place) -> None:
        """What stands beside the text has a title, and begins no section; a table of contents repeats headings."""
        if "contents" in node["classes"]:
            return
        for child in node.children:
            if type(child).__name__ in _TITLES:
                self._builder.add(_words(child), "paragraph")
            else:
                self.read(_Holder([child]), place)

    def _image(self, node: Any, place: _Place) -> None:
        self._builder.add(_words(node), place.kind)

    def _complaint(self, node: Any, _: _Place) -> None:
        """What docutils could not read, as it stands in the source."""
        for block in node.children:
            if type(block).__name__ == "literal_block":
                self._builder.add(block.astext(), "code")

    def _code(self, node: Any, _: _Place) -> None:
        self._builder.add(node.astext(), "code")

    def _paragraph(self, node: Any, place: _Place) -> None:
        if place.listed:
            self._builder.add(
                _words(node), "list_item", level=place.listed, mark="  " * min(place.listed, 10)
            )
        else:
            self._builder.add(_words(node), place.kind)

    def _list(self, node: Any, place: _Place) -> None:
        numbered = type(node).__name__ == "enumerated_list"
        inner = _Place(place.level, min(place.listed + 1, _DEEPEST))
        for number, item in enumerate(node.children, int(node.get("start", 1)) if numbered else 1):
            mark = "  " * min(place.listed, 10) + (f"{number}. " if numbered else "- ")
            if type(item).__name__ == "list_item":
                first, *rest = item.children or [None]
                if first is not None and type(first).__name__ not in _PARAGRAPHS:
                    first, rest = None, item.children
                said = "" if first is None else _words(first)
            else:  # a term or a field, and what is said of it
                said, rest = ": ".join(filter(None, map(_words, item.children[:-1]))), item.children[-1:]
            self._builder.add(said, "list_item", level=place.listed + 1, mark=mark)
            for part in rest:
                self.read(_Holder([part]), inner)

    def _table(self, table: Any, _: _Place) -> None:
        for caption in table.findall(lambda node: type(node).__name__ == "title"):
            self._builder.add(_words(caption), "paragraph")
        add_table(self._builder, placed(map(_cell, row.children) for row in _rows(table)))


class _Holder:
    """A node of which only the children matter."""

    def __init__(self, children: list[Any]) -> None:
        self.children = children


_TITLES = ("title", "rubric", "subtitle")
_UNSAID = (
    "comment",
    "target",
    "substitution_definition",
    "pending",
    "meta",
    "docinfo",
    "raw",
    "image_reference",
    "decoration",
)
_ADMONITIONS = ("attention", "caution", "danger", "error", "hint", "important", "note", "tip", "warning")
_LISTS = ("bullet_list", "enumerated_list", "definition_list", "field_list", "option_list")
_PARAGRAPHS = ("paragraph", "line_block", "attribution", "caption", "term")


def _rows(node: Any) -> Iterator[Any]:
    """The rows of a table, but not those of tables inside it."""
    for child in node.children:
        if type(child).__name__ == "row":
            yield child
        elif type(child).__name__ in ("tgroup", "thead", "tbody"):
            yield from _rows(child)


def _cell(entry: Any) -> Cell:
    return Cell(_words(entry), 1 + int(entry.get("morecols", 0)), 1 + int(entry.get("morerows", 0)))


def _words(node: Any) -> str:
    return " ".join(node.astext().split())


def _fields(tree: Any) -> dict[str, str]:
    """What the bibliographic fields at the beginning say."""
    found: dict[str, str] = {}
    for info in tree.findall(lambda node: type(node).__name__ == "docinfo"):
        for field in info.children:
            name, *rest = (
                [part.astext() for part in field.children] if type(field).__name__ == "field" else ("",)
            )
            key = name.lower() if name else type(field).__name__
            said = " ".join(rest) if name else field.astext()
            if said.strip():
                found[shorten(key, 100)] = shorten(said, 1_000)
    return found


@cache
def _prepared() -> Any:
    """Give unknown directives and roles a meaning that keeps their words; return a reader that is not led astray."""
    from docutils import nodes
    from docutils.parsers.rst import Directive, directives, roles
    from docutils.readers.standalone import Reader

    class Wary(Reader):  # type: ignore[misc]
        """A reader that looks at the substitutions before any is made."""

        def parse(self) -> None:
            """Parse, and look."""
            super().parse()
            demand_small(self.document)

    class Kept(Directive):  # type: ignore[misc]
        """A directive that nobody here knows: its argument and its contents, without its options."""

        has_content = True
        optional_arguments = 1
        final_argument_whitespace = True
        option_spec = _Anything()

        def run(self) -> list[Any]:
            """Read the contents as they would be read anywhere."""
            held = nodes.container()
            if self.arguments and self.name not in _NAMING:
                held += nodes.paragraph("", self.arguments[0])
            self.state.nested_parse(self.content, self.content_offset, held)
            return [held]

    known_directive, known_role = directives.directive, roles.role

    def directive(name: str, language: Any, document: Any) -> Any:
        found, messages = known_directive(name, language, document)
        # `date` would put the moment of reading into the text.
        return (Kept, []) if found is None or name.lower() == "date" else (found, messages)

    def role(name: str, language: Any, lineno: int, reporter: Any) -> Any:
        found, messages = known_role(name, language, lineno, reporter)
        return (_role, []) if found is None else (found, messages)

    directives.directive, roles.role = directive, role
    return Wary


def _role(*found: Any) -> tuple[list[Any], list[Any]]:
    """What a reader would see of a role: the words before the address, or all of it."""
    from docutils import nodes

    _, raw, text, *_ = found
    return [nodes.inline(raw, re.sub(r"\s*<[^<>]*>$", "", text) or text)], []


_NAMING = frozenset({"toctree", "module", "currentmodule", "index", "highlight", "default-role"})


class _Anything(dict[str, Any]):
    """Options of any name, whatever their values."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return lambda value: value

    def __contains__(self, name: object) -> bool:
        return True
