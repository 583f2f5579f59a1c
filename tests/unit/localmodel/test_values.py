import datetime as dt
import time

import pytest

from plumbline.localmodel.values import PATTERNS, dates, field_value, fields, matches, negated, numbers, times


@pytest.mark.parametrize(
    "written",
    ["2026-03-05", "5 March 2026", "March 5th, 2026", "5. März 2026", "05.03.2026", "5 de marzo de 2026",
     "5 mars 2026", "3/5/2026", "2026年3月5日"],
)  # fmt: skip
def test_a_date_is_found_in_the_ways_people_write_it(written: str) -> None:
    """Customers do not write ISO dates."""
    assert [dt.date(2026, 3, 5)] == [date.value for date in dates(f"It came on {written}, I think.")]


def test_a_day_that_does_not_exist_is_no_date() -> None:
    """A value that is not in the text is not found."""
    assert dates("It came on 2026-02-30.") == []


def test_a_day_above_twelve_cannot_be_a_month() -> None:
    """25/03 leaves only one reading."""
    assert [dt.date(2026, 3, 25)] == [date.value for date in dates("25/03/2026")]


def test_times_of_day_with_and_without_halves() -> None:
    """Half past two in the afternoon, both ways."""
    assert [dt.time(14, 30), dt.time(14, 30), dt.time(0, 5)] == [
        t.value for t in times("14:30, 2:30 pm, 12:05 am")
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [("1,234.50", 1234.5), ("1.234,50", 1234.5), ("1,234", 1234), ("12.5", 12.5), ("12,5", 12.5), ("-7", -7),
     ("1 234", 1), ("1'234", 1234), ("1.234.567", 1234567), ("three", 3), ("0.500", 0.5)],
)  # fmt: skip
def test_numbers_are_read_as_they_are_meant(written: str, value: float) -> None:
    """A thousand is not one."""
    assert value == numbers(f"about {written} of them")[0].value


def test_parts_of_dates_times_addresses_and_phones_are_no_numbers() -> None:
    """The year of an order is not its price."""
    text = (
        "On 2026-03-05 at 14:30 call +49 30 1234567 or see https://a.example/17; version 1.2.3 costs 9 euros."
    )

    assert [number.value for number in numbers(text)] == [9.0]


def test_values_of_a_known_form() -> None:
    """In order, each with its place."""
    text = "Write to a.b@c.example or see https://x.example/y. Order A-20391."

    for kind, expected in (
        ("email", "a.b@c.example"),
        ("uri", "https://x.example/y"),
        ("reference", "A-20391"),
    ):
        found = matches(kind, text)
        assert (
            [expected]
            == [value.value for value in found]
            == [text[value.start : value.end] for value in found]
        )


@pytest.mark.parametrize(
    "text",
    ["\n" * 100_000, "x." * 50_000, "A-" * 50_000, "1 " * 50_000, "1-" * 50_000, "a@a." * 25_000, "a: " * 33_000,
     "Ab " * 33_000, "|" * 100_000],
    ids=repr,
)  # fmt: skip
def test_no_text_takes_for_ever(text: str) -> None:
    """A hostile document must not stop the server for everybody: each of these took minutes once."""
    begun = time.process_time()
    for kind in PATTERNS:
        matches(kind, text)
    dates(text), times(text), numbers(text), list(fields(text))

    assert time.process_time() - begun < 10


def test_fields_are_lines_with_a_colon_and_rows_of_a_table() -> None:
    """Forms and tables say what a value is; prose with a clock in it does not."""
    text = "Order number: A-1\n**Status:** open\n| Total | 12 EUR |\nOn 12 March at 14:30 it broke."

    assert list(fields(text)) == [("Order number", "A-1"), ("Status", "open"), ("Total", "12 EUR")]


def test_the_closest_field_answers() -> None:
    """`Order number` is nearer to `order` than `Number of open orders`."""
    assert field_value("order number", "Number of open orders: 3\nOrder number: A-1") == "A-1"


@pytest.mark.parametrize(
    "text", ["It does not work.", "It doesn't work.", "Es geht nicht.", "No funciona sin luz."]
)
def test_a_denial_is_noticed(text: str) -> None:
    """`not working` is no yes to `working`."""
    assert negated(text)
