"""
Budgets as a person sees them: set, removed, and how they stand.

A budget that is set counts at once, also what its day or month has cost before, and the calls that are under way: it is
set while nobody buys, for as long as that takes.  A cap below what is spent is taken: nothing more is bought then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.core.errors import Fatal
from plumbline.core.tools import Tools
from plumbline.models.batches.budgets import reserve_open
from plumbline.models.errors import usd
from plumbline.models.leases import Period, ends_at, first_day, forecast
from plumbline.models.reserving import named, reclaim, take_back, tell_thresholds

if TYPE_CHECKING:
    from plumbline.core.db import Session

Scope = Literal["everything", "project", "team", "use", "user"]
State = Literal["free", "near", "refused", "full", "over"]
SCOPES: tuple[Scope, ...] = ("everything", "project", "team", "use", "user")
THRESHOLDS = (Decimal("0.5"), Decimal("0.8"), Decimal(1))

_MOST = Decimal(10**8)
_LONGEST_NAME = 200


class NotABudget(Fatal):
    """What was asked for is no budget; says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Which calls a budget counts: those of a project, a team, a use or a user (by pseudonym), or everything."""

    scope: Scope
    name: str

    def __str__(self) -> str:
        """Return how it is called: "project shop"."""
        return named(self.scope, self.name)


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How a budget stands in its day or month; amounts in US dollars, times in UTC.

    `reserved` is what calls under way can cost at most, and what buying processes have leased; `open` the former alone.
    `left` is what may still be reserved, `over` what is spent or reserved beyond the cap.  `reached` is the highest
    threshold that was come to, and `refused` whether a call was, under this cap.  `state` is the gravest of these.
    """

    scope: Scope
    name: str
    period: Period
    cap_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    open_usd: Decimal
    left_usd: Decimal
    over_usd: Decimal
    forecast_usd: Decimal
    state: State
    reached: Decimal | None
    refused: bool
    thresholds: Sequence[Decimal]
    starts_on: date
    ends_at: datetime
    set_by: str
    set_at: datetime


def subject(scope: str, name: str | None) -> Subject:
    """
    Return which calls a budget counts.  Pure.

    Raises:
        NotABudget: The scope is none, or has no name, or needs none.
    """
    if scope not in SCOPES:
        raise NotABudget(f"A budget is for {', '.join(SCOPES[:-1])} or {SCOPES[-1]}, not for {scope!r}.")
    if scope == "everything" and name:
        raise NotABudget("A budget for everything has no name.")
    if scope != "everything" and not (name and name.strip()):
        raise NotABudget(f"Say which {scope}: `plumbline budget set {scope} NAME --month 100`.")
    if name and len(name) > _LONGEST_NAME:
        raise NotABudget(f"A name has at most {_LONGEST_NAME} characters.")
    return Subject(scope, name or "")


def set_budgets(
    tools: Tools,
    tenant: str,
    whose: Subject,
    caps: Mapping[Period, Decimal],
    *,
    by: str,
    thresholds: Sequence[Decimal] = THRESHOLDS,
) -> None:
    """
    Put budgets into force, by day or month, in place of those there were; caps in US dollars.

    Raises:
        NotABudget: There is no cap, or one is impossible, or a threshold is.  Nothing is changed.
    """
    _require_possible(caps, thresholds)
    with tools.db.transaction(tenant) as session:
        db.run(session, "ledger/join_budgets", tenant=tenant, alone=True)
        _put(
            session,
            [_replace(session, tenant, whose, one, caps[one], thresholds, by) for one in sorted(caps)],
        )


def remove_budgets(tools: Tools, tenant: str, whose: Subject, periods: Sequence[Period], *, by: str) -> None:
    """
    Take budgets out of force; what they were, and what was spent, stays in the book.

    Raises:
        NotABudget: There is no such budget.  Nothing is changed.
    """
    with tools.db.transaction(tenant) as session:
        db.run(session, "ledger/join_budgets", tenant=tenant, alone=True)
        for period in periods:
            _require_one(_end(session, tenant, whose, period, removed_by=by), whose, period)


def list_budgets(tools: Tools, tenant: str, moment: datetime | None = None) -> list[Standing]:
    """Return how the budgets in force stand, after taking back what dead processes have leased."""
    moment = moment or now()
    with tools.db.transaction(tenant) as session:
        reclaim(session)
    with tools.db.transaction(tenant) as session:
        return standings(session, moment)


def standings(session: Session, moment: datetime) -> list[Standing]:
    """Return how the tenant's budgets stand, what dead processes have leased included.  Nothing is written."""
    db.run(session, "core/join_by_hash")
    return [_standing(found, moment) for found in db.rows(session, "ledger/select_budgets", moment=moment)]


def tell_events(database: Database, tenant: str, tell: Callable[[Sequence[str]], bool]) -> None:
    """
    Hand over, as sentences, what budgets have come to in the last day and nobody was told of yet.

    `tell` returns whether people were told.  A process that dies over it lets them be told twice rather than never.
    """
    with database.transaction(tenant) as session:
        events = db.rows(session, "ledger/lock_untold_events")
        if events and tell([_event(event) for event in events]):
            for event in events:
                db.run(
                    session,
                    "ledger/update_event_told",
                    period=event["period_id"],
                    event=event["event"],
                    threshold=event["threshold"],
                )


def _event(found: Mapping[str, Any]) -> str:
    whose, spent, cap = (
        named(found["scope"], found["name"]),
        usd(found["spent_usd"]),
        usd(found["cap_usd"]),
    )
    came_to = f"has come to {found['threshold'] * 100:.0f} %"
    if found["event"] == "refused":
        came_to = "has refused a call for which there was no room"
    return f"The budget of {whose} for this {found['period']} {came_to}: {spent} of {cap} USD are spent."


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A budget that comes into force, its present day or month, and whether that has counted everything already."""

    tenant: str
    whose: Subject
    budget_id: int
    cap: Decimal
    period_id: int
    starts_on: date
    counted: bool

    @property
    def which(self) -> dict[str, object]:
        """The parameters of the statements that look for its calls."""
        subject = {"scope": self.whose.scope, "name": self.whose.name}
        return {**subject, "period": self.period_id, "starts_on": self.starts_on}


def _replace(
    session: Session,
    tenant: str,
    whose: Subject,
    period: Period,
    cap: Decimal,
    thresholds: Sequence[Decimal],
    by: str,
) -> _Fresh:
    """Put a budget in place of the one there was; its period is there then, and has the cap it had."""
    replaced = _end(session, tenant, whose, period, removed_by=None)
    budget_id = db.value(
        session,
        "ledger/insert_budget",
        tenant=tenant,
        scope=whose.scope,
        name=whose.name,
        period=period,
        cap_usd=cap,
        thresholds=list(thresholds),
        set_by=by,
    )
    day = now().date()
    opened = db.run(session, "ledger/open_periods", budgets=[budget_id], day=day)
    period_id = db.value(session, "ledger/select_period_of_budget", budget=budget_id, day=day)
    # A period that its last budget has seen from its first day has counted everything.
    return _Fresh(
        tenant, whose, budget_id, cap, period_id, first_day(period, day), counted=replaced and not opened
    )


def _put(session: Session, fresh: Sequence[_Fresh]) -> None:
    """
    Hold the periods of budgets to their new caps, and count in them what they have not.

    Everything is held before it is changed, in the order that all keep: what is under way cannot end meanwhile, and
    nobody waits for what another holds who waits for this.
    """
    uncounted = [one for one in fresh if not one.counted]
    # The earliest first: it counts every call that the others do.
    early = sorted(uncounted, key=lambda one: one.starts_on)
    calls = {one: db.rows(session, "ledger/lock_open_calls", **one.which) for one in early}
    batches = db.rows(session, "batches/lock_open_batches", since=early[0].starts_on) if early else []
    periods = sorted(one.period_id for one in fresh)
    db.rows(session, "ledger/lock_periods", periods=periods)
    for one in fresh:
        db.run(
            session, "ledger/update_period_cap", budget=one.budget_id, cap_usd=one.cap, period=one.period_id
        )
    # A process keeps no block of a cap that is no more.
    take_back(session, periods)
    for one in uncounted:
        _reserve_open_calls(session, one, calls[one])
        reserve_open(session, [batch["batch_id"] for batch in batches], one.which)
        db.run(session, "ledger/book_period_anew", **one.which)
    tell_thresholds(session, periods)


def _reserve_open_calls(session: Session, one: _Fresh, found: Sequence[Mapping[str, Any]]) -> None:
    """Reserve, in a period, the calls that are under way; they cannot end before this is committed."""
    if calls := [call for call in found if not call["reserved"]]:
        db.run(
            session,
            "ledger/reserve_open_calls",
            tenant=one.tenant,
            period=one.period_id,
            call_ids=[call["call_id"] for call in calls],
            times=[call["call_at"] for call in calls],
            leases=[call["lease"] for call in calls],
            reserved=[call["reserved_usd"] for call in calls],
        )


def _end(session: Session, tenant: str, whose: Subject, period: Period, *, removed_by: str | None) -> bool:
    return bool(
        db.run(
            session,
            "ledger/end_budget",
            tenant=tenant,
            scope=whose.scope,
            name=whose.name,
            period=period,
            removed_by=removed_by,
        )
    )


def _require_one(found: bool, whose: Subject, period: Period) -> None:
    if not found:
        raise NotABudget(
            f"There is no budget of {whose} by the {period}: `plumbline budget` lists those there are."
        )


def _require_possible(caps: Mapping[Period, Decimal], thresholds: Sequence[Decimal]) -> None:
    if not caps:
        raise NotABudget("Say how much may be spent: --day USD, --month USD, or both.")
    for cap in caps.values():
        if not cap.is_finite() or not 0 <= cap <= _MOST:
            raise NotABudget(f"A cap is an amount of US dollars from 0 to {_MOST:,}, not {cap}.")
    if not thresholds or not all(0 < threshold <= 1 for threshold in thresholds):
        raise NotABudget("Thresholds are parts of the cap above 0 % and up to 100 %.")


def _standing(found: Mapping[str, Any], moment: datetime) -> Standing:
    cap, spent, reserved = found["cap_usd"], found["spent_usd"], found["reserved_usd"]
    near = min((each for each in found["thresholds"] if each > Decimal("0.5")), default=Decimal(1))
    left = max(cap - spent - reserved, Decimal(0))
    state: State = "free"
    if found["over_usd"] > 0:
        state = "over"
    elif spent >= cap:
        state = "full"
    elif found["refused"]:
        state = "refused"
    elif spent + found["open_usd"] >= near * cap:
        state = "near"
    return Standing(
        scope=found["scope"],
        name=found["name"],
        period=found["period"],
        cap_usd=cap,
        spent_usd=spent,
        reserved_usd=reserved,
        open_usd=found["open_usd"],
        left_usd=left,
        over_usd=found["over_usd"],
        forecast_usd=forecast(
            found["period"],
            found["starts_on"],
            moment,
            spent,
            found["recent_usd"],
            moment - found["watched_since"],
        ),
        state=state,
        reached=found["reached"],
        refused=found["refused"],
        thresholds=found["thresholds"],
        starts_on=found["starts_on"],
        ends_at=ends_at(found["period"], found["starts_on"]),
        set_by=found["set_by"],
        set_at=found["valid_from"],
    )
