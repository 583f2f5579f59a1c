"""
Calls of which nobody knows whether they were billed, and the person who decides.

A call that was cut off at a provider that bills a repeated request twice is never repeated by itself.  It is
listed here until someone has looked at the provider's usage page and says which it was; either way the decision
is in the book, and only then may the inputs be bought anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.tools import Tools
from plumbline.models.batches.budgets import Ending, give_back
from plumbline.models.batches.budgets import book as book_lines
from plumbline.models.calls import Billed
from plumbline.models.prices import PriceList
from plumbline.models.reserving import book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import DictRow

    from plumbline.core.db import Session


class NotUnfinished(Fatal):
    """There is nothing to decide about this call."""


@dataclass(frozen=True, slots=True)
class UnfinishedCall:
    """
    A call that may have been billed: `unknown`, or `sent` by a process that is gone and not yet looked after.

    `batch_id`: the batch that it is a line of, if it is one.
    """

    call_id: uuid.UUID
    at: datetime
    state: str
    use: str
    model: str
    endpoint: str
    inputs: int
    tokens: int
    cost_usd: Decimal
    dag_id: str | None
    dag_run_id: str | None
    task_id: str | None
    error: str | None
    batch_id: str | None = None


def list_unknown(tools: Tools, *, tenant: str | None = None) -> list[UnfinishedCall]:
    """
    Return the calls that may have been billed and that nobody is at work on, oldest first.

    Those in the state `sent` at an endpoint that repeats safely end by themselves at the next run that needs the model.
    """
    with tools.db.transaction(tenant or tools.settings.tenant) as session:
        return unknown_calls(session)


def unknown_calls(session: Session) -> list[UnfinishedCall]:
    """Return the same within a transaction of the tenant."""
    return [UnfinishedCall(**found) for found in db.rows(session, "ledger/select_unfinished")]


def release_within(
    session: Session, call_id: uuid.UUID | str, billed: bool, used: Billed | None = None
) -> Decimal:
    """
    Write down what a person found out about a call, so that its inputs may be bought anew; return what is booked.

    Within a transaction of the tenant, with what else belongs to the decision.  Billed: the call has failed at its
    planned tokens and cost.  Not billed: it has failed and cost nothing.  Either way no budget holds it any longer.

    `used` are the tokens that were billed, where they are known; otherwise it is booked as it was planned.  Who decided
    is no business of the book: it is in the item of the queue, `plumbline.review.release_call`.

    Raises:
        NotUnfinished: The call is unknown here, has ended, or a living process is at work on it.
    """
    call_id = read_call_id(call_id)
    if billed and used is not None:
        # It may be above what was reserved, and then a period is held before the lease of a process that may claim
        # meanwhile, which holds its leases before it wants periods.
        db.run(session, "ledger/join_budgets_alone")
    found = db.row(session, "ledger/lock_unfinished_call", call_id=call_id)
    if found is None:
        lines = db.rows(session, "batches/lock_unknown_line", call_id=call_id)
        if lines:
            return release_locked_lines(session, lines, billed)
        raise NotUnfinished(
            f"There is nothing to decide about call {call_id}: `plumbline calls unknown` lists what is."
        )
    tokens, cached, tokens_out, cost = _bill(found, billed, used)
    if (ended := db.row(session, "ledger/delete_intent", call_id=call_id)) is not None:
        book(session, ended, cost)
    db.run(
        session,
        "ledger/update_call_released",
        call_id=call_id,
        call_at=found["at"],
        tokens=tokens,
        tokens_cached=cached,
        tokens_out=tokens_out,
        cost_usd=cost,
        error=_decided(billed, used),
    )
    return cost


def lock_lines_in_doubt(session: Session, batch_id: uuid.UUID) -> list[DictRow]:
    """
    Return all lines of a batch that are in doubt, held until the transaction of the tenant ends.

    Raises:
        NotUnfinished: None is.
    """
    lines = db.rows(session, "batches/lock_unknown_lines", batch_id=batch_id)
    if not lines:
        raise NotUnfinished(
            f"No line of batch {batch_id} is in doubt: `plumbline calls unknown` lists what is."
        )
    return lines


def release_locked_lines(session: Session, lines: Sequence[DictRow], billed: bool) -> Decimal:
    """
    Release lines of one batch, which are held, with their claims and reservations; return what is booked, in USD.

    The figures of the batch follow; when none of its lines is left in doubt, nothing more is reserved for it.
    """
    batch_id, call_ids = lines[0]["batch_id"], [line["call_id"] for line in lines]
    ended = [
        Ending(line["call_id"], line["cost_usd"], line["cost_usd"] if billed else Decimal(0))
        for line in lines
    ]
    db.row(session, "batches/lock_batch", batch_id=batch_id)
    db.run(session, "batches/delete_ended_lines", batch_id=batch_id, call_ids=call_ids)
    book_lines(session, batch_id, lines[0]["at"], ended)
    db.run(
        session,
        "batches/update_calls_released",
        call_ids=call_ids,
        call_at=lines[0]["at"],
        billed=billed,
        error=_decided(billed),
    )
    cost = sum((one.cost_usd for one in ended), start=Decimal(0))
    if not db.value(session, "batches/update_decided", batch_id=batch_id, lines=len(ended), cost_usd=cost):
        give_back(session, batch_id)
    return cost


def _bill(
    found: Mapping[str, Any], billed: bool, used: Billed | None
) -> tuple[int, int | None, int, Decimal]:
    """Return the tokens in, those of them cached, and out, and what they cost."""
    if not billed:
        return 0, None, 0, Decimal(0)
    if used is None or used.tokens_in is None or used.tokens_out is None:
        return found["tokens"], None, found["tokens_out"], found["cost_usd"]
    prices = PriceList.booked(found, found["model"], "standard", found["at"].date())
    cost = prices.cost(used.tokens_in, used.cached, used.tokens_out)
    return used.tokens_in, used.cached, used.tokens_out, cost


def _decided(billed: bool, used: Billed | None = None) -> str:
    of = "the planned tokens" if used is None else "the tokens of the provider's records"
    return f"Cut off; decided: it was {f'billed, at {of}' if billed else 'not billed'}."


def read_call_id(call_id: uuid.UUID | str) -> uuid.UUID:
    """Return the id of a call; raises NotUnfinished for what is none."""
    try:
        return call_id if isinstance(call_id, uuid.UUID) else uuid.UUID(call_id)
    except ValueError:
        raise NotUnfinished(
            f"{call_id} is not the id of a call: `plumbline calls unknown` lists them."
        ) from None
