"""
Where a batch meets the budgets: one place for each of its transitions, within the transaction that makes it.

The worst case of a whole plan, at batch prices, is reserved when its calls are written; every page that lands books
what its lines cost in place of what they could have cost; and what ends unbilled gives its reservation back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from plumbline.core.db import Session


def reserve(session: Session, batch_ids: list[UUID], worst_usd: Decimal) -> None:
    """Reserve what these new batches can cost at most, in US dollars, in every budget that applies."""
    del session, batch_ids, worst_usd


def book(session: Session, batch_id: UUID, planned_usd: Decimal, cost_usd: Decimal) -> None:
    """Book what lines of a batch cost in place of what they could have cost, in US dollars."""
    del session, batch_id, planned_usd, cost_usd


def give_back(session: Session, batch_id: UUID) -> None:
    """Give back what is still reserved for a batch that ended unbilled."""
    del session, batch_id
