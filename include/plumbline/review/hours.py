"""
By when a person should have decided: hours around the clock, or hours of business.

A question that comes on Friday evening with eight hours of business is due on Monday evening.  Days are those of a
zone, so that they stay whole when its clocks are changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Business:
    """When people work: days of the week (0 is Monday), from a time until another, in a zone; not on holidays."""

    zone: ZoneInfo
    days: Collection[int]
    begin: time
    end: time
    holidays: Collection[date] = ()

    def window(self, day: date) -> tuple[datetime, datetime] | None:
        """Return beginning and end of the work of a day, in UTC, or None on a day without."""
        if day.weekday() not in self.days or day in self.holidays:
            return None
        begin, end = (
            datetime.combine(day, moment, self.zone).astimezone(UTC) for moment in (self.begin, self.end)
        )
        return begin, end


def due_at(asked_at: datetime, hours: float, business: Business | None) -> datetime:
    """
    Return when something asked at a moment is due, in UTC, after so many hours (above 0).  Pure.

    Without `business`, hours are counted around the clock.
    """
    left = timedelta(hours=hours)
    if business is None:
        return asked_at.astimezone(UTC) + left
    day = asked_at.astimezone(business.zone).date()
    while True:
        if window := business.window(day):
            begin = max(window[0], asked_at.astimezone(UTC))
            if left <= window[1] - begin:
                return begin + left
            left -= max(window[1] - begin, timedelta(0))
        day += timedelta(days=1)
