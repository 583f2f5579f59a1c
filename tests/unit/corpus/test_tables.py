"""A table stays a table: each row a line, and each part of a long one under its headings."""

from __future__ import annotations

import io

import docx
import odfdo
import openpyxl
import pptx
import pytest

from plumbline.corpus.extraction import extract
from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.tables import Cell, add_table, line, parts, placed

HEAD = ["Berth", "Length"]


def rows(count: int) -> list[list[str]]:
    """A table of so many rows below its headings."""
    return [HEAD, *([f"berth {number}", f"{number} m"] for number in range(count))]


def test_every_part_of_a_long_table_begins_with_its_headings():
    """A line of figures says nothing without them, and a chunk may begin anywhere."""
    made = [lines for _, lines in parts(rows(300))]

    assert len(made) > 3
    assert {line(HEAD)} == {part[0] for part in made}
    assert [line(row) for row in rows(300)[1:]] == [one for part in made for one in part[1:]]
    assert max(sum(map(len, part)) for part in made) < 1_300


def test_a_title_above_the_headings_is_not_taken_for_them():
    """Many sheets begin with one."""
    made = [lines for _, lines in parts([["Berths 2026"], *rows(200)])]

    assert [line(["Berths 2026"]), line(HEAD)] == made[0][:2]
    assert {line(HEAD)} == {part[0] for part in made[1:]}


def test_a_table_of_figures_has_no_headings():
    """Its first row is as much a row as the others."""
    figures = [[str(number), f"{number * 2}.5 %"] for number in range(200)]

    made = [lines for _, lines in parts(figures)]

    assert [line(row) for row in figures] == [one for part in made for one in part]


def test_cells_are_made_tidy_and_empty_rows_go():
    """A bar in a cell is no border, a line break no new row."""
    builder = Builder(10_000)

    add_table(builder, [["a\nb", " c|d "], ["", " "], ["e", ""]], page=3)

    assert "| a b | c\\|d |\n| e |  |" == builder.text
    assert [("table", 3)] == [(part.kind, part.page) for part in builder.parts]


def test_an_empty_table_says_nothing():
    """Nor does it fail."""
    builder = Builder(10_000)

    add_table(builder, [])
    add_table(builder, [[], ["", ""]])

    assert ("", []) == (builder.text, builder.parts)


def test_a_cell_that_goes_over_others_leaves_them_in_their_columns():
    """A price that moved one column to the left is the price of something else."""
    rows = [
        [Cell("Boat", rows=2), Cell("Price", columns=2)],
        [Cell("May"), Cell("June")],
        [Cell("small"), Cell("40"), Cell("50")],
        [Cell("closed", columns=2), Cell("60")],
    ]

    assert [["Boat", "Price"], ["", "May", "June"], ["small", "40", "50"], ["closed", "", "60"]] == placed(
        rows
    )


def test_a_column_in_which_nothing_begins_is_none():
    """Word writes one for every border that was moved a little."""
    assert [["a", "b"], ["c", "d"]] == placed(
        [[Cell("a", columns=3), Cell("b")], [Cell("c", columns=3), Cell("d")]]
    )


def test_cells_that_go_over_any_number_of_others_cost_little():
    """A file that is made on purpose declares millions of them in a kilobyte."""
    wide = [[Cell("x", 65_000, 65_000)] * 1_000, *([[Cell("y")]] * 1_000)]

    made = placed(wide)

    assert 1_001 == len(made)
    assert sum(map(len, made)) < 250_000
    assert 1_000 == sum(row.count("y") for row in made)


@pytest.mark.parametrize("kind", ["docx", "html", "rst", "odt", "pptx", "xlsx"])
def test_merged_cells_shift_no_column_in_any_format(kind):
    """Each format has its own way of merging; what is read is the same."""
    text = extract(MERGED[kind](), kind, f"a.{kind}").text

    assert "| Boat | Price |" in text.replace(" |  |", " |")
    assert "|  | May | June |" in text
    assert "| small | 40 | 50 |" in text


def _docx() -> bytes:
    document = docx.Document()
    _fill(document.add_table(3, 3))
    return _saved(document)


def _pptx() -> bytes:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    _fill(slide.shapes.add_table(3, 3, 0, 0, 9_000_000, 900_000).table)
    return _saved(presentation)


def _fill(table) -> None:
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    for row, cells in enumerate(GRID):
        for column, said in enumerate(cells):
            if said:
                table.cell(row, column).text = said


def _xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    for row in GRID:
        workbook.active.append(row)
    workbook.active.merge_cells("A1:A2")
    workbook.active.merge_cells("B1:C1")
    return _saved(workbook)


def _odt() -> bytes:
    document = odfdo.Document("text")
    document.body.clear()
    cell, gone = "<table:table-cell{}><text:p>{}</text:p></table:table-cell>", "<table:covered-table-cell/>"
    spans = {
        "Boat": ' table:number-rows-spanned="2"',
        "Price": ' table:number-columns-spanned="2"',
    }
    rows = "".join(
        f"<table:table-row>{''.join(cell.format(spans.get(said, ''), said) if said else gone for said in row)}"
        "</table:table-row>"
        for row in GRID
    )
    document.body.append(odfdo.Element.from_tag(f"<table:table>{rows}</table:table>"))
    return _saved(document)


def _saved(made) -> bytes:
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


GRID = [["Boat", "Price", None], [None, "May", "June"], ["small", "40", "50"]]
MERGED = {
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "odt": _odt,
    "html": lambda: (
        b"<table><tr><th rowspan=2>Boat<th colspan=2>Price<tr><th>May<th>June<tr><td>small<td>40<td>50</table>"
    ),
    "rst": lambda: (
        b"+-------+------------+\n| Boat  | Price      |\n|       +-----+------+\n|       | May | June |\n"
        b"+-------+-----+------+\n| small | 40  | 50   |\n+-------+-----+------+\n"
    ),
}
