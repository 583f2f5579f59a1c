"""
Where a batch meets the budgets: one place for each of its transitions, within the transaction that makes it.

The worst case of a whole plan, at batch prices, is reserved when its calls are written: in each budget that applies, of
one by user the lines of that user.  Every page that lands books what its lines cost in place of what they could have
cost; what ends unbilled gives its reservation back.  What is still reserved stands in `ledger.batch_share`, and each
call names the periods that it counts for, whoever brings the batch home.

Shares are read and written while the batch is held, which whoever sets a budget waits for: `batches/lock_batch` comes
first, in a statement of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.models import reserving
from plumbline.models.reserving import Share

if TYPE_CHECKING:
    from plumbline.core.db import Session


@dataclass(frozen=True, slots=True)
class Ending:
    """A call of a batch that has ended: what it could have cost, and what it did, in US dollars."""

    call_id: UUID
    planned_usd: Decimal
    cost_usd: Decimal


def join(session: Session, tenant: str, model: str, *, alone: bool) -> bool:
    """Claim by turns, or alone in the tenant; return whether there are budgets.  The first thing in a transaction."""
    return bool(db.value(session, "ledger/lock_claims", tenant=tenant, model=model, alone=alone))


def reserve(session: Session, tenant: str, batch_ids: Sequence[UUID], *, holder: int, alone: bool) -> None:
    """
    Reserve what the lines of these new batches of a plan can cost at most, in every budget that applies to any of them.

    Raises:
        RoomIsShort: There is no room without what others hold; roll back and do it alone.
        BudgetExhausted: There is no room even so.
    """
    db.run(session, "core/join_by_hash")
    day = now().date()
    applying = db.rows(session, "batches/select_applying", tenant=tenant, batch_ids=batch_ids, day=day)
    if not applying:
        return
    periods = reserving.lock_applying(session, applying, day)
    shares = db.rows(session, "batches/insert_shares", batch_ids=batch_ids, periods=periods, holder=holder)
    needed = {row["period_id"]: row["usd"] for row in shares}
    reserving.grant(session, tenant, needed, holder=holder, alone=alone, exactly=True)


def book(session: Session, batch_id: UUID, called_at: datetime, ended: Sequence[Ending]) -> None:
    """Book what calls of a batch, which is held, cost in place of what they could have cost."""
    if not ended:
        return
    db.run(session, "core/join_by_hash")
    drawn = db.rows(
        session,
        "batches/draw_shares",
        batch_id=batch_id,
        called_at=called_at,
        call_ids=[one.call_id for one in ended],
        planned=[one.planned_usd for one in ended],
        costs=[one.cost_usd for one in ended],
    )
    reserving.book_shares(
        session,
        [Share(row["period_id"], row["lease"], row["reserved_usd"], row["cost_usd"]) for row in drawn],
    )


def reserve_open(session: Session, batch_ids: Sequence[UUID], which: Mapping[str, object]) -> None:
    """
    Reserve the lines of these batches, which are held, in the period of a budget that was set after they were planned.

    `which`: the scope and name of the budget, its period and the day on which that starts.
    """
    if batch_ids:
        db.run(session, "core/join_by_hash")
        db.run(session, "batches/reserve_open_lines", batch_ids=batch_ids, **which)


def give_back(session: Session, batch_id: UUID) -> None:
    """Give back what is still reserved for a batch, which is held, and none of whose lines may cost anything now."""
    left = db.rows(session, "batches/delete_shares", batch_id=batch_id)
    reserving.book_shares(
        session, [Share(row["period_id"], row["lease"], row["reserved_usd"], Decimal(0)) for row in left]
    )
