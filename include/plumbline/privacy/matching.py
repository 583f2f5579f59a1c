"""
A list of names, addresses and other values, found in texts as whole words.  Pure.

The time to look through a text does not grow with the list: its words are looked up in one table of first words, the
pairs that begin with one of those in another, and only what is left is compared in full.  Case and accents do not
count, with one exception: a name made of ordinary words only ("Mark Price") is not found in small letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from plumbline.privacy.detection import Span

NAME = "name"
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 16
_GAP = re.compile(r"[ \t\u00a0]{0,3}[.'’\-]?[ \t\u00a0]{0,3}\n?[ \t]{0,8}")
_TURNED = re.compile(r"[ \t]{0,2},[ \t]{0,3}\n?[ \t]{0,8}")
_LOOSE = re.compile(r"[\s.,;/#ºª°'’\-]{1,8}")
_JOINED = re.compile(r"[^\W_]_\Z")
_JOINING = re.compile(r"_[^\W_]")
_NUMBERS = frozenset({"phone", "card", "iban", "id", "licence"})


class Listed(NamedTuple):
    """One value of the list."""

    kind: str
    shown: str


class _Form(NamedTuple):
    """One way to write a value: `turned` is the name after the comma."""

    listed: Listed
    turned_after: int
    ordinary: bool


def words_of(text: str) -> list[str]:
    """Return the words of a text without case and accents."""
    return [_folded(word) for word in _WORD.findall(text)]


def normalised(kind: str, value: str) -> str:
    """Return the form in which all spellings of a value are the same, as the detection of its kind has it."""
    if kind == "email":
        return value.strip().casefold()
    if kind in _NUMBERS:
        sign = "+" if kind == "phone" and value.strip().startswith("+") else ""
        return sign + re.sub(r"[\W_]", "", value).upper()
    return " ".join(words_of(value))


class Matcher:
    """Finds the values of one list."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._forms: dict[str, _Form] = {}
        self._firsts: set[str] = set()
        self._pairs: set[str] = set()
        self._lengths: set[int] = set()
        for entry in listed:
            for words, turned_after in _forms(entry):
                ordinary = entry.kind == NAME and _ordinary().issuperset(words)
                self._add(words, _Form(entry, turned_after, ordinary))
        self._longest_first = sorted(self._lengths, reverse=True)

    def find(self, text: str) -> Iterator[Span]:
        """Yield every value of the list that the text holds, the longest from each word."""
        words = _WORD.findall(text.lower())
        if self._firsts.isdisjoint(words) and text.isascii():
            return
        if not text.isascii():
            words = [_folded(word) for word in words]
        if not self._may_hold(words):
            return
        places = [found.span() for found in _WORD.finditer(text)]
        folded = [_folded(text[start:end]) for start, end in places]
        after = 0
        for number, word in enumerate(folded):
            if number >= after and word in self._firsts:
                found = self._longest(text, places, folded, number)
                if found is not None:
                    after, span = found
                    yield span

    def _add(self, words: list[str], form: _Form) -> None:
        # Of two values that are written in the same way the first counts.
        self._forms.setdefault(" ".join(words), form)
        self._firsts.add(words[0])
        self._lengths.add(len(words))
        self._pairs.add(" ".join(words[:2]))

    def _may_hold(self, words: list[str]) -> bool:
        firsts, pairs = self._firsts, self._pairs
        return any(
            word in firsts and (word in pairs or " ".join(words[number : number + 2]) in pairs)
            for number, word in enumerate(words)
        )

    def _longest(
        self, text: str, places: list[tuple[int, int]], folded: list[str], number: int
    ) -> tuple[int, Span] | None:
        if folded[number] not in self._pairs and " ".join(folded[number : number + 2]) not in self._pairs:
            return None
        for length in self._longest_first:
            form = self._forms.get(" ".join(folded[number : number + length]))
            inside = places[number : number + length]
            if form is not None and len(inside) == length and _is_written(text, inside, form):
                kind, shown = form.listed
                start, end = inside[0][0], inside[-1][1]
                return number + length, Span(start, end, kind, normalised(kind, shown), shown)
        return None


def _forms(entry: Listed) -> Iterator[tuple[list[str], int]]:
    """The ways to write a value: as it is; a name also turned round, and without initials in its middle."""
    words = words_of(entry.shown)[:_MOST_WORDS]
    yield words, 0
    if entry.kind != NAME:
        return
    middle = words[1:-1]
    short = [words[0], words[-1]]
    if middle and all(len(word) == 1 for word in middle):
        yield short, 0
        yield short[::-1], 1
    # The surname may have several words: "García Márquez, Gabriel" and "Márquez, Gabriel García".
    for given in range(1, len(words)):
        yield [*words[given:], *words[:given]], len(words) - given


def _is_written(text: str, inside: list[tuple[int, int]], form: _Form) -> bool:
    """Whether only what belongs between the words of one value stands between these."""
    for number, (left, right) in enumerate(pairwise(inside), 1):
        between = text[left[1] : right[0]]
        plain = _GAP if form.listed.kind == NAME else _LOOSE
        expected = _TURNED if form.turned_after == number else plain
        if not expected.fullmatch(between):
            return False
    start, end = inside[0][0], inside[-1][1]
    if _JOINED.search(text, max(0, start - 2), start) or _JOINING.match(text, end):
        return False
    return not (form.ordinary and text[start:end].islower())


@lru_cache(maxsize=100_000)
def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign)) or word


@cache
def _ordinary() -> frozenset[str]:
    path = Path(__file__).parent / "ordinary_words.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
