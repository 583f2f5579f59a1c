"""
Where a batch meets the budgets: one place for each of its transitions, within the transaction that makes it.

The worst case of a whole plan, at batch prices, is reserved when its calls are written; every page that lands books
what its lines cost in place of what they could have cost; and what ends unbilled gives its reservation back.  What is
still reserved stands in `ledger.batch`, whoever brings the batch home.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.core.receipts import Run
from plumbline.models import reserving

if TYPE_CHECKING:
    from plumbline.core.db import Session


def join(session: Session, tenant: str, model: str, *, alone: bool) -> bool:
    """Claim by turns, or alone in the tenant; return whether there are budgets.  The first thing in a transaction."""
    return bool(db.value(session, "ledger/lock_claims", tenant=tenant, model=model, alone=alone))


def reserve(
    session: Session, run: Run, use: str, worst_usd: Mapping[UUID, Decimal], *, holder: int, alone: bool
) -> list[int]:
    """
    Reserve what these new batches can cost at most, in US dollars, in every budget that applies; return the periods.

    Raises:
        RoomIsShort: There is no room without what others hold; roll back and do it alone.
        BudgetExhausted: There is no room even so.
    """
    total = sum(worst_usd.values(), start=Decimal(0))
    reserved = reserving.reserve(session, run, use, total, holder=holder, alone=alone)
    for batch_id, usd in worst_usd.items() if reserved.periods else ():
        db.run(
            session,
            "batches/update_reserved",
            batch_id=batch_id,
            lease=reserved.lease,
            budget_periods=reserved.periods,
            reserved_usd=usd,
        )
    return reserved.periods or []


def book(session: Session, batch_id: UUID, planned_usd: Decimal, cost_usd: Decimal) -> None:
    """Book what lines of a batch cost in place of what they could have cost, in US dollars."""
    drawn = db.row(session, "batches/draw_reserved", batch_id=batch_id, planned_usd=planned_usd)
    if drawn is not None:
        reserving.book(session, drawn, cost_usd)


def give_back(session: Session, batch_id: UUID) -> None:
    """Give back what is still reserved for a batch that ended unbilled."""
    drawn = db.row(session, "batches/draw_reserved", batch_id=batch_id, planned_usd=None)
    if drawn is not None:
        reserving.book(session, drawn, Decimal(0))
