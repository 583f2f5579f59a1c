"""
What the provider's records say of calls in doubt.  Pure: no clock, no network, no database.

The records count what was billed in each minute, and name no call.  They decide about a call only where nothing else
explains what they say: the book and the records are laid side by side over a stretch of time that every call which
touches it lies in whole, and what the book does not explain is nothing at all, or exactly the calls in doubt.

Whatever else uses the same key makes counts higher, and records that are late make them lower; both leave the call to
a person.  Nothing is taken for "not billed" unless the records are seen to hold a call of ours that began after this
one had ended: they may be complete only up to some moment.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SKEW = timedelta(minutes=1)
"""By how much the clocks of provider and book may differ, rounding to minutes included."""
LONGEST_CALL = timedelta(minutes=30)
"""After this, a call that was written down is no longer being sent, unless its connection waits longer than usual."""
_FRAMING = 64
"""Tokens by which a short request is counted higher than it is billed."""


def longest_call(attempts: int, timeout: float, pause: float, patience: float) -> timedelta:
    """Return after what time a call is no longer being sent: all attempts, and the seconds waited between them."""
    return max(LONGEST_CALL, timedelta(seconds=attempts * (timeout + pause) + patience))


@dataclass(frozen=True, slots=True)
class Amount:
    """Requests and their tokens; `cached` are among those that came in."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cached + other.cached,
        )

    def __sub__(self, other: Amount) -> Amount:
        return Amount(
            self.requests - other.requests,
            self.tokens_in - other.tokens_in,
            self.tokens_out - other.tokens_out,
            self.cached - other.cached,
        )

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is left."""
        return (self.requests, self.tokens_in, self.tokens_out) == (0, 0, 0)

    @property
    def below_nothing(self) -> bool:
        """Whether anything is missing."""
        return min(self.requests, self.tokens_in, self.tokens_out) < 0


@dataclass(frozen=True, slots=True)
class Known:
    """Calls of the book that were billed, written down at `first` and ended at `last`; `tenant`: whose they are."""

    first: datetime
    last: datetime
    amount: Amount
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """
    A call of which nobody knows; `amount` is what was planned: tokens that come in, and the most that go out.

    `under_way`: a process is still at work on it.  `tenant`: whose it is.
    """

    call_id: uuid.UUID
    at: datetime
    amount: Amount
    under_way: bool = False
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Minute:
    """What the records say of the minute that begins at `at`."""

    at: datetime
    amount: Amount


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows for a call: `billed` is None where a person decides; `says` is the evidence, in a sentence."""

    billed: bool | None
    says: str
    amount: Amount = field(default_factory=Amount)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A time that no call reaches into from outside, and what is in it."""

    first: datetime
    last: datetime
    known: Amount
    doubtful: tuple[Doubtful, ...]
    left: Amount
    """What the records have, and the book does not explain."""
    tenants: frozenset[str]

    def within(self, begin: datetime, until: datetime) -> bool:
        return begin <= self.first and self.last + timedelta(minutes=1) <= until


@dataclass(frozen=True, slots=True)
class _Laid:
    """
    Book and records, side by side from `begin` to `until`.

    `alone`: nobody else is counted.  `seen`: the first minute of the last call of ours that the records are seen to
    hold, None where they hold none.  `unexplained`: minutes with something in them that no call of ours can reach.
    """

    begin: datetime
    until: datetime
    stretches: tuple[_Stretch, ...]
    longest: timedelta
    alone: bool
    seen: datetime | None
    trusted: bool
    unexplained: tuple[datetime, ...]

    def neighboured(self, one: _Stretch) -> bool:
        """Whether something unexplained follows, before calls of ours do: this one, billed later than any may be?"""
        after = [other.first for other in self.stretches if other.first > one.last]
        return any(one.last < at < min(after, default=self.until) for at in self.unexplained)


def decide(
    known: Sequence[Known],
    doubtful: Sequence[Doubtful],
    minutes: Sequence[Minute],
    begin: datetime,
    until: datetime,
    *,
    longest: timedelta = LONGEST_CALL,
    alone: bool = False,
) -> dict[uuid.UUID, Verdict]:
    """
    Return what the records from `begin` to `until` (excluded) say of each call in doubt.

    `known` and `doubtful` are all calls to the model that reach into that time, and `minutes` all its minutes with
    anything in them.  `longest`: after this a call is no longer being sent.  `alone`: the records count a project, or
    keys, that nobody else uses.
    """
    laid = _lay(known, doubtful, minutes, begin, until, longest, alone=alone)
    return {call.call_id: _judge(laid, one, call) for one in laid.stretches for call in one.doubtful}


def _lay(
    known: Sequence[Known],
    doubtful: Sequence[Doubtful],
    minutes: Sequence[Minute],
    begin: datetime,
    until: datetime,
    longest: timedelta,
    *,
    alone: bool,
) -> _Laid:
    stretches = tuple(_stretches(known, doubtful, minutes, longest))
    whole = [one for one in stretches if one.within(begin, until)]
    reached = [minute.at for minute in minutes if minute.amount.requests]
    held = [
        _floor(call.first - SKEW)
        for call in known
        if any(one.first <= _floor(call.first - SKEW) <= one.last for one in whole)
        and any(_floor(call.first - SKEW) <= at <= _floor(call.last + SKEW) for at in reached)
    ]
    return _Laid(
        begin=begin,
        until=until,
        stretches=stretches,
        longest=longest,
        alone=alone,
        seen=max(held, default=None),
        trusted=not any(one.left.below_nothing for one in whole),
        unexplained=tuple(
            minute.at
            for minute in minutes
            if not minute.amount.is_nothing
            and not any(one.first <= minute.at <= one.last for one in stretches)
        ),
    )


def _judge(laid: _Laid, one: _Stretch, call: Doubtful) -> Verdict:
    if why := _unclear(laid, one, call):
        return Verdict(billed=None, says=_evidence(one, why))
    if one.left.is_nothing:
        says = _evidence(one, "other calls of ours explain all of it: it was not billed")
        return Verdict(billed=False, says=says)
    if len(one.doubtful) == 1:
        says = _evidence(one, "exactly this call is left: it was billed")
        return Verdict(billed=True, says=says, amount=one.left)
    says = _evidence(one, "exactly the calls in doubt are left: they were billed")
    return Verdict(billed=True, says=says, amount=call.amount)


def _unclear(laid: _Laid, one: _Stretch, call: Doubtful) -> str | None:
    """Return why the records decide nothing; None where they do."""
    if not one.within(laid.begin, laid.until):
        return "they are not complete for this time yet, or calls follow each other for too long to compare"
    if any(other.under_way for other in one.doubtful):
        return "another call of this time is still under way"
    if one.left.below_nothing:
        return "that is less than our book has: they are late, or of another project"
    if one.left.is_nothing:
        return _unseen(laid, one, call)
    return _unlike(laid, one)


def _unlike(laid: _Laid, one: _Stretch) -> str | None:
    """Return why what is left is not taken for what is in doubt; None where it is."""
    if one.left.requests != len(one.doubtful):
        return "that is neither none nor all of what is in doubt: others use the key, or some were billed"
    if one.doubtful[0].amount.tokens_out and not laid.alone:
        return (
            "an answer in words is told from a stranger's only where project_ids or api_key_ids of the connection "
            "leave nobody else in the records"
        )
    fits = _fits(one.left, one.doubtful[0].amount) if len(one.doubtful) == 1 else _are_all(one)
    return None if fits else "their tokens are not those of what is in doubt"


def _unseen(laid: _Laid, one: _Stretch, call: Doubtful) -> str | None:
    """Return why records that show nothing of a call do not say that it was not billed; None where they do."""
    if laid.seen is None or not laid.trusted:
        return "they show none of our other calls, or too few: they may be late, or of another project"
    if laid.seen <= _end_of(call, laid.longest):
        return "they show no call of ours that began after this one had ended: they may be late"
    if laid.neighboured(one):
        return "something follows that no call of ours explains: it may be this one"
    return None


def _fits(left: Amount, planned: Amount) -> bool:
    """Whether one call used this: vectors to the token; of answers, we know bounds of what comes in and goes out."""
    if not planned.tokens_out:
        return (left.tokens_in, left.tokens_out) == (planned.tokens_in, 0)
    counted = left.tokens_in <= planned.tokens_in <= 2 * left.tokens_in + _FRAMING
    return counted and left.tokens_out <= planned.tokens_out


def _are_all(one: _Stretch) -> bool:
    """Whether these are all calls in doubt together, each at what was planned: only vectors say so."""
    planned = sum((call.amount for call in one.doubtful), Amount())
    return (one.left.tokens_in, one.left.tokens_out, planned.tokens_out) == (planned.tokens_in, 0, 0)


def _evidence(one: _Stretch, conclusion: str) -> str:
    """Say what follows, and the figures where they are of one tenant: nobody reads here what another one buys."""
    time = f"From {one.first:%Y-%m-%d %H:%M} to {one.last:%Y-%m-%d %H:%M} UTC"
    if len(one.tenants) > 1:
        return f"{time}, the provider's records laid beside our book of several tenants: {conclusion}."
    has = one.known + one.left
    return (
        f"{time} the provider's records have {_said(has)}, our book {_said(one.known)}, and {len(one.doubtful):,} in "
        f"doubt; {conclusion}."
    )


def _said(amount: Amount) -> str:
    requests = f"{amount.requests:,} request{'' if amount.requests == 1 else 's'}"
    return f"{requests} ({amount.tokens_in:,} tokens in, {amount.tokens_out:,} out)"


def _stretches(
    known: Iterable[Known], doubtful: Iterable[Doubtful], minutes: Sequence[Minute], longest: timedelta
) -> list[_Stretch]:
    """Join what overlaps; two calls of which one may have been billed in a minute of the other belong together."""
    spans: list[tuple[datetime, datetime, Known | Doubtful]] = [
        (_floor(one.first - SKEW), _floor(one.last + SKEW), one) for one in known
    ]
    spans += [(_floor(one.at - SKEW), _end_of(one, longest), one) for one in doubtful]
    spans.sort(key=lambda span: span[:2])
    joined: list[tuple[datetime, datetime, list[Known | Doubtful]]] = []
    for first, last, call in spans:
        if joined and first <= joined[-1][1]:
            begun, ended, calls = joined[-1]
            calls.append(call)
            joined[-1] = (begun, max(ended, last), calls)
        else:
            joined.append((first, last, [call]))
    return [_stretch(first, last, calls, minutes) for first, last, calls in joined]


def _stretch(
    first: datetime, last: datetime, calls: Sequence[Known | Doubtful], minutes: Sequence[Minute]
) -> _Stretch:
    booked = sum((call.amount for call in calls if isinstance(call, Known)), Amount())
    recorded = sum((minute.amount for minute in minutes if first <= minute.at <= last), Amount())
    in_doubt = tuple(call for call in calls if isinstance(call, Doubtful))
    tenants = frozenset(call.tenant for call in calls)
    return _Stretch(first, last, booked, in_doubt, recorded - booked, tenants)


def _end_of(call: Doubtful, longest: timedelta) -> datetime:
    """The last minute in which it may have been billed."""
    return _floor(call.at + longest + SKEW)


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
