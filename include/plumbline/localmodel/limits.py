"""
Rate limits: requests and tokens a minute for each model, as continuous token buckets.

They are enforced at all times and told in every answer, because a client that paces itself reads the
headers; with the defaults one process cannot reach them, so only a test or a rehearsal feels them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from plumbline.localmodel.errors import InvalidRequest, Throttled, wanted

A_SECOND = 1000
"""In milliseconds."""
REQUESTS_PER_MINUTE = 10_000_000
TOKENS_PER_MINUTE = 10_000_000_000


@dataclass(slots=True)
class Bucket:
    """Room for `limit` units, refilled evenly over a minute."""

    limit: int
    room: float
    at: float

    def refill(self, now: float) -> None:
        """Add what has come back since the last look."""
        self.room = min(float(self.limit), self.room + (now - self.at) * self.limit / 60)
        self.at = now

    def wait_for(self, units: int) -> float:
        """Seconds until `units` fit; 0 when they fit now."""
        return max(0.0, (units - self.room) * 60 / self.limit)


@dataclass(slots=True)
class _Pair:
    requests: Bucket
    tokens: Bucket


@dataclass(slots=True)
class Limits:
    """The buckets of every model; safe to use from several threads."""

    requests_per_minute: int = REQUESTS_PER_MINUTE
    tokens_per_minute: int = TOKENS_PER_MINUTE
    enqueued_tokens: int | None = None
    """Tokens that all batches of a model may hold that have not ended; None is no limit."""
    clock: Callable[[], float] = time.monotonic
    _pairs: dict[str, _Pair] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, model: str, tokens: int) -> None:
        """
        Take one request and its tokens, both or neither.

        Raises:
            Throttled: There is no room; it says when there will be.
        """
        with self._lock:
            pair = self._pair(model)
            if tokens > pair.tokens.limit:
                raise Throttled(
                    f"Request too large for {model} on tokens per min (TPM): Limit {pair.tokens.limit}, "
                    f"Requested {tokens}. The input or output tokens must be reduced in order to run successfully.",
                    wait=60,
                )
            for bucket, units, name in ((pair.requests, 1, "requests"), (pair.tokens, tokens, "tokens")):
                wait = bucket.wait_for(units)
                if wait > 0:
                    raise Throttled(_message(model, bucket, units, name, wait), wait=wait, kind=name)
            pair.requests.room -= 1
            pair.tokens.room -= tokens

    def headers(self, model: str) -> dict[str, str]:
        """The x-ratelimit headers, as they stand now."""
        with self._lock:
            pair = self._pair(model)
            told = {}
            for name, bucket in (("requests", pair.requests), ("tokens", pair.tokens)):
                told[f"x-ratelimit-limit-{name}"] = str(bucket.limit)
                told[f"x-ratelimit-remaining-{name}"] = str(int(bucket.room))
                told[f"x-ratelimit-reset-{name}"] = duration(bucket.wait_for(bucket.limit))
            return told

    def change(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        enqueued_tokens: int | None = None,
    ) -> None:
        """New limits, with full buckets; None is the default."""
        with self._lock:
            self.requests_per_minute = requests_per_minute or REQUESTS_PER_MINUTE
            self.tokens_per_minute = tokens_per_minute or TOKENS_PER_MINUTE
            self.enqueued_tokens = enqueued_tokens
            self._pairs.clear()

    def _pair(self, model: str) -> _Pair:
        now = self.clock()
        if model not in self._pairs:
            requests, tokens = self.requests_per_minute, self.tokens_per_minute
            self._pairs[model] = _Pair(Bucket(requests, requests, now), Bucket(tokens, tokens, now))
        pair = self._pairs[model]
        pair.requests.refill(now)
        pair.tokens.refill(now)
        return pair


def read_limits(payload: Any) -> tuple[int | None, int | None, int | None]:
    """
    Requests and tokens a minute, and enqueued tokens, from a `POST /_limits`; None (or absent) is the default.

    Raises:
        InvalidRequest: A limit is not a whole number above 0.
    """
    fields = wanted(payload, frozenset({"requests_per_minute", "tokens_per_minute", "enqueued_tokens"}))
    for name, value in fields.items():
        if value is not None and (type(value) is not int or value < 1):
            raise InvalidRequest(f"'{name}' must be a whole number above 0, or null.", param=name)
    return (
        fields.get("requests_per_minute"),
        fields.get("tokens_per_minute"),
        fields.get("enqueued_tokens"),
    )


def duration(seconds: float) -> str:
    """Seconds as the provider writes them: `6m0s`, `1.5s`, `20ms`, `0s`."""
    milliseconds = -int(-seconds * 1000 // 1)
    if milliseconds < A_SECOND:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}m{rest / 1000:g}s" if minutes else f"{rest / 1000:g}s"


def _message(model: str, bucket: Bucket, units: int, name: str, wait: float) -> str:
    short = "RPM" if name == "requests" else "TPM"
    return (
        f"Rate limit reached for {model} on {name} per min ({short}): Limit {bucket.limit}, "
        f"Used {round(bucket.limit - bucket.room)}, Requested {units}. Please try again in {duration(wait)}."
    )
