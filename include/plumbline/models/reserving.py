"""
The wall: the worst case of a call is reserved in every budget that applies before it is sent, or it is not sent.

Three hooks over the session of a purchase, each within a transaction of the book: `reserve` in the one that writes the
call, `book` in the one that ends it, whoever ends it, and `give_back` when its process has nothing more to buy.

A process leases blocks of the periods (`ledger.budget_period`) into rows of its own (`ledger.lease`), and its calls
draw on these: no call waits for another process.  What keeps this free of deadlocks is one order: intents by id, then
batches by id, then periods by number, then leases by period and holder.  A claim begins at its own leases; it holds the
periods of all of them before it touches any other.  Whoever books above the worst case holds periods first: the process
of the lease itself, or one that does so for a dead process or alone.

Where the room is short and others hold enough, the claim is made once more `alone`: nobody buys meanwhile, and what
others have leased and not drawn is taken back.  A lease may be emptied to its open calls by anyone, at any time: its
process leases again.

What is reserved stays so until the call has ended: those of a dead process until they are repeated, or a person has
decided.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.core.receipts import Run
from plumbline.models.errors import BudgetExhausted, usd
from plumbline.models.leases import block, ends_at

if TYPE_CHECKING:
    from plumbline.core.db import Session

log = logging.getLogger(__name__)

NOBODY = 0
"""No process: every holder of a lease is greater."""


class RoomIsShort(Exception):
    """A budget has no room unless others give back what they have not drawn: claim once more, alone."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """
    What a call has reserved, as its intent and its row in the book name it.

    `usd` is reserved in each of `periods`, on the leases of `lease`; without budgets there is none of them.
    """

    lease: int | None = None
    periods: list[int] | None = None
    usd: Decimal | None = None

    @property
    def columns(self) -> dict[str, object]:
        """The parameters of `ledger/insert_call`."""
        return {"lease": self.lease, "budget_periods": self.periods, "reserved_usd": self.usd}


NOTHING = Reservation()


@dataclass(frozen=True, slots=True)
class Share:
    """What was reserved in one period, on whose lease, and what came of it; amounts in US dollars."""

    period: int
    lease: int
    reserved_usd: Decimal
    cost_usd: Decimal


def reserve(
    session: Session, run: Run, use: str, worst_usd: Decimal, *, holder: int, alone: bool
) -> Reservation:
    """
    Reserve the worst case of a call, in US dollars, in every budget that applies to it.

    The transaction has called `ledger.join_budgets` (by `ledger/lock_claims`) with the same `alone`, and was told that
    there are budgets.

    Raises:
        RoomIsShort: There is no room without what others hold; roll back and claim alone.
        BudgetExhausted: There is no room even so.  Nothing stays reserved when the transaction is undone.
    """
    day = now().date()
    applying = db.rows(
        session,
        "ledger/draw_on_leases",
        tenant=run.tenant,
        project=run.project,
        team=run.team,
        use=use,
        user=run.user,
        day=day,
        holder=holder,
        cost_usd=worst_usd,
    )
    if not applying:
        return NOTHING
    periods = [row["period_id"] for row in applying]
    if not all(row["drawn"] for row in applying):
        periods = lock_applying(session, applying, day)
        needed = dict.fromkeys(periods, worst_usd)
        grant(session, run.tenant, needed, holder=holder, alone=alone)
    return Reservation(holder, periods, worst_usd)


def book(session: Session, ended: Mapping[str, Any], cost_usd: Decimal) -> list[int]:
    """
    Turn the reservation of a call that has ended into what it cost, in US dollars; return the periods it counts for.

    `ended` is what `ledger/delete_intent` returned.  A cost above the worst case is booked all the same: the budget is
    shown as over, and the next call is refused.
    """
    if ended["lease"] is None:
        return []
    periods: list[int] = ended["budget_periods"]
    book_shares(
        session, [Share(period, ended["lease"], ended["reserved_usd"], cost_usd) for period in periods]
    )
    return periods


def book_shares(session: Session, shares: Sequence[Share]) -> None:
    """Do the same for what was reserved as these shares."""
    if not shares:
        return
    above = sorted({share.period for share in shares if share.cost_usd > share.reserved_usd})
    if above:
        db.rows(session, "ledger/lock_periods", periods=above)
    db.run(
        session,
        "ledger/book_shares",
        periods=[share.period for share in shares],
        holders=[share.lease for share in shares],
        reserved=[share.reserved_usd for share in shares],
        costs=[share.cost_usd for share in shares],
    )
    if above:
        tell_thresholds(session, above)


def give_back(session: Session, periods: Iterable[int], holder: int = NOBODY) -> None:
    """
    Give back what a process has leased and not drawn in these periods, and what dead processes have.

    What was spent is booked; what calls under way, or in doubt, can cost stays reserved.
    """
    if wanted := sorted(set(periods)):
        db.rows(session, "ledger/lock_periods", periods=wanted)
        _return_leases(session, wanted, holder=holder, alone=False)


def reclaim(session: Session) -> None:
    """Give back what dead processes of the tenant have leased and not drawn, in all periods."""
    give_back(session, [row["period_id"] for row in db.rows(session, "ledger/select_leased_periods")])


def note_refusal(session: Session, refused: BudgetExhausted) -> None:
    """Keep that a budget has refused a call, once a period; after the transaction of the call, which is undone."""
    if refused.noted:
        return
    # With that transaction a period may have gone that began with this call.
    db.run(session, "ledger/open_periods", budgets=[refused.budget_id], day=refused.starts_on)
    if db.run(session, "ledger/insert_refusal", budget=refused.budget_id, starts_on=refused.starts_on):
        log.info("%s", refused)


def tell_thresholds(session: Session, periods: Sequence[int]) -> None:
    """Keep, and log, which thresholds these periods have come to: each once."""
    for reached in db.rows(session, "ledger/insert_reached_thresholds", periods=periods):
        log.warning(
            "the budget of %s for this %s has come to %.0f %%: %s of %s USD are spent",
            named(reached["scope"], reached["name"]),
            reached["period"],
            reached["threshold"] * 100,
            usd(reached["spent_usd"]),
            usd(reached["cap_usd"]),
        )


def named(scope: str, name: str) -> str:
    """Return how a budget is called: "project shop", or "everything"."""
    return f"{scope} {name}".rstrip()


def lock_applying(session: Session, applying: Sequence[Mapping[str, Any]], day: date) -> list[int]:
    """Begin the day or month of budgets where it has not begun, and hold them; return these periods."""
    budgets = [row["budget_id"] for row in applying]
    if any(row["period_id"] is None for row in applying):
        db.run(session, "ledger/open_periods", budgets=budgets, day=day)
    locked = db.rows(session, "ledger/lock_periods_of_budgets", budgets=budgets, day=day)
    return [row["period_id"] for row in locked]


def grant(
    session: Session,
    tenant: str,
    needed: Mapping[int, Decimal],
    *,
    holder: int,
    alone: bool,
    exactly: bool = False,
) -> None:
    """
    Lease a new block of every period, which are held, and draw on it what is `needed` of each, in US dollars.

    `exactly`: no more than that, as nothing else will draw on it.

    Raises:
        RoomIsShort: There is no room without what others hold.
        BudgetExhausted: There is no room even so.
    """
    _return_leases(session, list(needed), holder=holder, alone=alone)
    blocks = {}
    for found in db.rows(session, "ledger/select_rooms", periods=list(needed)):
        period = found["period_id"]
        granted = block(found["room_usd"], needed[period])
        if granted is None:
            # Where it would not help to take back what others hold, nobody is kept from buying for it.
            enough = not alone and needed[period] <= found["room_usd"] + found["unused_usd"]
            raise RoomIsShort if enough else _exhausted(found, needed[period])
        blocks[period] = needed[period] if exactly else granted
    db.run(
        session,
        "ledger/grant_leases",
        periods=list(blocks),
        blocks=list(blocks.values()),
        costs=[needed[period] for period in blocks],
        holder=holder,
        tenant=tenant,
    )


def take_back(session: Session, periods: Sequence[int]) -> None:
    """Empty the leases of everybody in these periods, which are held, to their open calls; nobody buys meanwhile."""
    _return_leases(session, periods, holder=NOBODY, alone=True)


def _return_leases(session: Session, periods: Sequence[int], *, holder: int, alone: bool) -> None:
    """Empty leases of these periods, which are locked, to their open calls."""
    found = db.rows(session, "ledger/lock_leases", periods=list(periods), holder=holder, alone=alone)
    if found:
        db.run(
            session,
            "ledger/give_back_leases",
            periods=[lease["period_id"] for lease in found],
            holders=[lease["holder"] for lease in found],
        )
        tell_thresholds(session, sorted({lease["period_id"] for lease in found}))


def _exhausted(found: Mapping[str, Any], needed: Decimal) -> BudgetExhausted:
    return BudgetExhausted(
        budget_id=found["budget_id"],
        budget=named(found["scope"], found["name"]),
        period=found["period"],
        cap=found["cap_usd"],
        spent=found["spent_usd"],
        reserved=found["reserved_usd"],
        needed=needed,
        starts_on=found["starts_on"],
        ends_at=ends_at(found["period"], found["starts_on"]),
        noted=found["noted"],
    )
