"""
When a provider that fails is left alone, and when it is asked again.  Pure: no clock, no database of its own.

    closed -- so many failures in a row --> open -- its pause is over --> half-open -- an answer --> closed
                                             ^                               |
                                             +------ a failure: twice the pause, up to the longest

Half-open, one call alone is sent, under a lease.  Its holder may be killed: when the lease is over, another tries.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from plumbline.models.policy import Happened, Outcome, Policy

State = Literal["closed", "open", "half-open"]
_FIRST_OF_SERVERS = 500


class Admission(enum.Enum):
    """What a call may do that is about to be sent."""

    GO = "go"
    PROBE = "probe"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Breaker:
    """
    How a provider has done lately, as all workers see it.

    `failures`: in a row, the last at `failed_at`.  `opened_at`: since when nothing is sent.  `pause`: seconds between
    opening, or the last try, and the next.  `next_probe_at`: open, the next try; half-open, when the one under way,
    that of `lease`, is taken for lost.  `seen`: the last failure in a word.
    """

    state: State = "closed"
    failures: int = 0
    failed_at: datetime | None = None
    opened_at: datetime | None = None
    pause: float = 0.0
    next_probe_at: datetime | None = None
    lease: int | None = None
    seen: str = ""


HEALTHY = Breaker()


def is_failure(outcome: Outcome) -> bool:
    """Whether an attempt says that the provider fails; a refusal and a rate limit say that it works."""
    if outcome.happened in (Happened.UNREACHED, Happened.LOST):
        return True
    return outcome.happened is Happened.SERVER_ERROR and (outcome.status or 0) >= _FIRST_OF_SERVERS


def admission(breaker: Breaker, at: datetime) -> Admission:
    """Return what a call may do now."""
    if breaker.next_probe_at is None:
        return Admission.GO
    return Admission.PROBE if at >= breaker.next_probe_at else Admission.WAIT


def probing(breaker: Breaker, at: datetime, lease: int, seconds: float) -> Breaker:
    """Return the breaker while the call of this lease is tried, for so many seconds at the most."""
    return replace(breaker, state="half-open", lease=lease, next_probe_at=at + timedelta(seconds=seconds))


def after_failure(breaker: Breaker, at: datetime, seen: str, lease: int | None, policy: Policy) -> Breaker:
    """Return the breaker after a failed attempt; `lease` is that of the try, if it was one."""
    if breaker.state == "closed":
        return _one_more(breaker, at, seen, policy)
    breaker = replace(breaker, failures=breaker.failures + 1, failed_at=at, seen=seen)
    if lease is None or lease != breaker.lease:
        return breaker  # it was sent before the others stopped, or its lease is over
    return _opened(breaker, at, min(policy.longest_rest, 2 * breaker.pause))


def after_answer(breaker: Breaker, lease: int | None) -> Breaker:
    """Return the breaker after an answer: open, only that to the one try closes it."""
    return HEALTHY if breaker.state == "closed" or (lease is not None and lease == breaker.lease) else breaker


def after_no_try(breaker: Breaker, at: datetime, lease: int) -> Breaker:
    """Return the breaker when the holder of a lease has nothing to send after all: another may try at once."""
    if lease != breaker.lease:
        return breaker
    return replace(breaker, state="open", lease=None, next_probe_at=at)


def seconds_until(breaker: Breaker, at: datetime) -> float:
    """Return for how long it makes no sense to ask again; half-open, not longer than a pause."""
    if breaker.next_probe_at is None:
        return 0.0
    left = max(0.0, (breaker.next_probe_at - at).total_seconds())
    return min(left, breaker.pause) if breaker.state == "half-open" else left


def _one_more(breaker: Breaker, at: datetime, seen: str, policy: Policy) -> Breaker:
    in_a_row = (
        breaker.failed_at is not None and (at - breaker.failed_at).total_seconds() <= policy.failure_window
    )
    failures = breaker.failures + 1 if in_a_row else 1
    breaker = replace(breaker, failures=failures, failed_at=at, seen=seen)
    return breaker if failures < policy.failures_to_rest else _opened(breaker, at, policy.first_rest)


def _opened(breaker: Breaker, at: datetime, pause: float) -> Breaker:
    return replace(
        breaker,
        state="open",
        opened_at=breaker.opened_at or at,
        pause=pause,
        next_probe_at=at + timedelta(seconds=pause),
        lease=None,
    )
