"""
What reading a document gives, and how it fails.

- A span is a pair of code-point offsets into `Extracted.text`, end exclusive; `text[start:end]` is exact.
  Citations, chunks and lineage stand on this.
- Blocks are in order, never overlap, and together cover every character that is not white space, so nothing a
  document says can be lost between reading and chunking.
- A document that cannot be read is an `Unreadable` with a code for machines and a sentence for people; it is never
  an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

from plumbline.core.errors import Fatal

BlockKind = Literal["heading", "paragraph", "list_item", "table", "code", "quote"]
UnreadableCode = Literal[
    "empty",
    "encrypted",
    "image_only",
    "malformed",
    "binary",
    "oversized",
    "too_many_pages",
    "timeout",
    "out_of_memory",
    "crashed",
]
Metadata = Mapping[str, str | int | float | bool | list[str]]


class Unreadable(Fatal):
    """The document cannot be read; `code` says why in one word, the message says it to a person."""

    def __init__(self, code: UnreadableCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def too_long(characters: int) -> Unreadable:
    """Return the refusal of a document that holds more text than this."""
    return Unreadable("oversized", f"The document holds more than {characters:,} characters of text.")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one document may ask for."""

    seconds: float = 30.0
    memory_bytes: int = 768 * 1024 * 1024
    characters: int = 10_000_000
    pages: int = 5_000


LIMITS = Limits()
"""What a document may ask for unless a caller says otherwise."""


class Part(NamedTuple):
    """A block as a reader of one format sees it; `title` is set for headings only."""

    start: int
    end: int
    kind: BlockKind
    level: int = 0
    page: int | None = None
    title: str | None = None


class Block(NamedTuple):
    """
    A piece of a document's structure.

    `level` is 1 to 6 for a heading and the depth of nesting, from 1, for a list item; otherwise 0.
    `heading_path` holds the titles of the headings above the block, the outermost first; a heading is part of its own
    path.  `page` counts from 1, in formats that have pages.
    """

    start: int
    end: int
    kind: BlockKind
    level: int = 0
    heading_path: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """
    A document that has been read.

    `text` is in Unicode NFC with single line feeds and holds no NUL and no lone surrogate.  `language` is an ISO 639-1
    code or "und"; `mixed` says that parts of the document are in another language.
    """

    text: str
    title: str
    language: str
    blocks: list[Block]
    metadata: Metadata = field(default_factory=dict)
    mixed: bool = False


_PARTS_AT_MOST = 100_000

_NOT_WHITE = re.compile(r"\S")


def bounded(parts: Iterable[Part]) -> list[Part]:
    """
    As many parts as any document needs.

    The rest of one that has more is left to `with_paths`, which makes it a single paragraph: nothing is lost, and
    memory stays flat.
    """
    return list(islice(parts, _PARTS_AT_MOST))


def with_paths(text: str, parts: Iterable[Part]) -> list[Block]:
    """Give every part the path of the headings above it, and cover what no part covers with paragraphs."""
    blocks: list[Block] = []
    above: list[tuple[int, str]] = []
    path: tuple[str, ...] = ()
    end = 0
    page: int | None = None
    for part in parts:
        start = max(part.start, end)
        if start > end and (loose := _trimmed(text, end, start)):
            blocks.append(Block(*loose, "paragraph", 0, path, page))
        span = _trimmed(text, start, part.end)
        if span is None:
            continue
        if part.kind == "heading":
            above = [heading for heading in above if heading[0] < part.level]
            if part.title:
                above.append((part.level, part.title))
            path = tuple([title for _, title in above])
        page = part.page
        end = span[1]
        blocks.append(Block(span[0], end, part.kind, part.level, path, page))
    if loose := _trimmed(text, end, len(text)):
        blocks.append(Block(*loose, "paragraph", 0, path, page))
    return blocks


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span from the beginning of its first line that is not blank to its last character that is not white."""
    if start >= end:
        return None
    if text[start].isspace():
        found = _NOT_WHITE.search(text, start, end)
        if not found:
            return None
        start = max(start, text.rfind("\n", start, found.start()) + 1)
    while text[end - 1].isspace():
        end -= 1
    return start, end
