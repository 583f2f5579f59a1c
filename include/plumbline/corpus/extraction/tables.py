"""
How a table becomes text: a line a row, `|` between cells, in the manner of Markdown.

A table that is too long for one chunk is laid out as several, each beginning with the row of headings: a line of
figures says nothing without them, wherever it is cut.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from plumbline.corpus.extraction.builder import Builder

_PART_CHARACTERS = 1_200
_HEADINGS_AT_MOST = 400
_LOOKED_AT = 5  # rows
_SPACE = re.compile(r"\s+")
_FIGURE = re.compile(r"[-+(]?[\d.,\s]+[%)]?")


def add_table(builder: Builder, rows: Iterable[Sequence[str]], *, page: int | None = None) -> None:
    """
    Add a table, in parts where it is long; rows and columns at its edges that are empty are left out.

    Raises:
        Unreadable: The text has become too long (`oversized`).
    """
    kept = [[_SPACE.sub(" ", cell).strip() for cell in row] for row in rows]
    kept = [row for row in kept if any(row)]
    for part in parts(kept):
        builder.add("\n".join(part), "table", page=page)


def parts(rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Yield the lines of each part of a table; the row of headings, where there is one, begins every part."""
    at = _headings(rows)
    head = line(rows[at]) if at is not None else ""
    lines: list[str] = []
    length = 0
    for row in rows:
        said = line(row)
        if lines and length + len(said) > _PART_CHARACTERS:
            yield lines
            lines, length = ([head], len(head)) if head else ([], 0)
        lines.append(said)
        length += len(said) + 1
    if lines:
        yield lines


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
