"""
From a document to its chunks: pieces, the tokens between them, packing, and the exact count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise, takewhile
from zlib import crc32

from plumbline.corpus.chunking.atoms import Atom, atoms
from plumbline.corpus.chunking.packing import Limits, Run, pack
from plumbline.corpus.extraction.model import Block, Extracted
from plumbline.corpus.language import UNDETERMINED, detect
from plumbline.corpus.tokens import counter

MAX_TOKENS = 512
"""No chunk is longer."""
SECTION_TOKENS = 512
"""Sections are joined with their neighbours up to this length; longer ones stand alone."""

_BESIDE = 24
_TAIL = 16
_HEADROOM = 64


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    A piece of a document: `text[start:end]`.

    `heading_path` holds the headings that all of it stands under; `page` and `last_page` are the pages that it begins
    and ends on; `sha256` is taken over its text in UTF-8; `ordinal` counts from 0.
    """

    start: int
    end: int
    ordinal: int
    heading_path: tuple[str, ...]
    page: int | None
    language: str
    tokens: int
    sha256: bytes
    last_page: int | None = None


def chunk(
    extracted: Extracted, *, max_tokens: int = MAX_TOKENS, section_tokens: int = SECTION_TOKENS
) -> list[Chunk]:
    """Return the chunks of a document, in order; see the promises of this package."""
    text, count = extracted.text, counter()
    # A heading is glued to what follows it, and must find room there.
    pieces = list(atoms(text, extracted.blocks, count, max(max_tokens - _HEADROOM, max_tokens // 2)))
    joints = _joints(text, pieces, count)
    packed = pack(
        pieces, [joint or 0 for joint in joints], _ranks(text, pieces), Limits(max_tokens, section_tokens)
    )
    chunks: list[Chunk] = []
    for run in _exact(text, pieces, joints, packed, count, max_tokens):
        start, end = pieces[run.first].start, pieces[run.last].end
        said = text[start:end]
        language = extracted.language
        if extracted.mixed and (detected := detect(said)) != UNDETERMINED:
            language = detected
        blocks = [piece.block for piece in pieces[run.first : run.last + 1]]
        digest = sha256(said.encode()).digest()
        path = _common_path(blocks)
        page, last = blocks[0].page, blocks[-1].page
        chunks.append(Chunk(start, end, len(chunks), path, page, language, run.tokens, digest, last))
    return chunks


def _ranks(text: str, pieces: Sequence[Atom]) -> list[int]:
    """A number for the cut before each piece that depends on the characters beside it alone."""
    ranks = [0]
    for left, right in pairwise(pieces):
        before = max(left.start, left.end - _BESIDE)
        ranks.append(crc32(text[before : right.start + _BESIDE].encode()))
    return ranks


def _joints(text: str, pieces: Sequence[Atom], count: Callable[[str], int]) -> list[int | None]:
    """
    The tokens between each piece and the one before it; None where a sum of counts would not be exact.

    The tokenizer never joins what stands before a line end with what stands after it, so at a line end the counts
    add up: only the white space, with the punctuation it clings to, has to be counted.
    """
    joints: list[int | None] = [0]
    for left, right in pairwise(pieces):
        gap = text[left.end : right.start]
        if not gap.endswith("\n"):
            joints.append(None)
            continue
        tail = text[_tail(text, left) : left.end]
        joints.append(_known(tail, gap) if len(gap) < _TAIL else count(tail + gap) - count(tail))
    return joints


@lru_cache(maxsize=4096)
def _known(tail: str, gap: str) -> int:
    """The tokens that a gap adds; there are few kinds, of which each is counted once."""
    count = counter()
    return count(tail + gap) - count(tail)


def _tail(text: str, piece: Atom) -> int:
    """
    Where the last characters of a piece begin that white space after it can be joined with.

    That is never a letter or a digit, and any run of other characters; where in doubt, more than enough.
    """
    last = piece.end - 1
    if text[last].isascii() and text[last].isalnum():
        return piece.end
    if last > piece.start and text[last].isascii() and text[last - 1].isascii() and text[last - 1].isalnum():
        return last
    start = max(piece.start, piece.end - _TAIL)
    while start > piece.start and not text[start].isalnum():
        start -= 1
    return start


def _exact(
    text: str,
    pieces: Sequence[Atom],
    joints: Sequence[int | None],
    runs: Sequence[Run],
    count: Callable[[str], int],
    max_tokens: int,
) -> Iterator[Run]:
    """The runs with their exact tokens; one that turns out too long is cut at its strongest place."""
    pending = list(reversed(runs))
    while pending:
        run = pending.pop()
        between = joints[run.first + 1 : run.last + 1]
        if None in between:
            tokens = count(text[pieces[run.first].start : pieces[run.last].end])
        else:
            tokens = sum(piece.tokens for piece in pieces[run.first : run.last + 1]) + sum(
                filter(None, between)
            )
        if tokens <= max_tokens or run.first == run.last:
            yield run._replace(tokens=tokens)
            continue
        middle = run.first + run.last
        cut = max(range(run.first + 1, run.last + 1), key=lambda at: (pieces[at].cut, -abs(2 * at - middle)))
        pending += (Run(cut, run.last, 0), Run(run.first, cut - 1, 0))


def _common_path(blocks: Sequence[Block]) -> tuple[str, ...]:
    """The headings that all of the text stands under; a heading alone says nothing that could stand elsewhere."""
    path, *others = dict.fromkeys(block.heading_path for block in blocks if block.kind != "heading") or {
        block.heading_path: None for block in blocks
    }
    for other in others:
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(path, other, strict=False)))
        path = path[:same]
    return path
