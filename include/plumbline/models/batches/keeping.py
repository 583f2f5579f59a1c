"""The ends of lines: judged by the services that judge single answers, and written a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from plumbline.core import db
from plumbline.models.batches.lines import Result
from plumbline.models.calls import Billed, Bought, Call, Service, Unusable, read_answer, read_bill
from plumbline.models.chatting import Chatting
from plumbline.models.conversation import Ended
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import Endpoint
from plumbline.models.moderating import Moderation
from plumbline.models.prices import PriceList
from plumbline.models.sessions import HeldSession

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

_NOTHING = Billed(0)


@dataclass(frozen=True, slots=True)
class End:
    """How a line ended: the state of its call, and what it used and cost; `call`, if it was answered, and `bought`."""

    call_id: UUID
    state: str
    label: str
    tokens_in: int | None = None
    billed: Billed = _NOTHING
    cost_usd: Decimal | None = None
    planned_usd: Decimal = Decimal(0)
    request_id: str | None = None
    error: str | None = None
    call: Call | None = field(default=None, repr=False)
    bought: Bought | None = field(default=None, repr=False)

    @property
    def left_as(self) -> str | None:
        """Why the line stays: to be asked for again, to be decided by a person, or for its answer to be put right."""
        if self.state in ("expired", "unknown"):
            return self.state
        wrong = self.bought is not None and self.bought.outcome == Ended.INVALID
        return "invalid" if wrong and self.call is not None and self.call.mends is None else None


def service_of(endpoint: Endpoint, tenant: str, route: str, held: HeldSession) -> Service[Any]:
    """Return the service that reads the answers of a route."""
    services: dict[str, Service[Any]] = {
        "/v1/chat/completions": Chatting(endpoint, tenant),
        "/v1/embeddings": Embedding(endpoint, tenant, held),
        "/v1/moderations": Moderation(endpoint, tenant, held),
    }
    return services[route]


def ended(service: Service[Any], batch: DictRow, line: DictRow, result: Result) -> End:
    """Return how a line ended by what the provider says of it.  Pure."""
    call = _call_of(batch, line)
    if result.state != "answered":
        return End(
            call.call_id,
            result.state,
            result.label,
            0,
            cost_usd=Decimal(0),
            planned_usd=call.cost_planned_usd,
            request_id=result.request_id,
            error=result.error,
        )
    try:
        if not result.content:
            raise Unusable("it is nested too deeply to be read")
        bought = read_answer(service, call, result.content)
    except Unusable as reason:
        error = f"The answer is not what was asked for: {reason}."
        return _billed(call, result, read_bill(service, result.content), error=error)
    return _billed(call, result, bought.billed, bought)


def unkept(end: End, refusal: Exception) -> End:
    """
    Return the end of a line whose row the database refuses: failed, at what was planned where it was answered.

    The kind of refusal is named, and not its words, which may be those of the answer.  Pure.
    """
    error = f"The database does not take how the line ended ({type(refusal).__name__})."
    if end.call is None:
        return replace(end, request_id=None, error=error)
    said = f"{error} It is booked at its planned tokens."
    return _billed(
        end.call, Result(end.call_id, "answered", end.label), Billed(None, tokens_out=None), error=said
    )


def _billed(
    call: Call, result: Result, billed: Billed, bought: Bought | None = None, *, error: str | None = None
) -> End:
    return End(
        call.call_id,
        "failed" if bought is None else "settled",
        result.label,
        call.counted(billed)[0],
        Billed(*call.counted(billed)),
        call.cost(billed),
        call.cost_planned_usd,
        result.request_id,
        error,
        call,
        bought,
    )


def keep(session: Session, service: Service[Any], ends: Sequence[End]) -> None:
    """Write the answers of a page."""
    bought = [(end.call, end.bought) for end in ends if end.call is not None and end.bought is not None]
    service.keep(session, bought)


def write_ends(session: Session, batch: DictRow, ends: Sequence[End]) -> None:
    """Write the ends of calls, as one set."""
    unknown = [end.state == "unknown" for end in ends]
    db.run(
        session,
        "batches/update_calls_ended",
        called_at=batch["called_at"],
        call_ids=[end.call_id for end in ends],
        states=[end.state for end in ends],
        answered_by=[end.bought.answered_by if end.bought else None for end in ends],
        outcomes=[_outcome(end.bought) for end in ends],
        labels=[end.label for end in ends],
        tokens_in=[end.tokens_in for end in ends],
        tokens_cached=[
            None if not_known else end.billed.cached for end, not_known in zip(ends, unknown, strict=True)
        ],
        tokens_out=[
            None if not_known else end.billed.tokens_out for end, not_known in zip(ends, unknown, strict=True)
        ],
        costs=[end.cost_usd for end in ends],
        request_ids=[end.request_id for end in ends],
        errors=[end.error for end in ends],
    )


def _outcome(bought: Bought | None) -> str | None:
    return None if bought is None or bought.outcome is None else str(bought.outcome)


def _call_of(batch: DictRow, line: DictRow) -> Call:
    prices = PriceList.booked(batch, batch["model"], "batch", batch["called_at"].date())
    return Call(
        line["call_id"],
        batch["called_at"],
        batch["use"],
        [bytes(key) for key in line["keys"]],
        line["tokens"],
        batch["dimensions"],
        prices,
        prices.cost(sum(line["tokens"]), tokens_out=line["tokens_out"]),
        bytes(line["request"]),
        line["tokens_out"],
        line["mends"],
    )
