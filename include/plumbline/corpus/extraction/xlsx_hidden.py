"""Rows and columns of a sheet that nobody who opens it sees: `openpyxl` does not tell when it reads row by row."""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

_SIGN = b"hidden="
_COLUMNS_AT_MOST = 16_384
_ROWS_AT_MOST = 1_048_576


class Hidden(NamedTuple):
    """The numbers, from 1, of hidden rows and columns."""

    rows: frozenset[int]
    columns: frozenset[int]


def hidden_in(sheet: Any) -> Hidden:
    """
    Return what is hidden in a sheet that was opened for reading, but for what a filter or a fold hides.

    Raises:
        xml.etree.ElementTree.ParseError: The sheet is damaged.
    """
    with sheet._get_source() as source:  # noqa: SLF001 - the library has no other way to it
        if _SIGN not in source.read():
            return Hidden(frozenset(), frozenset())
    rows: set[int] = set()
    columns: set[int] = set()
    filtered = range(0)
    number = 0
    with sheet._get_source() as source:  # noqa: SLF001 - likewise
        for _, element in ET.iterparse(source):  # noqa: S314 - declarations were refused before
            tag = element.tag.rpartition("}")[2]
            if tag == "row":
                number = _number(element.get("r"), number + 1)
                rows |= {number} if _is_hidden(element) else set()
                element.clear()
            elif tag == "col" and _is_hidden(element):
                first = _number(element.get("min"), 1)
                columns |= set(range(first, min(_number(element.get("max"), first), _COLUMNS_AT_MOST) + 1))
            elif tag == "autoFilter" and any(child.tag.endswith("}filterColumn") for child in element):
                filtered = _rows_of(element.get("ref") or "")
    return Hidden(frozenset(rows.difference(filtered)), frozenset(columns))


def _is_hidden(element: ET.Element) -> bool:
    return element.get("hidden") in ("1", "true") and element.get("outlineLevel", "0") == "0"


def _rows_of(reference: str) -> range:
    """The rows of a reference such as A1:C30."""
    first, _, last = reference.partition(":")
    begin, end = (int("".join(filter(str.isdecimal, one)) or 0) for one in (first, last or first))
    return range(begin, min(end, _ROWS_AT_MOST) + 1)


def _number(said: str | None, otherwise: int) -> int:
    return int(said) if said and said.isdecimal() and len(said) <= len(str(_ROWS_AT_MOST)) else otherwise
