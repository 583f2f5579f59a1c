"""A workbook is read sheet by sheet, its cells as people see them."""

from __future__ import annotations

import datetime as dt
import io

import openpyxl
import pytest

from plumbline.corpus.extraction import Limits, Unreadable, extract
from plumbline.corpus.extraction.xlsx import read_xlsx, shown


def saved(workbook) -> bytes:
    """A workbook as a file."""
    made = io.BytesIO()
    workbook.save(made)
    return made.getvalue()


def book(**sheets: list[list[object]]) -> bytes:
    """A workbook of these sheets."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return saved(workbook)


def test_sheets_are_headings_and_pages():
    """A citation names the sheet; an empty one says nothing, yet keeps its number."""
    content = book(Prices=[["Boat", "Price"], ["small", 40], [], ["large", 80.5]], Empty=[], Staff=[["Ada"]])

    text, title, parts, metadata = read_xlsx(content, Limits())

    assert ("## Prices\n\n| Boat | Price |\n| small | 40 |\n| large | 80.5 |\n\n## Staff\n\n| Ada |") == text
    assert [1, 1, 3, 3] == [part.page for part in parts]
    assert (None, 3) == (title, metadata["pages"])


def test_a_workbook_without_a_title_is_known_by_its_name():
    """The name of its first sheet is Sheet1 nearly always."""
    assert (
        "berth prices" == extract(book(Sheet1=[["Boat", "Price"]]), "xlsx", "lists/berth-prices.xlsx").title
    )


def test_hidden_sheets_are_left_out():
    """Nobody who opens the file sees them."""
    workbook = openpyxl.Workbook()
    workbook.active.append(["seen"])
    hidden = workbook.create_sheet("secret")
    hidden.append(["unseen"])
    hidden.sheet_state = "hidden"

    assert "unseen" not in read_xlsx(saved(workbook), Limits())[0]


@pytest.mark.parametrize(
    ("value", "number_format", "said"),
    [
        (None, "", ""),
        (True, "", "TRUE"),
        (0.1 + 0.2, "", "0.3"),
        (12, "General", "12"),
        (1e21, "", "1e+21"),
        (4111111111111111, "0", "4111111111111111"),
        (0.125, "0.0%", "12.5%"),
        (0.25, "0%", "25%"),
        (0.125, "0%", "13%"),
        (1234567, "#,##0", "1,234,567"),
        (1234.5, "#,##0.00", "1,234.50"),
        (-1234.5, '#,##0.00 "€"', "-1,234.50 €"),
        (1234.5, "#,##0.00\\ [$€-407]", "1,234.50 €"),
        (-40, "$#,##0_);[Red]($#,##0)", "($40)"),
        (40, "$#,##0_);[Red]($#,##0)", "$40"),
        (0, '0.00;-0.00;"none"', "none"),
        (1067, "00000", "01067"),
        (12_500_000, "#,##0.0,,", "12.5"),
        (0.5, "#.##", ".5"),
        (12.5, "0.###", "12.5"),
        (-0.001, "0.00", "0.00"),
        (7, '0 "berths"', "7 berths"),
        (7, '0 "berths; large"', "7 berths; large"),
        (-7, "0;;0", "-7"),
        (0.1 + 0.2, "General", "0.3"),
        (0.5, "# ?/?", "0.5"),
        (12345, "0.00E+00", "12345"),
        (5, "[>100]0;0.0", "5"),
        (1e300, "0.00", "1e+300"),
        (5, "0" * 300, "5"),
        (dt.datetime(2026, 5, 1), "", "2026-05-01"),  # noqa: DTZ001 - cells have no time zone
        (dt.datetime(2026, 5, 1, 9, 30), "", "2026-05-01 09:30:00"),  # noqa: DTZ001
        (dt.time(9, 30), "", "09:30:00"),
        (dt.timedelta(hours=26), "", "1 day, 2:00:00"),
        ("#REF!", "", "#REF!"),
    ],
)
def test_cells_are_shown_as_people_see_them(value, number_format, said):
    """Without the dust of binary fractions, and days as days."""
    assert said == shown(value, number_format)


def test_a_long_sheet_repeats_its_headings():
    """A chunk from its middle still says which column is which."""
    rows = [["Boat", "Price"], *([f"boat {number}", number] for number in range(2_000))]

    text, _, parts, _ = read_xlsx(book(Prices=rows), Limits())

    tables = [text[part.start : part.end] for part in parts if part.kind == "table"]
    assert len(tables) > 10
    assert {"| Boat | Price |"} == {table.split("\n")[0] for table in tables}
    assert 2_000 == sum(table.count("\n") for table in tables)


def test_a_sheet_that_says_too_much_is_refused():
    """Before all of it is held in memory."""
    with pytest.raises(Unreadable, match="more than 1,000 characters"):
        read_xlsx(book(Big=[["x" * 100]] * 50), Limits(characters=1_000))


def test_hidden_rows_and_columns_are_left_out_and_counted():
    """Margins stand in them, and the names of colleagues; a reader of the sheet sees neither."""
    workbook = openpyxl.Workbook()
    for row in (
        ["Boat", "Margin", "Price"],
        ["small", "secret", 40],
        ["unseen", "secret", 60],
        ["large", "secret", 80],
    ):
        workbook.active.append(row)
    workbook.active.column_dimensions["B"].hidden = True
    workbook.active.row_dimensions[3].hidden = True
    workbook.create_sheet("secret").sheet_state = "hidden"

    text, _, _, metadata = read_xlsx(saved(workbook), Limits())

    assert "| Boat | Price |\n| small | 40 |\n| large | 80 |" in text
    assert "secret" not in text
    assert (1, 1, 1) == tuple(metadata[f"hidden_{what}"] for what in ("sheets", "rows", "columns"))


def test_what_is_filtered_or_folded_away_is_read():
    """It comes back with a click: whoever saved the file looked at a part of it."""
    workbook = openpyxl.Workbook()
    for row in (["Boat", "Price"], ["small", 40], ["filtered", 60], ["folded", 80], ["unseen", 90]):
        workbook.active.append(row)
    workbook.active.auto_filter.ref = "A1:B3"
    workbook.active.auto_filter.add_filter_column(0, ["small"])
    workbook.active.row_dimensions[3].hidden = True
    workbook.active.row_dimensions.group(4, 4, hidden=True)
    workbook.active.row_dimensions[5].hidden = True
    workbook.active.column_dimensions.group("B", "B", hidden=True)

    text, _, _, metadata = read_xlsx(saved(workbook), Limits())

    assert "| filtered | 60 |\n| folded | 80 |" in text
    assert "unseen" not in text
    assert (1, None) == (metadata["hidden_rows"], metadata.get("hidden_columns"))
