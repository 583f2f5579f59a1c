"""
The entries of one sitemap file, in XML or as plain text, read in pieces.

Document types are refused before anything of them is expanded: they blow up a parser, or lead it out.  Pure.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Never
from xml.parsers import expat

from plumbline.web.outcomes import refusal

_LETTERS_AT_MOST = 4_096
_ENTRIES = {"urlset": "url", "sitemapindex": "sitemap"}
_FIELDS = frozenset({"loc", "lastmod"})
_ROOT, _ENTRY, _FIELD = 1, 2, 3
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Listed:
    """What one entry says: an address and a date as they are written, and whether it is of another sitemap."""

    location: str
    last_modified: str = ""
    is_sitemap: bool = False


def listed(pieces: Iterable[bytes]) -> Iterator[Listed]:
    """
    Read the entries of a file.

    Raises:
        Ended: It is no sitemap, or declares a document type (`unreadable`).  What stood before has been given.
    """
    pieces = iter(pieces)
    first = next(pieces, b"")
    everything = chain([first], pieces)
    if _is_xml(first):
        yield from _Reader().entries(everything)
    else:
        yield from (Listed(line) for line in _lines(everything))


def _is_xml(first: bytes) -> bool:
    for mark in _MARKS:
        if first.startswith(mark):
            return first[len(mark) :].lstrip(b"\0 \t\r\n").startswith(b"<")
    return first.lstrip().startswith(b"<")


@dataclass
class _Reader:
    """Knows at each moment how deep it is, and nothing of what it has left."""

    depth: int = 0
    space: str = ""
    entry: str = ""
    inside: bool = False
    name: str = ""
    text: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    found: list[Listed] = field(default_factory=list)

    def entries(self, pieces: Iterable[bytes]) -> Iterator[Listed]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _declared
        parser.StartElementHandler = self._began
        parser.EndElementHandler = self._ended
        parser.CharacterDataHandler = self._said
        for piece, is_last in chain(((piece, False) for piece in pieces), [(b"", True)]):
            try:
                parser.Parse(piece, is_last)
            except (expat.ExpatError, LookupError, ValueError):
                yield from self.found
                raise refusal("unreadable", "It is no well-formed XML.") from None
            yield from self.found
            self.found.clear()

    def _began(self, tag: str, _: object) -> None:
        space, _, name = tag.rpartition(" ")
        self.depth += 1
        if self.depth == _ROOT:
            if name not in _ENTRIES:
                raise refusal(
                    "unreadable", "It is no sitemap: the first element is neither urlset nor sitemapindex."
                )
            self.space, self.entry = space, _ENTRIES[name]
        elif self.depth == _ENTRY:
            self.inside = (space, name) == (self.space, self.entry)
            self.fields = {}
        elif self.depth == _FIELD:
            # Pictures and films of a page have a `loc` too, in spaces of their own.
            self.name = name if self.inside and space == self.space and name in _FIELDS else ""
            self.text = ""

    def _said(self, text: str) -> None:
        if self.depth == _FIELD and self.name and len(self.text) <= _LETTERS_AT_MOST:
            self.text += text[: _LETTERS_AT_MOST + 1]

    def _ended(self, _: str) -> None:
        if self.depth == _FIELD and self.name:
            self.fields.setdefault(self.name, self.text.strip())
            self.name = ""
        elif self.depth == _ENTRY and self.inside and self.fields.get("loc"):
            self.found.append(
                Listed(self.fields["loc"], self.fields.get("lastmod", ""), self.entry == "sitemap")
            )
        self.depth -= 1


def _declared(*_: object) -> Never:
    raise refusal("unreadable", "It declares a document type; none is read.")


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    line = ""
    for text in chain(map(decode, pieces), ["\n"]):
        *whole, rest = text.replace("\r", "\n").split("\n")
        for part in whole:
            if line := (line + part).strip():
                yield line[: _LETTERS_AT_MOST + 1]
            line = ""
        # A line without an end is bounded; it is refused as too long an address.
        line = (line + rest)[: _LETTERS_AT_MOST + 1]
