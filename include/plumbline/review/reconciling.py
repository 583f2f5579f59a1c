"""
Calls in doubt that the provider's records decide: released by them, with the evidence in the item.

What they do not decide stays with a person, who finds in the item what they say.  Book and records are compared over
all tenants of this installation, because they share a key.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.core.connections import Connection
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.models.calls import Billed
from plumbline.models.endpoints import connected
from plumbline.models.policy import Policy
from plumbline.models.records import (
    LONGEST_CALL,
    SKEW,
    Amount,
    Doubtful,
    Known,
    Verdict,
    decide,
    longest_call,
)
from plumbline.models.reserving import reclaim
from plumbline.models.unfinished import NotUnfinished, release_within
from plumbline.models.usage import KINDS, Records
from plumbline.review.calls import ask_about_unknown_calls, item_about
from plumbline.review.effects import BILLED, NOT_BILLED
from plumbline.review.queue import history, remark, write_decision

if TYPE_CHECKING:
    from psycopg.rows import DictRow

THE_RECORDS = "the provider's records"
"""Who decided."""
_TOO_YOUNG = "The provider's records of its time are not complete yet."
_AROUND = timedelta(hours=6)
"""How much of the time before and after is compared; where calls follow each other for longer, a person decides."""
_LONGEST_BOOKED = timedelta(hours=1)
"""What was bought took no longer, unless its connection waits longer."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A call in the book that has not ended: `state` is `sent` or `unknown`."""

    tenant: str
    state: str
    route: str
    model: str
    doubtful: Doubtful


def reconcile_calls(
    tools: Tools, run: Run, *, admin: Connection | None, at: datetime | None = None
) -> Receipt:
    """
    Release the calls in doubt that the provider's records decide, and write into the items of the others what they say.

    `admin` is the connection `plumbline_openai_admin`; `at` is now unless it is given.

    Raises:
        Misconfigured: The connection is not there, or cannot work.
        KeyRejected: Its key may not read usage.
        PlumblineError: The records cannot be read now.  What was decided so far stays.
    """
    records = Records.of(admin)
    ask_about_unknown_calls(tools, run)
    until = ((at or now()) - records.lag).replace(second=0, microsecond=0)
    tenants = sorted({run.tenant, *tools.settings.tenants})
    open_calls = _open_calls(tools, tenants, records.base_url)
    told = []
    for together in _groups(open_calls):
        verdicts = _decided(tools, tenants, records, open_calls, together, until)
        told += [
            _apply(tools, run, one, verdicts[one.doubtful.call_id])
            for one in together
            # What was sent by a process that is gone belongs to the next run first: it may be safe to repeat.
            if one.tenant == run.tenant and one.state == "unknown"
        ]
    with tools.db.transaction(run.tenant) as session:
        # What the processes of released calls, which are gone as a rule, had leased and not drawn.
        reclaim(session)
    outcomes = [one["outcome"] for one in told]
    return {
        "in_doubt": len(told),
        **{name: outcomes.count(name) for name in (BILLED, NOT_BILLED, "left")},
        "calls": told,
    }


def _decided(
    tools: Tools,
    tenants: Sequence[str],
    records: Records,
    open_calls: Sequence[_Open],
    together: Sequence[_Open],
    until: datetime,
) -> dict[uuid.UUID, Verdict]:
    """Return what the records say of calls to one model, near each other in time."""
    first, last, longest = together[0], together[-1], _longest(tools)
    begin = (first.doubtful.at - _AROUND).replace(second=0, microsecond=0)
    until = min(until, last.doubtful.at + _AROUND + longest)
    if first.doubtful.at + longest + SKEW >= until:
        return {one.doubtful.call_id: Verdict(billed=None, says=_TOO_YOUNG) for one in together}
    minutes = records.minutes(first.route, first.model, begin, until)
    known = _known(tools, tenants, records.base_url, first, begin, until, longest)
    doubtful = [
        one.doubtful
        for one in open_calls
        if (one.route, one.model) == (first.route, first.model)
        and begin - max(_LONGEST_BOOKED, longest) <= one.doubtful.at <= until
    ]
    return decide(known, doubtful, minutes, begin, until, longest=longest, alone=bool(records.only))


def _longest(tools: Tools) -> timedelta:
    """Return how long a call may have been under way, as the connection is set now."""
    if tools.provider is None:
        return LONGEST_CALL
    policy = Policy()
    endpoint = connected(tools.provider)
    return longest_call(policy.attempts, endpoint.timeout, policy.longest_pause, endpoint.patience)


def _apply(tools: Tools, run: Run, one: _Open, verdict: Verdict) -> dict[str, str]:
    """Release a call and end its item, or write into it what the records say; say which."""
    try:
        outcome = _end(tools, run, one.doubtful.call_id, verdict)
    except NotUnfinished:
        outcome = "ended"
    return {"call_id": str(one.doubtful.call_id), "outcome": outcome, "says": verdict.says}


def _end(tools: Tools, run: Run, call_id: uuid.UUID, verdict: Verdict) -> str:
    """Do so in one transaction."""
    with tools.db.transaction(run.tenant) as session:
        # The item before the call, as everywhere.
        item = item_about(session, run, call_id)
        if item is None:
            return "ended"
        if verdict.billed is None:
            _, remarks = history(session, item.item_id)
            said = {one["words"] for one in remarks if one["who"] == THE_RECORDS}
            if verdict.says not in said | {_TOO_YOUNG}:
                remark(session, item.item_id, verdict.says, THE_RECORDS)
            return "left"
        amount = verdict.amount
        cached = min(max(amount.cached, 0), amount.tokens_in)
        used = Billed(amount.tokens_in, cached, amount.tokens_out)
        release_within(session, call_id, verdict.billed, used)
        outcome = BILLED if verdict.billed else NOT_BILLED
        write_decision(session, item, outcome, THE_RECORDS, verdict.says)
        return outcome


def _open_calls(tools: Tools, tenants: Iterable[str], endpoint: str) -> list[_Open]:
    found = []
    for tenant in tenants:
        with tools.db.transaction(tenant) as session:
            rows = db.rows(session, "ledger/select_open_calls", endpoint=endpoint)
        found += [_open(tenant, row) for row in rows if row["route"] in KINDS]
    return sorted(found, key=lambda one: (one.route, one.model, one.doubtful.at))


def _open(tenant: str, row: DictRow) -> _Open:
    planned = Amount(1, row["tokens_planned"], row["tokens_out_planned"])
    doubtful = Doubtful(row["call_id"], row["at"], planned, under_way=row["alive"], tenant=tenant)
    return _Open(tenant, row["state"], row["route"], row["model"], doubtful)


def _groups(calls: Sequence[_Open]) -> Iterator[list[_Open]]:
    """Yield calls to one model that are compared together: those that begin within some hours of the first."""
    for _, same in groupby(calls, key=lambda one: (one.route, one.model)):
        together: list[_Open] = []
        for one in same:
            if together and one.doubtful.at - together[0].doubtful.at > _AROUND:
                yield together
                together = []
            together.append(one)
        yield together


def _known(
    tools: Tools,
    tenants: Iterable[str],
    endpoint: str,
    like: _Open,
    begin: datetime,
    until: datetime,
    longest: timedelta,
) -> list[Known]:
    found: list[Known] = []
    for tenant in tenants:
        with tools.db.transaction(tenant) as session:
            rows = db.rows(
                session,
                "ledger/select_booked_by_minute",
                endpoint=endpoint,
                route=like.route,
                model=like.model,
                begin=begin - max(_LONGEST_BOOKED, longest),
                until=until,
                longest=longest,
            )
        found += [
            Known(row["first"], row["last"], Amount(*(row[name] for name in _AMOUNT)), tenant) for row in rows
        ]
    return found


_AMOUNT = ("requests", "tokens_in", "tokens_out", "cached")
