"""Numbered lists of Word documents: which ones are numbered, where they begin, and the number of each item."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from docx.document import Document

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_UNNUMBERED = ("bullet", "none", "")
_LEVELS = 9
_DIGITS = 6
_LETTERS_AT_MOST = 26 * 5  # the 27th is aa, the 53rd aaa
_ROMAN_AT_MOST = 3_999
_ROMAN = (
    *(
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
    ),
    *((9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


class Lists:
    """The lists of one document, and how far each has been counted."""

    def __init__(self, document: Document) -> None:
        self._counted: dict[tuple[str, int], int] = {}
        self._kinds: dict[tuple[str, int], _Level] = {}
        with contextlib.suppress(KeyError, NotImplementedError):  # a document without lists has no such part
            numbering = document.part.numbering_part.element
            levels = {
                abstract.get(f"{W}abstractNumId"): [_Level.of(level) for level in abstract.findall(f"{W}lvl")]
                for abstract in numbering.findall(f"{W}abstractNum")
            }
            for one in numbering.findall(f"{W}num"):
                name = one.get(f"{W}numId") or ""
                for number, level in enumerate(levels.get(value(one, "abstractNumId"), ())):
                    self._kinds[name, number] = level
                for other in one.findall(f"{W}lvlOverride"):
                    at = name, _number(other.get(f"{W}ilvl"), 0)
                    begun = _number(value(other, "startOverride"), -1)
                    changed = [_Level.of(level) for level in other.findall(f"{W}lvl")][:1]
                    for level in changed or ([self._kinds[at]] if at in self._kinds else []):
                        self._kinds[at] = level if begun < 0 else level._replace(start=begun)

    def mark(self, name: str, level: int, depth: int) -> str:
        """
        Return what stands before the next item of a list: `3. `, or `- ` where it is not numbered.

        `level` is that of the list, from 0; `depth` is how deep the item is shown, from 1.
        """
        kind = self._kinds.get((name, level), _BULLET)
        if kind.form in _UNNUMBERED:
            return "- "
        number = self._counted.get((name, depth), kind.start - 1) + 1
        # An item begins the lists below it anew.
        self._counted = {
            key: count for key, count in self._counted.items() if key[0] != name or key[1] <= depth
        }
        self._counted[name, depth] = number
        return f"{numeral(number, kind.form)}. "


class _Level(NamedTuple):
    """How a level of a list is numbered, and where it begins."""

    form: str
    start: int

    @classmethod
    def of(cls, level: Any) -> _Level:
        return cls(value(level, "numFmt"), _number(value(level, "start"), 1))


_BULLET = _Level("bullet", 1)


def numeral(number: int, form: str) -> str:
    """Return a number in one of Word's forms; in digits where the form has no more numerals, or is another.  Pure."""
    said = str(number)
    if form.endswith("Letter") and 0 < number <= _LETTERS_AT_MOST:
        turn, letter = divmod(number - 1, 26)
        said = chr(ord("a") + letter) * (turn + 1)
    elif form.endswith("Roman") and 0 < number <= _ROMAN_AT_MOST:
        said = ""
        for worth, sign in _ROMAN:
            said += sign * (number // worth)
            number %= worth
    elif form == "decimalZero":
        said = said.zfill(2)
    return said.upper() if form.startswith("upper") else said


def _number(said: str | None, otherwise: int) -> int:
    return int(said) if said and said.isdecimal() and len(said) < _DIGITS else otherwise


def numbering(properties: Iterable[Any]) -> tuple[str, int] | None:
    """Return the list and the level, from 0, that the first of these paragraph properties names; None for no list."""
    for one in properties:
        found = None if one is None else one.find(f"{W}numPr")
        if found is not None and (name := value(found, "numId")):
            level = value(found, "ilvl")
            return None if name == "0" else (name, min(int(level), _LEVELS - 1) if level.isdigit() else 0)
    return None


def value(element: Any, name: str) -> str:
    """Return the value of a property below an element; empty where there is none."""
    found = element.find(f"{W}{name}")
    return "" if found is None else found.get(f"{W}val") or ""
