"""After a batch has landed: what expired is asked for again, its files are deleted, and nothing is left behind."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.models.batches import budgets
from plumbline.models.batches import provider as at_provider
from plumbline.models.batches.provider import Provider
from plumbline.models.batches.work import Work, end_plan
from plumbline.models.errors import BudgetExhausted
from plumbline.models.prices import PriceList
from plumbline.models.reserving import RoomIsShort, note_refusal

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

MOST_ATTEMPTS = 3
"""So often is a line asked for whose batches expire."""


@dataclass(frozen=True, slots=True)
class Swept:
    """
    What was found at the provider, and what was done about it.

    `unknown`: ids there of batches and files that bear our mark and that this tenant has never heard of; nothing was
    done about them.
    """

    files_deleted: int
    batches_cancelled: int
    unknown: Sequence[str]


def resubmit(work: Work, batch_id: UUID) -> UUID | None:
    """
    Plan the expired lines of a landed batch as a new one, and return it; None where there are none, or none may be.

    After the last attempt, or a cancellation, the lines are given up: whoever needs them may buy them anew.

    Raises:
        BudgetExhausted: A budget has no room for them now; they wait, and whoever tries again goes on.
    """
    model = work.batch(batch_id)["model"]
    try:
        try:
            return _resubmit(work, batch_id, model, alone=False)
        except RoomIsShort:
            return _resubmit(work, batch_id, model, alone=True)
    except BudgetExhausted as refused:
        with work.database.transaction(work.tenant) as session:
            note_refusal(session, refused)
        raise refused.adding(
            f"It is for lines of batch {batch_id} that expired and wait to be asked for again: start the same again "
            f"when there is room, or give them up with `plumbline batches give-up {batch_id}`."
        ) from None


def give_up(work: Work, batch_id: UUID) -> int:
    """
    Give up the lines of a batch that wait to be asked for again, or to be put right; return how many of both they were.

    Whoever needs what expired may buy it anew.  Answers that do not fit stay as they are; whoever plans them anew has
    them put right then.
    """
    work.batch(batch_id)
    with work.database.transaction(work.tenant) as session:
        batch = db.row(session, "batches/lock_batch", batch_id=batch_id)
        expired = db.row(session, "batches/count_expired", batch_id=batch_id)
        if batch is None or batch["state"] != "landed" or not expired:
            return 0
        invalid = db.value(session, "batches/count_invalid", batch_id=batch_id)
        db.run(session, "batches/delete_invalid", batch_id=batch_id)
        _give_up(session, batch)
        return int(expired["lines"]) + int(invalid)


def _resubmit(work: Work, batch_id: UUID, model: str, *, alone: bool) -> UUID | None:
    with work.database.transaction(work.tenant) as session:
        limited = budgets.join(session, work.tenant, model, alone=alone)
        batch = db.row(session, "batches/lock_batch", batch_id=batch_id)
        if batch is None or batch["state"] != "landed":
            return None
        expired = db.row(session, "batches/count_expired", batch_id=batch_id)
        if not expired or not expired["lines"]:
            return None
        if batch["attempt"] >= MOST_ATTEMPTS or batch["cancel_asked_at"] is not None:
            _give_up(session, batch)
            return None
        return _move(session, batch, expired, limited=limited, alone=alone)


def _give_up(session: Session, batch: DictRow) -> None:
    db.run(session, "batches/delete_expired", batch_id=batch["batch_id"])
    end_plan(session, batch["plan_id"])


def _move(session: Session, batch: DictRow, expired: DictRow, *, limited: bool, alone: bool) -> UUID:
    plan = db.row(session, "batches/select_plan", plan_id=batch["plan_id"]) or {}
    prices = PriceList.booked(plan, plan["model"], "batch", batch["called_at"].date())
    child, cost = uuid.uuid4(), prices.cost(expired["tokens"], tokens_out=expired["tokens_out"])
    db.run(
        session,
        "batches/upsert_batch",
        batch_id=child,
        plan_id=batch["plan_id"],
        tenant=batch["tenant"],
        part=batch["part"],
        attempt=batch["attempt"] + 1,
        parent=batch["batch_id"],
        cost_usd=cost,
        **expired,
    )
    db.run(session, "batches/move_expired", batch_id=batch["batch_id"], child=child)
    if limited:
        budgets.reserve(session, batch["tenant"], [child], holder=plan["holder"], alone=alone)
    db.run(session, "batches/update_called", batch_ids=[child])
    db.run(session, "batches/insert_calls", batch_ids=[child])
    return child


def clean_up(work: Work, batch_id: UUID) -> None:
    """
    Delete the files of a batch at the provider, and write down that they are gone.

    Raises:
        PlumblineError: As drawn in `plumbline.models.errors`.
    """
    batch = work.batch(batch_id)
    if batch["state"] not in ("landed", "failed") or batch["cleaned_at"] is not None:
        return
    files = [batch[name] for name in ("input_file_id", "output_file_id", "error_file_id")]
    if any(files):
        provider = work.provider(batch)
        for file_id in filter(None, files):
            provider.delete(file_id)
    with work.database.transaction(work.tenant) as session:
        db.run(session, "batches/update_cleaned", batch_id=batch_id)
        end_plan(session, batch["plan_id"])


def cancel(work: Work, batch_id: UUID) -> bool:
    """
    Ask for the end of a batch, and return whether that makes a difference: what was answered is kept, and billed.

    One that was not submitted ends at its next turn; one that was, when the provider has ended it.
    """
    work.batch(batch_id)
    with work.database.transaction(work.tenant) as session:
        return bool(db.run(session, "batches/update_cancel_asked", batch_id=batch_id))


def sweep(work: Work) -> Swept:
    """
    Look for files and batches that bear our mark and that nobody needs, and end them.

    A file of ours is deleted when our batch does not name it, and is not about to be uploaded; a batch is cancelled
    when our row names another one.

    Raises:
        PlumblineError: As drawn in `plumbline.models.errors`.
    """
    provider = Provider(work.endpoint, work.policy, work.database)
    files = {card["id"]: at_provider.batch_of_file(card) for card in provider.files()}
    batches = {
        card["id"]: at_provider.batch_of(card) for card in provider.batches() if card.get("status") in _OPEN
    }
    with work.database.transaction(work.tenant) as session:
        wanted = {found for found in (*files.values(), *batches.values()) if found}
        known = {
            row["batch_id"]: row for row in db.rows(session, "batches/select_known", batch_ids=list(wanted))
        }
    needless = [file for file, ours in files.items() if ours in known and _needless(known[ours], file)]
    stray = [one for one, ours in batches.items() if ours in known and _stray(known[ours], one)]
    for file_id in needless:
        provider.delete(file_id)
    for provider_id in stray:
        provider.cancel(provider_id)
    unknown = [one for one, ours in (files | batches).items() if ours and ours not in known]
    return Swept(len(needless), len(stray), tuple(sorted(unknown)))


_OPEN = ("validating", "in_progress", "finalizing")


def _needless(batch: DictRow, file_id: str) -> bool:
    return bool(batch["input_file_id"] != file_id and batch["state"] != "uploading")


def _stray(batch: DictRow, provider_id: str) -> bool:
    return bool(
        batch["provider_batch_id"] != provider_id and batch["state"] not in ("submitting", "uploading")
    )
