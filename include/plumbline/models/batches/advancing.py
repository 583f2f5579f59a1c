"""
A plan on its way: each of its batches takes the next step that is open to it, and somebody is told when to come back.

Whoever waits holds nothing: ids are all that is carried from one turn to the next, and a turn that was cut off, or is
taken twice, is made good by the next one.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import errors

from plumbline.core import db
from plumbline.core.errors import Fatal, Passing, PlumblineError
from plumbline.core.receipts import Receipt
from plumbline.models.batches.ending import clean_up, resubmit, sweep
from plumbline.models.batches.landing import STATES, land
from plumbline.models.batches.mending import mend
from plumbline.models.batches.polling import look
from plumbline.models.batches.submitting import submit
from plumbline.models.batches.work import NoSuchBatch, Work, end_plan
from plumbline.models.errors import BudgetExhausted

if TYPE_CHECKING:
    from psycopg.rows import DictRow

log = logging.getLogger(__name__)

_STEPS = 12
"""More steps than a batch can take in one turn."""


class TransactionsMet(Passing):
    """Postgres has ended one of two transactions, or more, that waited for each other.  Nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How a plan stands.

    `lines`: how many have which end, or `open`; a line that was asked for again, because it expired or because its
    answer did not fit, counts as its successor.
    `wait`: seconds after which to look again.
    """

    done: bool
    batches: int
    lines: Mapping[str, int]
    cost_usd: Decimal
    wait: float


def advance(work: Work, plan_id: UUID) -> Progress:
    """
    Take the steps that are open to each batch of a plan, and return how the plan stands.

    Submit, look, land, ask again for what expired, have put right what does not fit, clean up.

    Raises:
        NoSuchBatch: There is no such plan.
        BudgetExhausted: What expired cannot be asked for again, or what does not fit put right, and nothing else of
            the plan is under way.
        TransactionsMet: Others were at work on the same rows; the next turn goes on.
        PlumblineError: As drawn in `plumbline.models.errors`; the next turn goes on.
    """
    no_room: BudgetExhausted | None = None
    for _ in range(_STEPS):
        no_room = None
        before = [_standing(batch) for batch in batches_of(work, plan_id)]
        failures: list[Exception] = []
        for batch in batches_of(work, plan_id):
            try:
                _take_steps(work, batch["batch_id"])
            except BudgetExhausted as refused:
                no_room = refused
            except Exception as error:  # noqa: BLE001 - raised below: one batch does not stop the others
                failures.append(_in_words(error))
        if failures:
            raise _gravest(failures)
        if before == [_standing(batch) for batch in batches_of(work, plan_id)]:
            break
    _end_if_over(work, plan_id)
    # While another batch of the plan is under way there may yet be room: it may cost less than is reserved for it.
    if no_room is not None and all(batch["cleaned_at"] for batch in batches_of(work, plan_id)):
        raise no_room
    return progress(work, plan_id)


def _in_words(error: Exception) -> Exception:
    """Say in a sentence what the next turn mends; every other error stays as it is, and is in the log."""
    if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
        said = f"Postgres has ended one of two transactions that met ({type(error).__name__}); it is tried again."
        failure = TransactionsMet(said)
        failure.__cause__ = error
        return failure
    if not isinstance(error, PlumblineError):
        log.error("a batch cannot go on", exc_info=error)
    return error


def _gravest(failures: Sequence[Exception]) -> Exception:
    """Return what nobody has foreseen; or else what a new try cannot mend; or else the first.  Pure."""
    return min(failures, key=lambda error: (isinstance(error, PlumblineError), not isinstance(error, Fatal)))


def _end_if_over(work: Work, plan_id: UUID) -> None:
    """End a plan whose batches are all cleaned up: whoever cleaned up the last one may have died before it said so."""
    if all(batch["cleaned_at"] for batch in batches_of(work, plan_id)):
        with work.database.transaction(work.tenant) as session:
            end_plan(session, plan_id)


def turn(work: Work, plan_ids: Sequence[UUID]) -> Receipt:
    """
    Advance several plans, and return a receipt: whether all are `done`, the `wait` until the next turn in seconds, and
    how their lines stand.

    Raises:
        BudgetExhausted: What expired cannot be asked for again, or what does not fit put right, and nothing else of
            these plans is under way.
        TransactionsMet: Others were at work on the same rows; the next turn goes on.
        PlumblineError: As drawn in `plumbline.models.errors`; the next turn goes on.
    """
    found, no_room = _advance_all(work, plan_ids)
    if len(plan_ids) > len(no_room) > 0:
        # What of the other plans has landed since may have left room.
        found, no_room = _advance_all(work, plan_ids)
    if no_room and sum(not one.done for one in found) == len(no_room):
        raise no_room[0]
    lines: Counter[str] = Counter()
    for one in found:
        lines.update(one.lines)
    done = all(one.done for one in found)
    if found and done:
        _sweep(work)
    return {
        "done": done,
        "wait": min((one.wait for one in found if not one.done), default=0.0),
        "batches": sum(one.batches for one in found),
        "lines": dict(lines),
        "batch_cost_usd": f"{sum((one.cost_usd for one in found), start=Decimal(0)):f}",
    }


def _advance_all(work: Work, plan_ids: Sequence[UUID]) -> tuple[list[Progress], list[BudgetExhausted]]:
    found: list[Progress] = []
    no_room: list[BudgetExhausted] = []
    for plan_id in plan_ids:
        try:
            found.append(advance(work, plan_id))
        except BudgetExhausted as refused:
            no_room.append(refused)
            found.append(progress(work, plan_id))
    return found, no_room


def _sweep(work: Work) -> None:
    """Leave nothing at the provider; what cannot be swept now, the next ones sweep."""
    try:
        swept = sweep(work)
    except PlumblineError as error:
        log.warning("files and batches that nobody needs are left at the provider for now: %s", error)
        return
    if swept.unknown:
        log.warning(
            "%d files or batches at the provider bear our mark and are not known here", len(swept.unknown)
        )


def watch(work: Work, plan_id: UUID) -> bool:
    """
    Look at the batches that are with the provider, and return whether a worker has something to do.

    Raises:
        PlumblineError: As drawn in `plumbline.models.errors`.
    """
    due = False
    for batch in batches_of(work, plan_id):
        if batch["state"] == "submitted":
            look(work, batch["batch_id"])
    for batch in batches_of(work, plan_id):
        due = due or _is_due(batch)
    # One that waits for room gets it when another has ended.
    return due or not any(batch["state"] == "submitted" for batch in batches_of(work, plan_id))


def progress(work: Work, plan_id: UUID) -> Progress:
    """
    Return how a plan stands.  Nothing is asked.

    Raises:
        NoSuchBatch: There is no such plan.
    """
    with work.database.transaction(work.tenant) as session:
        plan = db.row(session, "batches/select_plan", plan_id=plan_id)
    if plan is None:
        raise NoSuchBatch(f"There is no plan {plan_id}.")
    found = batches_of(work, plan_id)
    lines: Counter[str] = Counter()
    for batch in found:
        if batch["settled"] is None:
            lines["open"] += batch["lines"]
        else:
            lines.update({state: batch[state] for state in STATES if batch[state]})
    for batch in found:
        if batch["parent"]:
            lines["settled" if batch["attempt"] == 1 else "expired"] -= batch["lines"]
    waits = [batch["wait"] for batch in found if batch["state"] == "planned" and (batch["wait"] or 0) > 0]
    return Progress(
        plan["state"] == "done",
        len(found),
        {state: count for state, count in lines.items() if count},
        sum((batch["cost_usd"] or Decimal(0) for batch in found), start=Decimal(0)),
        max(work.endpoint.batches.look_every, min(waits, default=0.0) if _only_waits(found) else 0.0),
    )


def batches_of(work: Work, plan_id: UUID) -> list[DictRow]:
    """Return the batches of a plan."""
    with work.database.transaction(work.tenant) as session:
        return db.rows(session, "batches/select_plan_batches", plan_id=plan_id)


def _take_steps(work: Work, batch_id: UUID) -> None:
    state = work.batch(batch_id)["state"]
    if state in ("planned", "uploading", "submitting"):
        submit(work, batch_id)
    elif state == "submitted":
        look(work, batch_id)
    elif state == "ended":
        land(work, batch_id)
    else:
        try:
            resubmit(work, batch_id)
            mend(work, batch_id)
        except BudgetExhausted:
            # What has landed does not wait for money.
            clean_up(work, batch_id)
            raise
        clean_up(work, batch_id)


def _is_due(batch: DictRow) -> bool:
    if batch["state"] in ("landed", "failed"):
        # Expired lines of one that is cleaned up wait for room in a budget: until another batch has ended, at least.
        return batch["cleaned_at"] is None
    return batch["state"] == "ended" or (batch["wait"] is not None and batch["wait"] <= 0)


def _only_waits(found: list[DictRow]) -> bool:
    return all(batch["cleaned_at"] is not None or batch["state"] == "planned" for batch in found)


def _standing(batch: DictRow) -> tuple[object, ...]:
    return batch["batch_id"], batch["state"], batch["cleaned_at"], batch["resubmits"], batch["input_file_id"]
