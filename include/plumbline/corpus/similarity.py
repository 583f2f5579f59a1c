"""
How alike two texts are, and a signature by which texts that are alike find each other.

The similarity of two texts is the Jaccard similarity of their shingles: the runs of five words that both have, in
proportion to those that either has.  In scripts that are written without spaces each character counts as a word.
Case, punctuation, markup and white space do not count, so a text reads the same out of a PDF and out of a Word file.

A signature (MinHash) holds for each of 120 random orders of all shingles the first one that the text has; two texts
agree in as many places of theirs as they are alike.  It is cut into 20 bands of six places.  Texts that are 80 % the
same share a whole band in 997 of 1,000 cases, at 90 % practically always, at 30 % in one of 70; so a band is what an
index looks for, and `similarity` tells the truth about what it finds.

Everything here is pure, and the same on every machine: signatures are kept.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Shingles = NDArray[np.uint64]

METHOD = 1
"""The number of this way to make a signature; to be raised with any change to it, and all signatures are made anew."""

WORDS = 5
"""Words of a shingle."""

BANDS = 20
ROWS = 6

_REMEMBERED = 200_000  # distinct words
_BLOCK = 8_192  # shingles hashed at a time: their places fit into the processor's cache

_TO_SPACE = bytes(code if chr(code).isalnum() else 32 for code in range(128)) + bytes([32]) * 128
_UNSPACED = (
    "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u104f\u1780-\u17d3"
)
_WORD = re.compile(f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")


def shingles(text: str) -> Shingles:
    """
    Return the hashes (64 bits) of the distinct shingles of a text, in ascending order.

    A text of fewer than five words is one shingle; one without a word has none.
    """
    words = _hashed_words(text)
    if not len(words):
        return words
    runs = max(1, len(words) - WORDS + 1)
    mixed = np.zeros(runs, dtype=np.uint64)
    for place in range(min(WORDS, len(words))):
        mixed = mixed * _STEP + words[place : place + runs]
    return np.unique(_scattered(mixed))


def similarity(one: Shingles, other: Shingles) -> float:
    """Return the Jaccard similarity of two sets of shingles, 0 to 1; nothing is like nothing: 0."""
    common = np.intersect1d(one, other, assume_unique=True).size
    either = one.size + other.size - common
    return common / either if either else 0.0


def bands(found: Shingles) -> list[int]:
    """Return the bands of the signature of a text, as signed numbers of 64 bits; none of a text without shingles."""
    if not found.size:
        return []
    # The upper half of a hash is as good as the whole, and twice as fast to reorder.
    short = (found >> np.uint64(32)).astype(np.uint32)
    least = np.full(BANDS * ROWS, np.iinfo(np.uint32).max, dtype=np.uint32)
    for start in range(0, len(short), _BLOCK):
        reordered = _FACTORS[:, None] * short[None, start : start + _BLOCK] + _SUMMANDS[:, None]
        np.minimum(least, reordered.min(axis=1), out=least)
    # Each band begins with its number: what one text has in its second, another has not in its fifth.
    mixed = np.arange(1, BANDS + 1, dtype=np.uint64)
    for row in least.reshape(BANDS, ROWS).T:
        mixed = _scattered(mixed * _STEP + row)
    return [int(band) for band in mixed.view(np.int64)]


class _Words(dict[str, int]):
    """The words that were met, each with its hash."""

    def __missing__(self, word: str) -> int:
        """Hash a word, and remember it."""
        if len(self) >= _REMEMBERED:
            self.clear()
        hashed = self[word] = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
        return hashed


_known = _Words()


def _hashed_words(text: str) -> Shingles:
    words: list[str]
    if text.isascii():
        words = text.encode().translate(_TO_SPACE).decode().lower().split()
    else:
        words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return np.fromiter(map(_known.__getitem__, words), dtype=np.uint64, count=len(words))


def _scattered(values: Shingles) -> Shingles:
    """Numbers that are near each other become numbers that are not (the last step of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_STEP = np.uint64(0x9E3779B97F4A7C15)
# The orders: each multiplies by an odd number and adds another, modulo 2**32.
_SEEDS = _scattered(np.arange(1, 2 * BANDS * ROWS + 1, dtype=np.uint64) * _STEP)
_FACTORS = (_SEEDS[: BANDS * ROWS] >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
_SUMMANDS = (_SEEDS[BANDS * ROWS :] >> np.uint64(32)).astype(np.uint32)
