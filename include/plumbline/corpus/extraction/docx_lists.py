"""Numbered lists of Word documents: which ones are numbered, and the number of each item."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docx.document import Document

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_UNNUMBERED = ("bullet", "none", "")
_LEVELS = 9


class Lists:
    """The lists of one document, and how far each has been counted."""

    def __init__(self, document: Document) -> None:
        self._counted: dict[tuple[str, int], int] = {}
        self._kinds: dict[tuple[str, int], str] = {}
        with contextlib.suppress(KeyError, NotImplementedError):  # a document without lists has no such part
            numbering = document.part.numbering_part.element
            kinds = {
                abstract.get(f"{W}abstractNumId"): [
                    value(level, "numFmt") for level in abstract.findall(f"{W}lvl")
                ]
                for abstract in numbering.findall(f"{W}abstractNum")
            }
            for one in numbering.findall(f"{W}num"):
                for level, kind in enumerate(kinds.get(value(one, "abstractNumId"), ())):
                    self._kinds[one.get(f"{W}numId") or "", level] = kind

    def mark(self, name: str, level: int, depth: int) -> str:
        """
        Return what stands before the next item of a list: `3. `, or `- ` where it is not numbered.

        `level` is that of the list, from 0; `depth` is how deep the item is shown, from 1.
        """
        if self._kinds.get((name, level), "bullet") in _UNNUMBERED:
            return "- "
        number = self._counted.get((name, depth), 0) + 1
        # An item begins the lists below it anew.
        self._counted = {
            key: count for key, count in self._counted.items() if key[0] != name or key[1] <= depth
        }
        self._counted[name, depth] = number
        return f"{number}. "


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
