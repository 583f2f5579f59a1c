"""
How a table becomes text: a line a row, `|` between cells, in the manner of Markdown.

A table that is too long for one chunk is laid out as several, each beginning with the row of headings: a line of
figures says nothing without them, wherever it is cut.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from plumbline.corpus.extraction.builder import Builder

_PART_CHARACTERS = 1_200
_HEADINGS_AT_MOST = 400
_LOOKED_AT = 5  # rows
_SPAN_AT_MOST = 1_000
_COVERED_AT_MOST = 100_000  # places a table; one made on purpose may cover any number
_SPACE = re.compile(r"\s+")
_FIGURE = re.compile(r"[-+(]?[\d.,\s]+[%)]?")


class Cell(NamedTuple):
    """What a cell says, and how many columns and rows it goes over."""

    said: str
    columns: int = 1
    rows: int = 1


def placed(rows: Iterable[Iterable[Cell]]) -> list[list[str]]:
    """
    Return the rows with every cell in its own column; what another cell goes over is empty, up to the last one.

    A column in which no cell begins is none: programs write such ones for every border that was moved a little.
    """
    made: list[list[str | None]] = []
    hanging: dict[int, int] = {}  # column to the rows that a cell above still goes over
    room = _COVERED_AT_MOST
    for row in rows:
        line: list[str | None] = []
        below: dict[int, int] = {}
        for cell in row:
            while hanging.get(len(line), 0) and room:
                line.append(None)
                room -= 1
            columns = min(max(cell.columns, 1), _SPAN_AT_MOST, room + 1)
            if cell.rows > 1:
                below |= dict.fromkeys(range(len(line), len(line) + columns), cell.rows)
            line += [cell.said, *[None] * (columns - 1)]
            room -= columns - 1
        while line and line[-1] is None:
            line.pop()
        hanging = {column: left - 1 for column, left in (hanging | below).items() if left > 1}
        made.append(line)
    begun = [any(cells) for cells in zip_longest(*([cell is not None for cell in line] for line in made))]
    return [[cell or "" for cell, kept in zip(line, begun, strict=False) if kept] for line in made]


def add_table(
    builder: Builder, rows: Iterable[Sequence[str]], *, page: int | None = None, pages: Sequence[int] = ()
) -> None:
    """
    Add a table, in parts where it is long; rows that are empty are left out.

    `page` is where it stands; `pages`, where they are known, are those on which its rows begin.

    Raises:
        Unreadable: The text has become too long (`oversized`).
    """
    told = [[_SPACE.sub(" ", cell).strip() for cell in row] for row in rows]
    kept = [number for number, row in enumerate(told) if any(row)]
    for begins, part in parts([told[number] for number in kept]):
        builder.add("\n".join(part), "table", page=pages[kept[begins]] if pages else page)


def parts(rows: Sequence[Sequence[str]]) -> Iterator[tuple[int, list[str]]]:
    """
    Yield the lines of each part of a table, and the number of the row, from 0, that it begins with.

    The row of headings, where there is one, begins every part.
    """
    at = _headings(rows)
    head = line(rows[at]) if at is not None else ""
    lines: list[str] = []
    length = begins = 0
    for number, row in enumerate(rows):
        said = line(row)
        if lines and length + len(said) > _PART_CHARACTERS:
            yield begins, lines
            lines, length, begins = ([head], len(head), number) if head else ([], 0, number)
        lines.append(said)
        length += len(said) + 1
    if lines:
        yield begins, lines


def line(cells: Sequence[str]) -> str:
    """Return one row; a bar inside a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _headings(rows: Sequence[Sequence[str]]) -> int | None:
    """The number of the row that names the columns: the first full one, unless it holds figures or is too long."""
    width = max(map(len, rows), default=0)
    for number, row in enumerate(rows[:_LOOKED_AT]):
        named = [cell for cell in row if cell]
        if len(named) > width / 2 and len(named) > 1:
            figures = any(_FIGURE.fullmatch(cell) for cell in named)
            return (
                None
                if figures or sum(map(len, row)) > _HEADINGS_AT_MOST or number + 1 == len(rows)
                else number
            )
    return None
