"""A table in a text file is read whatever parts its values."""

from __future__ import annotations

import pytest

from plumbline.corpus.extraction import Limits, extract
from plumbline.corpus.extraction.csv import read_csv, separator

PRICES = "| Boat | Price |\n| small, white | 40 |\n| large | 80 |"


@pytest.mark.parametrize(
    "source",
    [
        'Boat,Price\n"small, white",40\nlarge,80\n',
        "Boat;Price\nsmall, white;40\nlarge;80\n",
        "Boat\tPrice\r\nsmall, white\t40\r\nlarge\t80\r\n",
        "\ufeffBoat|Price\nsmall, white|40\nlarge|80",
    ],
)
def test_commas_semicolons_tabs_and_bars(source):
    """Programs differ, and so do countries."""
    assert PRICES == read_csv(source.encode(), Limits())[0]


def test_a_quoted_line_break_is_no_new_row():
    """Addresses have them."""
    assert (
        "| Name | Address |\n| Ada | 1 Quay Harbour |"
        == read_csv(b'Name,Address\nAda,"1 Quay\nHarbour"\n', Limits())[0]
    )


def test_a_quote_that_is_never_closed_loses_nothing():
    """An inch is written so."""
    text = read_csv(b'Size,Price\n12" pipe,40\n"13"" pipe",50\n9" x,1\n', Limits())[0]

    assert all(said in text for said in ("12", "13", "40", "50", "9"))


def test_another_encoding_is_found():
    """Spreadsheets of Western Europe write it to this day."""
    content = "Straße;Größe\nHafenstraße;groß\nMühlengäßchen;mäßig\n".encode("cp1252")

    assert "| Hafenstraße | groß |" in read_csv(content, Limits())[0]


def test_one_column_is_a_table_too():
    """There is nothing to part."""
    assert "," == separator("name\nada\nbob\n")
    assert "| name |\n| ada |" == read_csv(b"name\nada\n", Limits())[0]


def test_it_is_known_by_the_name_of_its_file():
    """Its first line names columns."""
    assert "berth prices" == extract(b"Boat,Price\nsmall,40\n", "csv", "berth_prices.csv").title


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sep=;\nBoat;Price\nsmall;40\n", "| Boat | Price |\n| small | 40 |"),
        ('"sep=^"\r\nBoat^Price\r\n', "| Boat | Price |"),
        ("sep=;", ""),
        (
            "Name\tAddress\nAda\t1, Quay, Harbour\nBob\t2, Pier, Harbour\n",
            "| Name | Address |\n| Ada | 1, Quay, Harbour |",
        ),
        ("a, b\tc\nd, e\tf\n", "| a, b | c |"),
        ("1,5;2,5;3,5\n4,5;5,5;6,5\n", "| 1,5 | 2,5 | 3,5 |\n| 4,5 | 5,5 | 6,5 |"),
        ("Boat,Price\nsmall;white,40\nlarge,80\n", "| Boat | Price |\n| small;white | 40 |"),
    ],
)
def test_what_parts_the_values_is_not_what_stands_in_them(source, said):
    """Excel says it in a first line of its own; commas stand in addresses and, in half of the world, in figures."""
    assert read_csv(source.encode(), Limits())[0].startswith(said)
    assert "sep=" not in read_csv(source.encode(), Limits())[0]
