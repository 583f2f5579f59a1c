"""What every step of a batch needs: the book, the provider that has it, and the lock of whoever works on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.core.db import Database
from plumbline.core.errors import Fatal
from plumbline.core.tools import Tools
from plumbline.models.batches import budgets
from plumbline.models.batches.provider import Provider
from plumbline.models.batches.resting import breaker_of_model
from plumbline.models.endpoints import Endpoint, endpoint_of
from plumbline.models.errors import BatchNotOurs
from plumbline.models.policy import Policy

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session


class NoSuchBatch(Fatal):
    """There is no batch, or plan, of that id."""


@dataclass(frozen=True, slots=True)
class Work:
    """On whose behalf batches are worked on, where, and how patiently."""

    database: Database
    tenant: str
    endpoint: Endpoint
    policy: Policy

    @classmethod
    def of(
        cls, tools: Tools, tenant: str, endpoint: Endpoint | None = None, policy: Policy | None = None
    ) -> Work:
        """Return it, with the endpoint and the patience that the tools name."""
        endpoint = endpoint or endpoint_of(tools.settings, tools.provider)
        return cls(tools.db, tenant, endpoint, policy or Policy(patience=endpoint.patience))

    def batch(self, batch_id: UUID) -> DictRow:
        """
        Return a batch with what its plan says.

        Raises:
            NoSuchBatch: There is none.
        """
        with self.database.transaction(self.tenant) as session:
            found = db.row(session, "batches/select_batch", batch_id=batch_id)
        if found is None:
            raise NoSuchBatch(f"There is no batch {batch_id}: `plumbline batches` lists them.")
        return found

    def endpoint_of(self, batch: DictRow) -> Endpoint:
        """
        Return the endpoint that has a batch, with the model of its lines.

        Raises:
            BatchNotOurs: The connection names another one now.
        """
        if batch["endpoint"] != self.endpoint.name:
            raise BatchNotOurs(
                f"Batch {batch['batch_id']} is at {batch['endpoint']}, and the connection plumbline_openai names "
                f"{self.endpoint.name}: set it back until the batch has landed."
            )
        return replace(
            self.endpoint,
            model=batch["model"],
            answers_as=batch["answers_as"],
            dimensions=batch["dimensions"] or 0,
        )

    def provider(self, batch: DictRow) -> Provider:
        """Return the provider that has a batch."""
        return Provider(self.endpoint_of(batch), self.policy, self.database)

    def require_rest_over(self, batch: DictRow) -> None:
        """
        Return when something new may be submitted to the model of a batch.

        Raises:
            ProviderResting: It has failed all workers too often of late.
        """
        breaker_of_model(self.database, self.endpoint_of(batch), self.policy).require_rest_over()

    @contextlib.contextmanager
    def alone(self, batch_id: UUID) -> Iterator[bool]:
        """Yield whether nobody else works on this batch; while it is so, nobody begins to.  A dead worker is nobody."""
        session = self.database.connect()
        try:
            yield bool(db.value(session, "batches/lock_batch_work", batch_id=batch_id))
        finally:
            session.close()


def fail(session: Session, batch: DictRow, error: str, *, refused: bool = False) -> None:
    """End a batch of which nothing was billed: its calls, its lines and their claims, in this transaction."""
    which = {"batch_id": batch["batch_id"]}
    if db.run(session, "batches/update_batch_failed", **which, error=error, refused=refused):
        state = "refused" if refused else "failed"
        called_at = batch["called_at"]
        db.run(
            session,
            "batches/update_calls_failed",
            **which,
            called_at=called_at,
            state=state,
            error=error,
        )
        db.run(session, "batches/delete_batch_lines", **which)
        budgets.give_back(session, batch["batch_id"])


def end_plan(session: Session, plan_id: UUID) -> None:
    """
    End a plan if nothing of it is left to do.

    It is held before that is asked: of two who end its last batches at once, the later one sees what the other did.
    Whoever holds a batch of it as well has held that first.
    """
    db.row(session, "batches/lock_plan", plan_id=plan_id)
    db.run(session, "batches/update_plan_done", plan_id=plan_id)
