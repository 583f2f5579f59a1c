"""
When to ask a provider again.  Pure: no clock, no network, no chance of its own.

One rule decides: a request is repeated only when it cannot have been billed (it never arrived, or the
provider says it refused or failed), or when the endpoint bills a repeated request once.  A request that was
sent and never answered is neither; nobody here may guess what became of it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

REFUSED_KEY = (401, 403)
LONGEST_ASKED = 31 * 86_400.0
"""Seconds: what a provider says beyond them is a slip, and no moment that a clock can show."""
_TOO_MANY = 429
# The provider says that it failed, or is too busy to begin: neither is billed.
_FAILED_UNBILLED = frozenset({500, 503, 529})
# The provider did not take the request on: it may be sent again.
_NOT_TAKEN = frozenset({408, 409, 425})
_FIRST_OF_SERVERS = 500


class Happened(enum.Enum):
    """What became of one attempt."""

    ANSWERED = "answered"
    THROTTLED = "throttled"
    OUT_OF_CREDIT = "out of credit"
    REFUSED = "refused"
    SERVER_ERROR = "server error"
    UNREACHED = "unreached"
    """It never arrived: no connection was made."""
    LOST = "lost"
    """It was sent, and the connection ended, or patience did, or a gateway's, before the answer was there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt: what happened, and what the provider said about it."""

    happened: Happened
    status: int | None = None
    code: str = ""
    retry_after: float | None = None
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    latency_ms: int = 0

    @property
    def asks_to_wait(self) -> bool:
        """Whether the provider says when to come back: its limits are used up, or it is too busy for a while."""
        busy = self.happened is Happened.SERVER_ERROR and self.retry_after is not None
        return busy or self.happened is Happened.THROTTLED

    @property
    def label(self) -> str:
        """The word under which it is counted: the HTTP status, or the kind of failure."""
        return str(self.status) if self.status is not None else self.code or self.happened.value


class Verdict(enum.Enum):
    """What to do next with the call."""

    SETTLE = "settle"
    REPEAT = "repeat"
    REFUSED = "refused"
    """Ends unbilled: the provider said no."""
    FAILED = "failed"
    """Ends unbilled: the provider failed, or was never reached."""
    OPEN = "open"
    """Ends for now; repeating it later is safe, so its intent stays."""
    UNKNOWN = "unknown"
    """Ends where only a person can decide; its intent stays."""


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How patient we are.

    `patience`: the longest wait, in seconds, that a provider may ask for.  `attempts`: HTTP attempts of one
    call at most, waits that the provider asked for not counted.  The pause before attempt n+1 is drawn from
    [pause/2, pause], where pause = min(longest_pause, first_pause * 2**(n-1)).  `keep_trying`: for how many
    seconds an answer in hand is held while the database is away, with the same growing pauses; a restart of
    Postgres fits in, and what it would lose is paid for.

    A provider that fails `failures_to_rest` attempts in a row, of all workers, each within `failure_window` seconds of
    the one before, is left alone for `first_rest` seconds, then tried by one call; each try that fails doubles the
    rest, up to `longest_rest`.
    """

    patience: float = 60.0
    attempts: int = 8
    first_pause: float = 0.5
    longest_pause: float = 8.0
    default_wait: float = 2.0
    keep_trying: float = 300.0
    failures_to_rest: int = 10
    failure_window: float = 300.0
    first_rest: float = 15.0
    longest_rest: float = 600.0


@dataclass(slots=True)
class History:
    """What a call has been through; `maybe_billed` once an attempt was lost, here or in a dead process."""

    attempts: int = 0
    failures: int = 0
    waited: float = 0.0
    maybe_billed: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take an attempt into account."""
        self.attempts += 1
        self.counts[outcome.label] = self.counts.get(outcome.label, 0) + 1
        if outcome.happened in (Happened.SERVER_ERROR, Happened.UNREACHED, Happened.LOST):
            self.failures += 1
        if outcome.happened is Happened.LOST:
            self.maybe_billed = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and after how many seconds."""

    verdict: Verdict
    after: float = 0.0


def meaning(status: int, code: str = "") -> Happened:
    """
    Return what became of an attempt that was answered with an error.

    Only 500, 503 and 529 are the provider's own word that it failed.  Every other status from 500 on (502,
    504, 520 to 524, …) may be that of a gateway which had passed the request on, and billed it may be.
    """
    if status == _TOO_MANY:
        return Happened.OUT_OF_CREDIT if code == "insufficient_quota" else Happened.THROTTLED
    if status in _FAILED_UNBILLED or status in _NOT_TAKEN:
        return Happened.SERVER_ERROR
    return Happened.LOST if status >= _FIRST_OF_SERVERS else Happened.REFUSED


def decide(outcome: Outcome, history: History, policy: Policy, *, idempotent: bool, draw: float) -> Decision:
    """
    Decide what follows an attempt that `history` already counts.

    `draw` is a random number in [0, 1) that spreads the pauses of many workers.
    """
    match outcome.happened:
        case Happened.ANSWERED:
            return Decision(Verdict.SETTLE)
        case Happened.THROTTLED:
            return _throttled(outcome, history, policy, draw)
        case Happened.REFUSED | Happened.OUT_OF_CREDIT:
            return Decision(_refused(outcome) if history.maybe_billed else Verdict.REFUSED)
        case Happened.LOST if not idempotent:
            return Decision(Verdict.UNKNOWN)
    if history.failures >= policy.attempts:
        return Decision(Verdict.OPEN if history.maybe_billed else Verdict.FAILED)
    return _again(outcome, history, policy, draw)


def _again(outcome: Outcome, history: History, policy: Policy, draw: float) -> Decision:
    """After a pause of our own; one that is too busy (503) may ask for a longer one."""
    wait = pause(history.failures, policy, draw)
    if outcome.retry_after is None:
        return Decision(Verdict.REPEAT, wait)
    asked = _throttled(outcome, history, policy, draw)
    return replace(asked, after=max(wait, asked.after))


def _refused(outcome: Outcome) -> Verdict:
    """Of a repetition: with another key, or credit, it may yet succeed; refused for itself, it never will."""
    mendable = outcome.happened is Happened.OUT_OF_CREDIT or outcome.status in REFUSED_KEY
    return Verdict.OPEN if mendable else Verdict.UNKNOWN


def _throttled(outcome: Outcome, history: History, policy: Policy, draw: float) -> Decision:
    wait = policy.default_wait if outcome.retry_after is None else outcome.retry_after
    if history.waited + wait > policy.patience:
        return Decision(Verdict.OPEN if history.maybe_billed else Verdict.REFUSED, wait)
    # Everybody was told the same moment: a little later each keeps the crowd from coming back as one.
    return Decision(Verdict.REPEAT, wait + min(1.0, wait / 10) * draw)


def pause(failures: int, policy: Policy, draw: float) -> float:
    """Return the seconds to wait after so many failures."""
    longest = min(policy.longest_pause, policy.first_pause * 2.0 ** min(failures - 1, 60))
    return longest * (0.5 + draw / 2)


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Return the seconds, a month's at the most, that `retry-after-ms` or `retry-after` ask for, if it is a number."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return min(seconds, LONGEST_ASKED)
    return None


def safe_code(value: object) -> str:
    """Return a provider's error code when it looks like one; anything else could quote a key or an input."""
    text = value if isinstance(value, str) else ""
    return text if re.fullmatch(r"[a-z][a-z0-9_]{2,50}", text) else ""
