"""
The rate limit of a model: one token bucket in Postgres that all workers share.

A worker takes what it needs at once, into debt if need be, and is told how long to wait for it: one
statement, first come first served, nobody polls.  What a provider says corrects the bucket: `Retry-After`
closes it for everyone, and the x-ratelimit headers tell the true limits.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from plumbline.core import db
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import RetryLater
from plumbline.models.policy import Policy
from plumbline.models.sessions import HeldSession

# Our own pacing is the normal course of a large run; only an absurd queue is a reason to give up.
LONGEST_QUEUE = 900.0


@dataclass(frozen=True, slots=True)
class Told:
    """What x-ratelimit headers say; None where they are silent."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    requests_left: float | None = None
    tokens_left: float | None = None


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
    )


class Throttle:
    """The bucket of one endpoint and model, as one stream sees it."""

    def __init__(
        self, session: HeldSession, endpoint: Endpoint, policy: Policy, stop: threading.Event
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._policy = policy
        self._stop = stop
        self._queue = threading.Lock()
        self._in_force: tuple[float, float] | None = None

    @property
    def tokens_per_minute(self) -> float:
        """The limit that is in force, as far as this stream has heard; until it has, that of the connection."""
        in_force = self._in_force or (0.0, 0.0)
        return in_force[1] or self._endpoint.limits.tokens_per_minute

    def take(self, tokens: int) -> None:
        """
        Take one request and its tokens, and return when they are there, or when the stream is stopped.

        Raises:
            RetryLater: It would take too long; what was taken is given back.
        """
        # One at a time: the others of this process wait here without running up debts of their own.
        with self._queue:
            seconds = self._take(tokens)
            while seconds > 0 and not self._stop.wait(seconds):
                seconds = self._closed_for(tokens)

    def give_back(self, tokens: int, requests: int = 1) -> None:
        """Give back what was taken and not sent after all."""
        self._run("ledger/give_back_to_bucket", tokens=tokens, requests=requests)

    def close(self, seconds: float) -> None:
        """Tell all workers to wait so long: the provider said so."""
        self._run("ledger/close_bucket", seconds=seconds)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Correct the bucket where the provider says something else than it does."""
        heard = told(headers)
        limits = (heard.requests_per_minute, heard.tokens_per_minute)
        known = self._in_force or (None, None)
        differs = any(new is not None and new != old for new, old in zip(limits, known, strict=True))
        if differs or _scarce(heard):
            self._run(
                "ledger/correct_bucket",
                requests_per_minute=heard.requests_per_minute,
                tokens_per_minute=heard.tokens_per_minute,
                requests_left=heard.requests_left,
                tokens_left=heard.tokens_left,
            )
            self._in_force = (limits[0] or known[0] or 0.0, limits[1] or known[1] or 0.0)

    def _take(self, tokens: int) -> float:
        with self._session.statement() as session:
            taken = db.row(
                session,
                "ledger/take_from_bucket",
                endpoint=self._endpoint.name,
                model=self._endpoint.model,
                tokens=tokens,
                requests_per_minute=self._endpoint.limits.requests_per_minute,
                tokens_per_minute=self._endpoint.limits.tokens_per_minute,
                configure=self._in_force is None,
            )
        if taken is None:
            return 0.0
        self._in_force = (taken["requests_per_minute"], taken["tokens_per_minute"])
        self._refuse_long_waits(
            max(taken["closed"] - self._policy.patience, taken["queue"] - LONGEST_QUEUE), taken, tokens
        )
        return float(max(taken["closed"], taken["queue"]))

    def _closed_for(self, tokens: int) -> float:
        with self._session.statement() as session:
            closed = db.row(
                session, "ledger/select_closed", endpoint=self._endpoint.name, model=self._endpoint.model
            )
        seconds = float(closed["closed"]) if closed else 0.0
        self._refuse_long_waits(seconds - self._policy.patience, {"closed": seconds, "queue": 0.0}, tokens)
        return seconds

    def _refuse_long_waits(self, excess: float, waits: Mapping[str, float], tokens: int) -> None:
        if excess > 0:
            self.give_back(tokens)
            raise RetryLater(max(waits["closed"], waits["queue"]), self._endpoint.model)

    def _run(self, name: str, **parameters: object) -> None:
        with self._session.statement() as session:
            db.run(session, name, endpoint=self._endpoint.name, model=self._endpoint.model, **parameters)


def _scarce(heard: Told) -> bool:
    """Whether so little is left that others should know."""
    pairs = ((heard.requests_left, heard.requests_per_minute), (heard.tokens_left, heard.tokens_per_minute))
    return any(left is not None and limit is not None and left < limit / 5 for left, limit in pairs)
