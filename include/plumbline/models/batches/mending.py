"""
Put right, within the same plan, the answers of a batch that do not fit what was asked for.

A line whose answer does not fit stays when it lands, and keeps the claim of its key.  Once its batch has landed, all
such lines become new parts of the plan, in which the model sees its answer and what is wrong with it; once a key, as
for single calls.

They are bought as a batch however few they are: at half the price, and by the one way that no crash makes pay twice.
Whoever waits for a plan has agreed to a day, and now and then waits for another one.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.models.asking import mending_within
from plumbline.models.batches import budgets
from plumbline.models.batches.lines import Line
from plumbline.models.batches.packing import Packing
from plumbline.models.batches.work import Work, end_plan
from plumbline.models.errors import BudgetExhausted
from plumbline.models.prices import PriceList
from plumbline.models.requests import Input
from plumbline.models.reserving import RoomIsShort, note_refusal

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

log = logging.getLogger(__name__)

_PAGE = 2_000
"""Lines that are taken up in one transaction, each page as parts of its own."""


def mend(work: Work, batch_id: UUID) -> Sequence[UUID]:
    """
    Plan the lines of a landed batch whose answers do not fit as new batches, and return those.

    Lines of a batch that somebody wanted to end, and those whose answer is gone or that would be longer than may be
    sent, are given up: their answers stay as they are.

    Raises:
        BudgetExhausted: A budget has no room for them now; they wait, and the next turn tries again.
    """
    batch = work.batch(batch_id)
    with work.database.transaction(work.tenant) as session:
        if batch["state"] != "landed" or not db.value(session, "batches/count_invalid", batch_id=batch_id):
            return []
    made: list[UUID] = []
    try:
        for lines in _pages(work, batch):
            try:
                made += _move(work, batch, lines, alone=False)
            except RoomIsShort:
                made += _move(work, batch, lines, alone=True)
    except BudgetExhausted as refused:
        with work.database.transaction(work.tenant) as session:
            note_refusal(session, refused)
        raise refused.adding(
            f"It is for answers of batch {batch_id} that do not fit what was asked for and wait to be put right: start "
            f"the same again when there is room, or give them up with `plumbline batches give-up {batch_id}`."
        ) from None
    # Whoever has come here has seen every line: what is left cannot be put right.
    with work.database.transaction(work.tenant) as session:
        if db.row(session, "batches/lock_batch", batch_id=batch_id) is not None:
            db.run(session, "batches/delete_invalid", batch_id=batch_id)
            end_plan(session, batch["plan_id"])
    return made


def _pages(work: Work, batch: DictRow) -> Iterator[Sequence[Line]]:
    """Yield the lines that put the answers right; they are made before anybody has to wait for their transaction."""
    packing, after = _packing(work, batch), UUID(int=0)
    while True:
        with work.database.transaction(work.tenant) as session:
            rows = db.rows(
                session, "batches/select_invalid_lines", batch_id=batch["batch_id"], after=after, page=_PAGE
            )
        if not rows:
            return
        yield [line for row in rows if (line := _line(row, packing, batch["use"])) is not None]
        after = rows[-1]["call_id"]


def _packing(work: Work, batch: DictRow, after: int = 0) -> Packing:
    endpoint = replace(work.endpoint_of(batch), limits=work.endpoint.for_chat().limits)
    prices = PriceList.booked(batch, batch["model"], "batch", batch["called_at"].date())
    return Packing(
        work.tenant,
        batch["plan_id"],
        endpoint,
        batch["route"],
        lambda part: prices.cost(part.tokens, tokens_out=part.tokens_out),
        after=after,
        parent=batch["batch_id"],
    )


def _move(work: Work, known: DictRow, lines: Sequence[Line], *, alone: bool) -> Sequence[UUID]:
    """Turn a page of lines into those that put them right; the claims go with them, in this transaction."""
    which = {"batch_id": known["batch_id"]}
    with work.database.transaction(work.tenant) as session:
        limited = budgets.join(session, work.tenant, known["model"], alone=alone)
        batch = db.row(session, "batches/lock_batch", **which)
        if batch is None or batch["state"] != "landed" or batch["cancel_asked_at"] is not None:
            return []
        plan = db.row(session, "batches/lock_plan", plan_id=batch["plan_id"]) or {}
        asked = [line.mends for line in lines]
        left = {
            row["call_id"]
            for row in db.rows(session, "batches/select_still_invalid", **which, call_ids=asked)
        }
        db.run(session, "batches/delete_ended_lines", **which, call_ids=list(left))
        packing = _packing(
            work, known, db.value(session, "batches/select_last_part", plan_id=batch["plan_id"])
        )
        packing.write(session, [line for line in lines if line.mends in left])
        return _seal(session, packing, plan, limited=limited, alone=alone)


def _seal(
    session: Session, packing: Packing, plan: Mapping[str, Any], *, limited: bool, alone: bool
) -> Sequence[UUID]:
    """Write the calls of the new parts, and reserve what they can cost."""
    ids = [part.batch_id for part in packing.parts]
    if not ids:
        return ids
    if limited:
        budgets.reserve(session, packing.tenant, ids, holder=plan["holder"], alone=alone)
    db.run(session, "batches/update_called", batch_ids=ids)
    db.run(session, "batches/insert_calls", batch_ids=ids)
    return ids


def _line(row: DictRow, packing: Packing, use: str) -> Line | None:
    """Return the line that puts an answer right; None where it would be longer than may be sent."""
    ((key,), (tokens,)) = row["keys"], row["tokens"]
    try:
        asked = Input(bytes(key), bytes(row["request"]).decode(), tokens)
        again = mending_within(packing.endpoint, use, asked, row["body"], row["tokens_out"])
        if again is None:
            return None
        line = Line(
            uuid.uuid4(),
            [again.key],
            [again.tokens],
            again.text.encode(),
            row["tokens_out"],
            row["call_id"],
            row["user_ref"],
            row["session_ref"],
        )
        packing.require_room(line)
    except Fatal as refused:
        log.warning("the answer of call %s is not put right: %s", row["call_id"], refused)
        return None
    return line
