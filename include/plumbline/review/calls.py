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
from plumbline.models.reserving import reclaim
from plumbline.models.unfinished import (
    UnfinishedCall,
    lock_lines_in_doubt,
    read_call_id,
    release_locked_lines,
    release_within,
    unknown_calls,
)
from plumbline.review.effects import BILLED, NOT_BILLED
from plumbline.review.items import Item, Question
from plumbline.review.queue import (
    ask,
    ask_all,
    waiting_about,
    waiting_about_any,
    write_decision,
    write_decisions,
    write_withdrawals,
)

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
        ask_all(session, run, _KIND, [_question(call) for call in calls])
        ended = db.rows(session, "review/lock_items_of_ended_calls")
        write_withdrawals(session, [item["item_id"] for item in ended], run.job, _ENDED)
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
    _reclaim(tools, run)
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
        ask_all(session, run, _KIND, [_question(call) for call in doubtful])
        # Items before calls, as above; a call that somebody else decided since it was read has its item withdrawn.
        items = waiting_about_any(session, _KIND, [str(call.call_id) for call in doubtful])
        asked = {call.call_id for call in doubtful}
        # One that came into doubt since then has no item yet, and is left for the next time.
        lines = [line for line in lock_lines_in_doubt(session, batch_id) if line["call_id"] in asked]
        held = {str(line["call_id"]) for line in lines}
        decided = [item.item_id for item in items if item.subject_id in held]
        ended = [item.item_id for item in items if item.subject_id not in held]
        write_decisions(session, decided, BILLED if billed else NOT_BILLED, by)
        write_withdrawals(session, ended, run.job, _ENDED)
        # Last: leases of budgets that others draw on are held from here on.
        booked = release_locked_lines(session, lines, billed) if lines else Decimal(0)
    _reclaim(tools, run)
    return len(lines), booked


def _reclaim(tools: Tools, run: Run) -> None:
    """Give back what the process of a released call, which is gone as a rule, had leased and not drawn."""
    with tools.db.transaction(run.tenant) as session:
        reclaim(session)


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
