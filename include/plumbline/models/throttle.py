"""
The rate limit of a model: one token bucket in Postgres that all workers share.

A worker that has to wait is given a place in the queue of its use and told for how long: one statement, and one more
when the time is over, because others may have been served ahead.  Nobody polls.  Calls with a person behind them go
first, and a fifth of the limit stays for bulk; within a class the uses that wait get the same, however many workers
each has, and within a use, who comes first is served first.  What a provider says corrects the bucket: `Retry-After`
closes it for everyone, and the x-ratelimit headers tell the true limits.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.models.breakers import SharedBreaker
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import RetryLater
from plumbline.models.policy import LONGEST_ASKED, Policy
from plumbline.models.sessions import HeldSession
from plumbline.models.uses import Urgency, urgency

if TYPE_CHECKING:
    from psycopg.rows import DictRow

# Our own pacing is the normal course of a large run; only an absurd queue is a reason to give up.
LONGEST_QUEUE = 900.0
_AT_ONCE = 0.001
"""Seconds that are not worth another statement."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True)
class Told:
    """What x-ratelimit headers say; None where they are silent.  `…_whole_in`: seconds until all is left again."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    requests_left: float | None = None
    tokens_left: float | None = None
    requests_whole_in: float | None = None
    tokens_whole_in: float | None = None


def told(headers: Mapping[str, str]) -> Told:
    """Read the x-ratelimit headers.  Pure."""

    def number(name: str) -> float | None:
        try:
            value = float(headers[f"x-ratelimit-{name}"])
        except (KeyError, ValueError):
            return None
        return value if 0 <= value < float("inf") else None

    # A limit of nothing would close the bucket for good: it is taken as not said.
    return Told(
        number("limit-requests") or None,
        number("limit-tokens") or None,
        number("remaining-requests"),
        number("remaining-tokens"),
        duration(headers.get("x-ratelimit-reset-requests", "")),
        duration(headers.get("x-ratelimit-reset-tokens", "")),
    )


def duration(text: str) -> float | None:
    """Return the seconds of `6m0s`, `1.5s`, `20ms` or a bare number; None of anything else.  Pure."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return min(float(text), LONGEST_ASKED)
    parts = re.findall(r"(\d{1,9}(?:\.\d{1,9})?)(ms|[smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return min(sum(float(number) * _UNITS[unit] for number, unit in parts), LONGEST_ASKED)


def room_again(heard: Told) -> float:
    """
    Return the seconds until the provider has room for anything at all; 0 where there is some.  Pure.

    What is missing comes back evenly until all of it is left again: a limit by the day, whose headers look like those
    of a minute, is told apart by nothing else.
    """
    requests = _until_one(heard.requests_left, heard.requests_per_minute, heard.requests_whole_in)
    return max(requests, _until_one(heard.tokens_left, heard.tokens_per_minute, heard.tokens_whole_in))


def _until_one(left: float | None, limit: float | None, whole_in: float | None) -> float:
    if left is None or limit is None or whole_in is None or left >= min(1, limit):
        return 0.0
    return whole_in * (min(1, limit) - left) / (limit - left)


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A place in the queues, and for how long to wait there before another look."""

    requests_place: float
    tokens_place: float
    seconds: float


class Throttle:
    """The bucket of one endpoint and model, as one stream of a use sees it."""

    def __init__(
        self,
        session: HeldSession,
        endpoint: Endpoint,
        policy: Policy,
        stop: threading.Event,
        use: str,
    ) -> None:
        self.breaker = SharedBreaker(session, endpoint, policy)
        self._session = session
        self._endpoint = endpoint
        self._policy = policy
        self._stop = stop
        self._waits_as = {"use": use, "interactive": urgency(use) is Urgency.INTERACTIVE}
        self._queue = threading.Lock()
        self._in_force: tuple[float, float] | None = None

    @property
    def tokens_per_minute(self) -> float:
        """The limit that is in force, as far as this stream has heard; until it has, that of the connection."""
        in_force = self._in_force or (0.0, 0.0)
        return in_force[1] or self._endpoint.limits.tokens_per_minute

    def take(self, tokens: int) -> bool:
        """
        Take one request and its tokens, and return when they are there: False when the stream was stopped before.

        Raises:
            RetryLater: It would take too long; nothing is taken.
            ProviderResting: The provider has failed too often of late; nothing is taken.
        """
        # One at a time: the others of this process wait here without places of their own.
        with self._queue:
            ticket = self._take(tokens)
            while ticket.seconds > _AT_ONCE:
                if self._stop.wait(ticket.seconds):
                    self._leave(ticket, tokens)
                    return False
                ticket = self._look(ticket, tokens)
        return True

    def give_back(self, tokens: int, requests: int = 1) -> None:
        """Give back what was taken and not sent after all."""
        self._run("ledger/give_back_to_bucket", tokens=tokens, requests=requests)

    def close(self, seconds: float) -> None:
        """Tell all workers to wait so long: the provider said so."""
        self._run("ledger/close_bucket", seconds=seconds)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Correct the bucket where the provider says something else than it does."""
        if not self._about_this_model(headers):
            return
        heard = told(headers)
        limits = (heard.requests_per_minute, heard.tokens_per_minute)
        known = self._in_force or (None, None)
        differs = any(new is not None and new != old for new, old in zip(limits, known, strict=True))
        seconds = room_again(heard)
        if differs or seconds or _scarce(heard):
            self._run(
                "ledger/correct_bucket",
                requests_per_minute=heard.requests_per_minute,
                tokens_per_minute=heard.tokens_per_minute,
                requests_left=heard.requests_left,
                tokens_left=heard.tokens_left,
                seconds=seconds or None,
            )
            self._in_force = (limits[0] or known[0] or 0.0, limits[1] or known[1] or 0.0)

    def _about_this_model(self, headers: Mapping[str, str]) -> bool:
        """Some providers say whose limits they tell; behind a gateway another model may have answered."""
        return headers.get("openai-model", self._endpoint.answers_as).startswith(self._endpoint.answers_as)

    def _take(self, tokens: int) -> _Ticket:
        turn = self._ask(tokens)
        while turn["barred"]:
            self.breaker.require_try()
            turn = self._ask(tokens)
        self.breaker.notice(turn["failures"])
        self._in_force = (turn["requests_per_minute"], turn["tokens_per_minute"])
        seconds = max(turn["closed"], turn["queue"])
        if turn["requests_place"] is None:
            raise RetryLater(seconds, self._endpoint.model)
        return _Ticket(turn["requests_place"], turn["tokens_place"], seconds)

    def _ask(self, tokens: int) -> DictRow:
        with self._session.statement() as session:
            turn = db.row(
                session,
                "ledger/take_from_bucket",
                endpoint=self._endpoint.name,
                model=self._endpoint.model,
                **self._waits_as,
                tokens=tokens,
                requests_per_minute=self._endpoint.limits.requests_per_minute,
                tokens_per_minute=self._endpoint.limits.tokens_per_minute,
                patience=self._policy.patience,
                longest_queue=LONGEST_QUEUE,
                lease=self.breaker.lease,
            )
        if turn is None:
            raise RuntimeError("a function of one row returned none")
        return turn

    def _look(self, ticket: _Ticket, tokens: int) -> _Ticket:
        with self._session.statement() as session:
            found = db.row(
                session,
                "ledger/select_turn",
                endpoint=self._endpoint.name,
                model=self._endpoint.model,
                **self._waits_as,
                requests_place=ticket.requests_place,
                tokens_place=ticket.tokens_place,
                lease=self.breaker.lease,
            )
        if found is None:
            return replace(ticket, seconds=0.0)
        if found["barred"]:
            self._leave(ticket, tokens)
            return self._take(tokens)
        seconds = max(found["closed"], found["queue"])
        if found["closed"] > self._policy.patience:
            self._leave(ticket, tokens)
            raise RetryLater(seconds, self._endpoint.model)
        return replace(ticket, seconds=seconds)

    def _leave(self, ticket: _Ticket, tokens: int) -> None:
        self._run(
            "ledger/leave_bucket",
            **self._waits_as,
            requests_place=ticket.requests_place,
            tokens_place=ticket.tokens_place,
            tokens=tokens,
        )

    def _run(self, name: str, **parameters: object) -> None:
        with self._session.statement() as session:
            db.run(session, name, endpoint=self._endpoint.name, model=self._endpoint.model, **parameters)


def _scarce(heard: Told) -> bool:
    """Whether so little is left that others should know."""
    pairs = ((heard.requests_left, heard.requests_per_minute), (heard.tokens_left, heard.tokens_per_minute))
    return any(left is not None and limit is not None and left < limit / 5 for left, limit in pairs)
