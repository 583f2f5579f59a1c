"""A table stays a table: each row a line, and each part of a long one under its headings."""

from __future__ import annotations

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.tables import add_table, line, parts

HEAD = ["Berth", "Length"]


def rows(count: int) -> list[list[str]]:
    """A table of so many rows below its headings."""
    return [HEAD, *([f"berth {number}", f"{number} m"] for number in range(count))]


def test_every_part_of_a_long_table_begins_with_its_headings():
    """A line of figures says nothing without them, and a chunk may begin anywhere."""
    made = list(parts(rows(300)))

    assert len(made) > 3
    assert {line(HEAD)} == {part[0] for part in made}
    assert [line(row) for row in rows(300)[1:]] == [one for part in made for one in part[1:]]
    assert max(sum(map(len, part)) for part in made) < 1_300


def test_a_title_above_the_headings_is_not_taken_for_them():
    """Many sheets begin with one."""
    made = list(parts([["Berths 2026"], *rows(200)]))

    assert [line(["Berths 2026"]), line(HEAD)] == made[0][:2]
    assert {line(HEAD)} == {part[0] for part in made[1:]}


def test_a_table_of_figures_has_no_headings():
    """Its first row is as much a row as the others."""
    figures = [[str(number), f"{number * 2}.5 %"] for number in range(200)]

    made = list(parts(figures))

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
