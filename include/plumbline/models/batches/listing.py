"""The batches as a person, or a step that was cut off, finds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from plumbline.core import db
from plumbline.core.db import Database
from plumbline.models.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class BatchRow:
    """
    One batch; amounts in US dollars, times in UTC; what is not known yet is None.

    `waiting`: lines that are to be asked for again because they expired, or whose answers are to be put right, and were
    not yet: as a rule for want of room in a budget.
    """

    batch_id: UUID
    plan_id: UUID
    use: str
    model: str
    part: int
    attempt: int
    parent: UUID | None
    state: str
    provider_state: str | None
    provider_batch_id: str | None
    lines: int
    settled: int | None
    refused: int | None
    failed: int | None
    expired: int | None
    unknown: int | None
    strange: int | None
    doubled: int | None
    cost_planned_usd: Decimal
    cost_usd: Decimal | None
    not_before: datetime | None
    submitted_at: datetime | None
    ended_at: datetime | None
    landed_at: datetime | None
    cleaned_at: datetime | None
    cancel_asked_at: datetime | None
    error: str | None
    since: datetime
    waiting: int


def list_batches(
    database: Database, tenant: str, *, every: bool = False, batch_id: UUID | None = None
) -> list[BatchRow]:
    """Return the batches that are under way, or `every` one, newest plan first; or the one named."""
    with database.transaction(tenant) as session:
        found = db.rows(
            session, "batches/select_overview", every=every or batch_id is not None, batch_id=batch_id
        )
    return [BatchRow(**row) for row in found]


def open_plans(
    database: Database, tenant: str, endpoint: Endpoint, use: str, dimensions: int | None = None
) -> list[UUID]:
    """Return the plans of a use for a model that are under way, oldest first."""
    with database.transaction(tenant) as session:
        found = db.rows(
            session,
            "batches/select_open_plans",
            use=use,
            model=endpoint.model,
            endpoint=endpoint.name,
            dimensions=dimensions,
        )
    return [row["plan_id"] for row in found]


def plans_under_way(database: Database, tenant: str) -> list[UUID]:
    """Return all plans of a tenant that are under way, oldest first."""
    with database.transaction(tenant) as session:
        return [row["plan_id"] for row in db.rows(session, "batches/select_plans_under_way")]
