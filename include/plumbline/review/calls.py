"""
Calls that may have been billed, as questions to a person.

The book knows which they are; the queue knows who is at them.  Deciding here and `plumbline calls release` are one
thing: whichever way a call is released, its item and its row in the book end in the same transaction.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.models.unfinished import (
    UnfinishedCall,
    read_call_id,
    release_lines_within,
    release_within,
    unknown_calls,
)
from plumbline.review.effects import BILLED, NOT_BILLED
from plumbline.review.items import Item, Question
from plumbline.review.queue import ask, waiting_about, waiting_about_any, withdraw, write_decision

if TYPE_CHECKING:
    from plumbline.core.db import Session

_KIND = "unknown_call"
_ENDED = "The call has ended: nothing is left to decide."


def ask_about_unknown_calls(tools: Tools, run: Run) -> Receipt:
    """
    Put every call that may have been billed into the queue, once, and withdraw what has ended by itself.

    Some do: at an endpoint that bills a repeated request once, the next run repeats them.
    """
    with tools.db.transaction(run.tenant) as session:
        calls = unknown_calls(session)
        for call in calls:
            ask(session, run, _question(call))
        ended = db.rows(session, "review/select_items_of_ended_calls")
        for item in ended:
            withdraw(session, item["item_id"], run.job, _ENDED)
    return {"unknown_calls": len(calls), "withdrawn": len(ended)}


def release_call(tools: Tools, run: Run, call_id: uuid.UUID | str, billed: bool, by: str) -> Decimal:
    """
    Release a call as a person decided, and end the item that asks about it; return what is booked, in US dollars.

    Where nobody has asked about it yet, the item is made: who decided is kept there, and nowhere else.

    Raises:
        NotUnfinished: The call is unknown here, has ended, or a living process is at work on it.
    """
    call_id = read_call_id(call_id)
    with tools.db.transaction(run.tenant) as session:
        # The item is held before the call, as `decide` does: in the other order, two people could wait for each other.
        item = item_about(session, run, call_id)
        booked = release_within(session, call_id, billed)
        if item is not None:
            write_decision(session, item, BILLED if billed else NOT_BILLED, by, None)
    return booked


def release_lines(tools: Tools, run: Run, batch_id: uuid.UUID, billed: bool, by: str) -> tuple[int, Decimal]:
    """
    Release every line of a batch that is in doubt as a person decided, and end the items that ask about them.

    Returns how many there were, and what is booked, in US dollars: all of it in one transaction, or nothing.

    Raises:
        NotUnfinished: No line of that batch is in doubt.
    """
    with tools.db.transaction(run.tenant) as session:
        doubtful = [call for call in unknown_calls(session) if call.batch_id == str(batch_id)]
        for call in doubtful:
            ask(session, run, _question(call))
        # Items before calls, as above; a call that somebody else decided since it was read has its item withdrawn.
        items = waiting_about_any(session, _KIND, [str(call.call_id) for call in doubtful])
        released, booked = release_lines_within(session, batch_id, billed)
        for item in items:
            if uuid.UUID(item.subject_id) in released:
                write_decision(session, item, BILLED if billed else NOT_BILLED, by, None)
            else:
                withdraw(session, item.item_id, run.job, _ENDED)
    return len(released), booked


def item_about(session: Session, run: Run, call_id: uuid.UUID) -> Item | None:
    """Return the item that asks about a call, held, made where nobody has asked yet; None: nothing is in doubt."""
    if (item := waiting_about(session, _KIND, str(call_id))) is not None:
        return item
    for call in unknown_calls(session):
        if call.call_id == call_id:
            ask(session, run, _question(call))
            return waiting_about(session, _KIND, str(call_id))
    return None


def _question(call: UnfinishedCall) -> Question:
    inputs = f"{call.inputs:,} input{'' if call.inputs == 1 else 's'}"
    known = {
        "call_id": str(call.call_id),
        "sent": f"{call.at:%Y-%m-%d %H:%M:%S} UTC",
        "endpoint": call.endpoint,
        "model": call.model,
        "use": call.use,
        "batch_id": call.batch_id,
        "tokens": call.tokens,
        "cost_usd": f"{call.cost_usd:f}",
        "dag_run_id": call.dag_run_id,
    }
    return Question(
        kind=_KIND,
        reason="cut_off",
        subject_id=str(call.call_id),
        summary=f"Was this call billed? {call.use} by {call.model}, {inputs}, at most ${call.cost_usd:.6f}",
        context={name: value for name, value in known.items() if value is not None},
    )
