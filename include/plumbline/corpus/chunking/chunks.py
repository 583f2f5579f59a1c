"""
Close cuts, the weakest first, as long as the two sides fit into one chunk.

Two neighbouring pieces are joined when nothing weaker is left to join and the sum fits.  Cuts of equal strength are
taken in the order of a hash of the characters beside them: an order that belongs to the place and not to its number,
which is what keeps an edit local.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from zlib import crc32

from plumbline.corpus.chunking.atoms import Atom, Cut, atoms
from plumbline.corpus.extraction.model import Block, Extracted
from plumbline.corpus.language import UNDETERMINED, detect
from plumbline.corpus.tokens import counter

MAX_TOKENS = 512
"""No chunk is longer."""
SECTION_TOKENS = 512
"""Sections are joined with their neighbours up to this length; longer sections stand alone."""

_BESIDE = 24
_TAIL = 16
_HEADROOM = 64


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    A piece of a document: `text[start:end]`.

    `heading_path` holds the headings that all of it stands under; `page` is the page it begins on; `sha256` is taken
    over its text in UTF-8; `ordinal` counts from 0.
    """

    start: int
    end: int
    ordinal: int
    heading_path: tuple[str, ...]
    page: int | None
    language: str
    tokens: int
    sha256: bytes


def chunk(
    extracted: Extracted, *, max_tokens: int = MAX_TOKENS, section_tokens: int = SECTION_TOKENS
) -> list[Chunk]:
    """Return the chunks of a document, in order; see the promises of this package."""
    text, count = extracted.text, counter()
    pieces = list(atoms(text, extracted.blocks, count, max(max_tokens - _HEADROOM, max_tokens // 2)))
    joints = _joints(text, pieces, count)
    chunks: list[Chunk] = []
    for first, last, tokens in _fitting(text, pieces, joints, count, max_tokens, section_tokens):
        start, end = pieces[first].start, pieces[last].end
        said = text[start:end]
        language = extracted.language
        if extracted.mixed and (detected := detect(said)) != UNDETERMINED:
            language = detected
        chunks.append(
            Chunk(
                start,
                end,
                len(chunks),
                _common_path([piece.block for piece in pieces[first : last + 1]]),
                pieces[first].block.page,
                language,
                tokens,
                sha256(said.encode()).digest(),
            )
        )
    return chunks


def _joints(text: str, pieces: list[Atom], count: Callable[[str], int]) -> list[int | None]:
    """
    The tokens between each piece and the one before it; None where the sum would not be exact.

    The tokenizer never joins what stands before a line end with what stands after it, so at a line end the counts
    add up: only the white space, with the punctuation it clings to, has to be counted again.
    """
    joints: list[int | None] = [None]
    known: dict[str, int] = {}
    for left, right in zip(pieces, pieces[1:], strict=False):
        gap = text[left.end : right.start]
        if not gap.endswith("\n"):
            joints.append(None)
            continue
        tail = text[_tail(text, left) : left.end]
        joined = tail + gap
        if joined not in known:
            known[joined] = count(joined) - count(tail)
        joints.append(known[joined])
    return joints


def _tail(text: str, piece: Atom) -> int:
    """Where the last characters begin that the white space after a piece can be joined with."""
    last = piece.end - 1
    if text[last].isascii() and text[last].isalnum():
        return last
    before = last - 1
    if before >= piece.start and text[before].isascii() and text[before].isalnum() and text[last].isascii():
        return before
    start = max(piece.start, piece.end - _TAIL)
    while start > piece.start and not text[start].isalnum():
        start -= 1
    return start


def _fitting(
    text: str,
    pieces: list[Atom],
    joints: list[int | None],
    count: Callable[[str], int],
    max_tokens: int,
    section_tokens: int,
) -> Iterator[tuple[int, int, int]]:
    """The chunks as (first piece, last piece, exact tokens), in order."""
    for first, last, tokens in _closed(text, pieces, joints, max_tokens, section_tokens):
        if None not in joints[first + 1 : last + 1]:
            yield first, last, tokens
        else:
            yield from _counted(text, pieces, first, last, count, max_tokens)


def _closed(
    text: str, pieces: list[Atom], joints: list[int | None], max_tokens: int, section_tokens: int
) -> Iterator[tuple[int, int, int]]:
    """Close the cuts, the weakest first."""
    order = sorted(
        (pieces[at].cut, crc32(text[pieces[at - 1].end - _BESIDE : pieces[at].start + _BESIDE].encode()), at)
        for at in range(1, len(pieces))
    )
    size = [piece.tokens for piece in pieces]  # valid at the first piece of a run
    first = list(range(len(pieces)))  # valid at the last piece of a run
    last = list(range(len(pieces)))  # valid at the first piece of a run
    for cut, _, at in order:
        left, right = first[at - 1], last[at]
        together = size[left] + (joints[at] or 0) + size[at]
        if together <= (max_tokens if cut < Cut.HEADING_6 else section_tokens):
            size[left] = together
            last[left], first[right] = right, left
    at = 0
    while at < len(pieces):
        yield at, last[at], size[at]
        at = last[at] + 1


def _counted(
    text: str, pieces: list[Atom], first: int, last: int, count: Callable[[str], int], max_tokens: int
) -> Iterator[tuple[int, int, int]]:
    """A run whose tokens were added up across places where sums may be off: counted, and cut if it is too long."""
    tokens = count(text[pieces[first].start : pieces[last].end])
    if tokens <= max_tokens or first == last:
        yield first, last, tokens
        return
    middle = max(range(first + 1, last + 1), key=lambda at: (pieces[at].cut, -abs(2 * at - first - last)))
    yield from _counted(text, pieces, first, middle - 1, count, max_tokens)
    yield from _counted(text, pieces, middle, last, count, max_tokens)


def _common_path(blocks: list[Block]) -> tuple[str, ...]:
    path = blocks[0].heading_path
    for block in blocks:
        if block.heading_path is not path and block.heading_path[: len(path)] != path:
            other = block.heading_path
            same = 0
            while same < min(len(path), len(other)) and path[same] == other[same]:
                same += 1
            path = path[:same]
    return path
