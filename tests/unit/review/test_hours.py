"""By when: around the clock, or within hours of business, over nights, weekends, holidays and changed clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.review.hours import Business, due_at

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Business(BERLIN, {0, 1, 2, 3, 4}, time(9), time(17), {date(2026, 12, 25)})


def berlin(text: str) -> datetime:
    """A moment by the clocks of Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("asked", "hours", "due"),
    [
        ("2026-11-23 10:00", 2, "2026-11-23 12:00"),  # a Monday
        ("2026-11-23 16:00", 2, "2026-11-24 10:00"),
        ("2026-11-23 07:00", 8, "2026-11-23 17:00"),
        ("2026-11-23 22:00", 1, "2026-11-24 10:00"),
        ("2026-11-27 18:00", 8, "2026-11-30 17:00"),  # Friday evening
        ("2026-11-28 12:00", 0.5, "2026-11-30 09:30"),  # Saturday
        ("2026-11-26 16:30", 9, "2026-11-30 09:30"),
        ("2026-12-24 16:00", 2, "2026-12-28 10:00"),  # Christmas, then a weekend
        ("2026-03-27 16:00", 2, "2026-03-30 10:00"),  # the clocks went forward on Sunday
        ("2026-10-23 16:00", 2, "2026-10-26 10:00"),  # and back
    ],
)
def test_hours_of_business_are_counted_when_people_work(asked: str, hours: float, due: str) -> None:
    """Nobody is overdue for having slept."""
    assert due_at(berlin(asked), hours, OFFICE) == berlin(due).astimezone(UTC)


def test_around_the_clock_hours_are_hours() -> None:
    """Also when clocks are changed in between."""
    assert due_at(berlin("2026-03-28 12:00"), 24, None) == berlin("2026-03-29 13:00").astimezone(UTC)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),  # noqa: DTZ001
    st.floats(0.01, 200),
    st.floats(0.01, 200),
)
def test_due_is_later_within_business_and_grows_with_the_hours(
    asked: datetime, hours: float, more: float
) -> None:
    """The table demands that something is due after it was asked."""
    due = due_at(asked, hours, OFFICE)

    assert due >= due_at(asked, hours, None) > asked
    assert due_at(asked, hours + more, OFFICE) > due - timedelta(microseconds=1)
    begin, end = OFFICE.window(due.astimezone(BERLIN).date()) or (None, None)
    assert begin is not None
    assert end is not None
    assert begin < due <= end
