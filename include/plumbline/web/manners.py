"""How often a host is asked, and when not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from plumbline.web.guard import Clock
from plumbline.web.outcomes import Away, Ended

Sleep = Callable[[float], None]

RETRY_SECONDS = 60.0
"""How long a host is left alone that asks for it without saying for how long."""
_RETRY_AT_MOST = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,9}")
_TOO_MANY_REQUESTS, _SERVICE_UNAVAILABLE = 429, 503


class Manners:
    """Keeps the pauses between requests to one host; hosts do not wait for each other."""

    def __init__(self, delay: float, clock: Clock, sleep: Sleep) -> None:
        self._delay = delay
        self._clock = clock
        self._sleep = sleep
        self._asked: dict[str, float] = {}
        self._closed: dict[str, float] = {}

    def wait(self, host: str, least: float = 0.0) -> None:
        """
        Wait until the host may be asked again, `least` seconds after it was last.

        Raises:
            Ended: It has asked to be left alone until later (`Away`).
        """
        left = self._closed.get(host, 0.0) - self._clock()
        if host in self._closed and left > 0:
            raise Ended(Away(f"{host} has asked to be left alone for a while.", left))
        if host in self._asked:
            pause = self._asked[host] + max(self._delay, least) - self._clock()
            if pause > 0:
                self._sleep(pause)

    def asked(self, host: str) -> None:
        """Note that a request to the host has just ended, however it did."""
        self._asked[host] = self._clock()

    def heed(self, host: str, status: int, headers: Mapping[str, str], now: datetime) -> float | None:
        """Return the seconds that an answer asks to wait, and keep to them if it says that we ask too often."""
        seconds = wait_asked_for(headers, now)
        if status in {_TOO_MANY_REQUESTS, _SERVICE_UNAVAILABLE}:
            self._closed[host] = self._clock() + (RETRY_SECONDS if seconds is None else seconds)
        return seconds


def wait_asked_for(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read `Retry-After`, in seconds or as a date, as seconds of at most a day; pure."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _RETRY_AT_MOST)
    later = moment(text)
    if later is None:
        return None
    # The site's own clock is the one that the date was read from.
    told = moment(headers.get("date", "")) or now
    return min(max((later - told).total_seconds(), 0.0), _RETRY_AT_MOST)


def moment(text: str | None) -> datetime | None:
    """Read a date as headers write it, in UTC; None if it is none; pure."""
    try:
        read = parsedate_to_datetime(text or "")
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
