"""The arithmetic of budgets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.models.leases import CALLS, SHARE, block, ends_at, first_day, forecast

dollars = st.decimals(0, 10**8, places=9)
A_DAY = timedelta(days=1)


@given(room=st.decimals(-(10**8), 10**8, places=9), needed=dollars)
def test_a_block_is_within_the_room_and_enough_for_its_call(room: Decimal, needed: Decimal) -> None:
    """Less would send the call back for more; more would break the wall."""
    granted = block(room, needed)

    if needed > max(room, 0):
        assert granted is None
    else:
        assert granted is not None
        assert needed <= granted <= max(room, needed if needed == 0 else room)
        assert granted == granted.quantize(Decimal("0.000000001"))


@given(room=dollars, needed=dollars)
def test_a_block_leaves_room_for_others(room: Decimal, needed: Decimal) -> None:
    """Beyond the need of its call, it takes a part of the room at most, and what two hundred such calls need."""
    granted = block(room, needed)

    assert granted is None or granted <= max(needed, min(room / SHARE, needed * CALLS))


@given(cap=dollars, needs=st.lists(dollars, max_size=60))
def test_blocks_one_after_the_other_never_come_to_more_than_the_cap(
    cap: Decimal, needs: list[Decimal]
) -> None:
    """Whatever is asked for, in whatever order."""
    leased = Decimal(0)
    for needed in needs:
        leased += block(cap - leased, needed) or 0

    assert leased <= cap


def test_blocks_get_smaller_with_the_room() -> None:
    """A wide budget is leased in large parts, the last of it call by call."""
    assert [block(Decimal(room), Decimal(1)) for room in (100_000, 6400, 640, 64, 5, 1, 0)] == [
        200, 100, 10, 1, 1, 1, None,
    ]  # fmt: skip


@pytest.mark.parametrize("room", [-5, 0, 5])
def test_a_call_that_costs_nothing_needs_no_room(room: int) -> None:
    """The embedded model goes on when all is spent."""
    assert block(Decimal(room), Decimal(0)) == 0


@pytest.mark.parametrize(
    ("period", "day", "first", "end"),
    [
        ("day", date(2026, 2, 28), date(2026, 2, 28), datetime(2026, 3, 1, tzinfo=UTC)),
        ("month", date(2026, 2, 28), date(2026, 2, 1), datetime(2026, 3, 1, tzinfo=UTC)),
        ("month", date(2026, 1, 31), date(2026, 1, 1), datetime(2026, 2, 1, tzinfo=UTC)),
        ("month", date(2028, 12, 1), date(2028, 12, 1), datetime(2029, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_period_ends_when_the_next_begins(period: str, day: date, first: date, end: datetime) -> None:
    """Days and months of UTC, of whatever length."""
    assert first_day(period, day) == first  # type: ignore[arg-type]
    assert ends_at(period, first) == end  # type: ignore[arg-type]


def test_a_day_goes_on_as_it_went() -> None:
    """Six hours for a dollar are four dollars a day."""
    noon = datetime(2026, 6, 10, 6, tzinfo=UTC)

    assert forecast("day", date(2026, 6, 10), noon, Decimal(1), Decimal(0), A_DAY * 90) == 4


@pytest.mark.parametrize(
    ("recent", "watched", "expected"),
    [
        (14, 90 * A_DAY, 50),  # 2 dollars a day for 20 days
        (14, 3.5 * A_DAY, 90),  # set half a week ago: 4 dollars a day
        (0, 90 * A_DAY, 10),  # a week without a call: nothing more
        (9, A_DAY / 2, 30),  # set today: a month goes on as its first ten days went
    ],
)
def test_a_month_goes_on_as_its_last_week_went(recent: int, watched: timedelta, expected: int) -> None:
    """Ten dollars were spent in the first ten days of a month of thirty."""
    moment = datetime(2026, 6, 11, tzinfo=UTC)

    assert expected == forecast("month", date(2026, 6, 1), moment, Decimal(10), Decimal(recent), watched)


def test_nothing_is_divided_by_no_time() -> None:
    """At the stroke of midnight."""
    begin = datetime(2026, 6, 1, tzinfo=UTC)

    assert forecast("day", begin.date(), begin, Decimal(0), Decimal(0), timedelta(0)) == 0
