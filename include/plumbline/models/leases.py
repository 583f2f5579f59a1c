"""
The arithmetic of budgets: how much a process leases, when a period begins and ends, where spending will end.  Pure.

A budget that every call writes to is a queue of all calls.  So a process leases a block of it and draws its calls on
that; the block is as large as keeps the queue short, and as small as keeps others from being refused for what nobody
uses.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal

Period = Literal["day", "month"]

SHARE = 64
"""A block is this part of the room at most: so many processes find one each, the first takes no more than the last."""

CALLS = 200
"""… and this many times what the call needs: more would be held without a use."""

_BILLIONTH = Decimal("0.000000001")
_RECENT_DAYS = 7


def block(room: Decimal, needed: Decimal) -> Decimal | None:
    """
    Return how much to lease for a call that may cost `needed`, where `room` (US dollars) is left; None is too little.

    A call that may cost nothing needs no room, even where more is spent than may be.
    """
    if needed <= 0:
        return Decimal(0)
    if needed > room:
        return None
    return max(needed, min(room / SHARE, needed * CALLS).quantize(_BILLIONTH, ROUND_DOWN))


def first_day(period: Period, day: date) -> date:
    """Return the first day of the day or month that holds this one."""
    return day if period == "day" else day.replace(day=1)


def ends_at(period: Period, starts_on: date) -> datetime:
    """Return the moment at which a period that starts on this day is over, in UTC."""
    after = starts_on + timedelta(days=1 if period == "day" else 32)
    after = after if period == "day" else after.replace(day=1)
    return datetime(after.year, after.month, after.day, tzinfo=UTC)


def forecast(
    period: Period, starts_on: date, moment: datetime, spent: Decimal, recent: Decimal, watched: timedelta
) -> Decimal:
    """
    Return what will be spent at the end of a period, in US dollars, if spending goes on as it did.

    A day goes on as it went so far.  A month goes on at the rate of the last seven days, or of the time for which the
    budget has been `watched`, where that is shorter; `recent` is what was spent in it.  A budget that was watched for
    less than a day goes on as its month went so far.
    """
    begin, end = (
        datetime(starts_on.year, starts_on.month, starts_on.day, tzinfo=UTC),
        ends_at(period, starts_on),
    )
    left = max(end - moment, timedelta(0))
    elapsed, rate_from = max(moment - begin, timedelta(minutes=1)), min(watched, timedelta(days=_RECENT_DAYS))
    if period == "day" or rate_from < timedelta(days=1):
        more = spent * _ratio(left, elapsed)
    else:
        more = recent * _ratio(left, rate_from)
    return (spent + more).quantize(_BILLIONTH)


def _ratio(part: timedelta, whole: timedelta) -> Decimal:
    return Decimal(part // timedelta(milliseconds=1)) / Decimal(whole // timedelta(milliseconds=1))
