"""
Workbooks: a heading for each sheet, its cells as a table.

A citation names the sheet: its name is a heading, its number the page.  Cells are shown as people see them, by the
values that were last computed and in their formats.

Hidden sheets, rows and columns are left out, and counted in the metadata: nobody who opens the file sees them, and what
is hidden (margins, names, notes between colleagues) was not meant for readers.  Rows that a filter leaves out, and rows
and columns that are folded away below a sign that opens them, are read: they are a way of looking, and come back with a
click.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from plumbline.corpus.extraction.archives import demand_sound
from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part, Unreadable, too_long
from plumbline.corpus.extraction.properties import core_properties
from plumbline.corpus.extraction.tables import add_table
from plumbline.corpus.extraction.xlsx_figures import figure
from plumbline.corpus.extraction.xlsx_hidden import Hidden, hidden_in

_MIDNIGHT = time()


def read_xlsx(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A workbook as its text, its title, its parts and its metadata.

    Raises:
        Unreadable: It is protected, damaged, or too large.
    """
    import openpyxl

    demand_sound(content, entry="xl/workbook.xml")
    workbook = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    unseen = Counter({"hidden_sheets": len(workbook.worksheets) - len(sheets)})
    if len(sheets) > limits.pages:
        raise Unreadable(
            "too_many_pages", f"The file has {len(sheets):,} sheets; the limit is {limits.pages:,}."
        )
    metadata: dict[str, str | int] = {**core_properties(content), "pages": len(sheets)}
    builder = Builder(limits.characters)
    for number, sheet in enumerate(sheets, 1):
        hidden = hidden_in(sheet)
        unseen.update(hidden_rows=len(hidden.rows), hidden_columns=len(hidden.columns))
        rows = list(_rows(sheet, hidden, limits))
        if rows:
            builder.add_heading(sheet.title, 2, page=number)
            add_table(builder, rows, page=number)
    workbook.close()
    metadata |= {name: count for name, count in unseen.items() if count}
    title = metadata.get("title")
    return builder.text, None if title is None else str(title), builder.parts, metadata


def _rows(sheet: Any, hidden: Hidden, limits: Limits) -> Iterator[list[str]]:
    """The rows that hold something, without the empty columns at their right."""
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    characters = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        if number in hidden.rows:
            continue
        cells = [
            shown(cell.value, getattr(cell, "number_format", "") or "")
            for column, cell in enumerate(row, 1)
            if column not in hidden.columns
        ]
        while cells and not cells[-1]:
            cells.pop()
        characters += sum(map(len, cells))
        if characters > limits.characters:
            raise too_long(limits.characters)
        if cells:
            yield cells


def shown(value: object, number_format: str = "") -> str:
    """Return the value of a cell as a person reads it: dates in ISO 8601, figures without the dust of binary ones."""
    match value:
        case None:
            said = ""
        case bool():
            said = str(value).upper()
        case int() | float():
            plain = f"{value:.15g}" if isinstance(value, float) else str(value)
            said = figure(value, number_format) or plain
        case datetime() if value.time() == _MIDNIGHT:
            said = value.date().isoformat()
        case datetime():
            said = value.isoformat(" ", "seconds")
        case date() | time():
            said = value.isoformat()
        case _:
            said = str(value)
    return said
