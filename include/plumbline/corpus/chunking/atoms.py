"""
The pieces of a document that are never cut, and how strongly each cut between them is wanted.

A block is one atom unless it is too long; then lines, sentences, and at last runs of words or characters are.  Where
a long run is cut depends on the characters at that place, so that cuts fall on the same words again after an edit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from plumbline.corpus.extraction.model import Block


class Cut(IntEnum):
    """How much a cut at this place would respect the document; the lowest are closed first."""

    GLUE = 0
    RUN = 1
    LINE = 2
    SENTENCE = 3
    ANNOUNCED = 4
    INNER_ITEM = 5
    ITEM = 6
    PARAGRAPH = 7
    HEADING_6 = 10
    HEADING_1 = 15


class Atom(NamedTuple):
    """A piece that stays whole; `cut` is the strength of the cut before it."""

    start: int
    end: int
    tokens: int
    cut: int
    block: Block


_TOKENS_PER_CHARACTER_AT_MOST = 4
"""A token has at least one byte, and a character at most four."""
_CHARACTERS_PER_TOKEN_AT_MOST = 64
"""Longer blocks are not even counted: they would not fit, unless they were nothing but blanks and dashes."""
_LEAST_CHARACTERS = 24
"""Shorter sentences and lines go with the next one: a file of a million full stops must not become a million atoms."""

# Each alternative begins only where its run of marks begins, or a line of a million dots would be read a million times.
_SENTENCE = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’»)\]*_]*+\s++(?=["'“‘«(\[*_]*+[^\sa-z])"""  # an end, white space, no lower case
    r"""|(?<![。！？｡])[。！？｡]++["'”’」』）)】]*+\s*+"""  # Chinese and Japanese need no space
    r"""|(?<![؟۔।॥])[؟۔।॥]++\s*+""",
)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CHOSEN = "".join(map(chr, (code for code in range(0x37, 0xD7A4, 16) if chr(code).isalnum())))
_RUN = re.compile(
    rf"(?s).{{48,120}}?[dnrsty,;:，、；]\s+"
    rf"|.{{48,120}}\s"
    rf"|.{{40,120}}?[，、；{_CHOSEN}]"
    rf"|.{{1,120}}",
)
_ANNOUNCES = (":", "：")


def atoms(text: str, blocks: Iterable[Block], count: Callable[[str], int], at_most: int) -> Iterator[Atom]:
    """Yield the atoms of a document in order, none of more than `at_most` tokens."""
    previous: Block | None = None
    for block in blocks:
        cut = _cut_before(block, previous, text)
        tokens = at_most + 1
        if block.end - block.start <= at_most * _CHARACTERS_PER_TOKEN_AT_MOST:
            tokens = count(text[block.start : block.end])
        if tokens <= at_most:
            yield Atom(block.start, block.end, tokens, cut, block)
        else:
            yield from _pieces(text, block, cut, count, at_most)
        previous = block


def _cut_before(block: Block, previous: Block | None, text: str) -> int:
    above = previous.kind if previous else None
    if block.kind == "heading":
        deeper = previous is not None and above == "heading" and previous.level < block.level
        return Cut.GLUE if deeper else Cut.HEADING_1 + 1 - block.level
    if above == "heading":
        return Cut.GLUE
    if above == block.kind == "list_item":
        return Cut.INNER_ITEM if block.level > 1 else Cut.ITEM
    if (
        previous is not None
        and above == "paragraph"
        and text.endswith(_ANNOUNCES, previous.start, previous.end)
    ):
        return Cut.ANNOUNCED
    return Cut.PARAGRAPH


def _pieces(text: str, block: Block, cut: int, count: Callable[[str], int], at_most: int) -> Iterator[Atom]:
    """A block that is too long, by lines or sentences, and these by runs where they are too long in turn."""
    by_line = block.kind in ("table", "code")
    spans = _lines(text, block) if by_line else _sentences(text, block)
    strength = Cut.LINE if by_line else Cut.SENTENCE
    for start, end in spans:
        tokens = count(text[start:end])
        if tokens <= at_most:
            yield Atom(start, end, tokens, cut, block)
            cut = strength
            continue
        for inner, last in _runs(text, start, end, at_most):
            yield Atom(inner, last, count(text[inner:last]), cut, block)
            cut = Cut.RUN
        cut = strength


def _lines(text: str, block: Block) -> Iterator[tuple[int, int]]:
    start = block.start
    for found in _LINE.finditer(text, block.start, block.end):
        if found.end() - start >= _LEAST_CHARACTERS:
            yield from _visible(text, start, found.end(), indented=True)
            start = found.end()
    yield from _visible(text, start, block.end, indented=True)


def _sentences(text: str, block: Block) -> Iterator[tuple[int, int]]:
    start = block.start
    for found in _SENTENCE.finditer(text, block.start, block.end):
        if found.end() - start >= _LEAST_CHARACTERS:
            yield from _visible(text, start, found.end())
            start = found.end()
    yield from _visible(text, start, block.end)


def _runs(text: str, start: int, end: int, at_most: int) -> Iterator[tuple[int, int]]:
    """Runs of at most 120 characters, which are at most 480 tokens; fewer where less is asked for."""
    longest = max(1, at_most // _TOKENS_PER_CHARACTER_AT_MOST)
    for found in _RUN.finditer(text, start, end):
        for part in range(found.start(), found.end(), longest):
            yield from _visible(text, part, min(part + longest, found.end()))


def _visible(text: str, start: int, end: int, *, indented: bool = False) -> Iterator[tuple[int, int]]:
    """The span without white space at its ends, but with the indentation of its first line where that has a meaning."""
    piece = text[start:end]
    if piece and not piece.isspace():
        first = start + len(piece) - len(piece.lstrip())
        yield (
            max(start, text.rfind("\n", start, first) + 1) if indented else first,
            start + len(piece.rstrip()),
        )
