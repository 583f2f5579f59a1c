"""The ends of lines: judged by the services that judge single answers, and written a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from plumbline.core import db
from plumbline.core.arrays import bytea_array, integer_array
from plumbline.models.batches.lines import Result
from plumbline.models.calls import Billed, Bought, Call, Service, Unusable
from plumbline.models.chat_wire import Chat
from plumbline.models.chatting import Chatting, lifetime_of
from plumbline.models.conversation import Ended
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import Endpoint
from plumbline.models.moderating import Judged, Moderation
from plumbline.models.prices import PriceList
from plumbline.models.sessions import HeldSession

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

_NOTHING = Billed(0)


@dataclass(frozen=True, slots=True)
class End:
    """How a line ended: the state of its call, and what it used and cost; with an answer, `call` and `bought`."""

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


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer that is not a vector, as its row will be."""

    key: bytes
    call: Call
    tokens: int
    body: Mapping[str, Any]
    outcome: Ended


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
    bought: Bought | None = None
    error = None
    try:
        bought = service.read(call, result.content)
        billed = bought.billed
    except Unusable as reason:
        billed = service.billed(result.content)
        error = f"The answer is not what was asked for: {reason}."
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


def keep(session: Session, service: Service[Any], batch: DictRow, tenant: str, ends: Sequence[End]) -> None:
    """Write the answers of a page: vectors by their service, all others as one set."""
    answers: list[_Answer] = []
    for end in ends:
        if end.call is None or end.bought is None:
            continue
        if isinstance(end.bought, Chat):
            call, bought = end.call, end.bought
            answers.append(_Answer(call.keys[0], call, call.tokens[0], bought.body, bought.outcome))
        elif isinstance(end.bought, Judged):
            answers += [
                _Answer(key, end.call, tokens, {"flagged": dict(result)}, Ended.ANSWERED)
                for key, tokens, result in zip(
                    end.call.keys, end.call.tokens, end.bought.results, strict=True
                )
            ]
        else:
            service.keep(session, end.call, end.bought)
    if answers:
        _insert(session, batch, tenant, answers)


def _insert(session: Session, batch: DictRow, tenant: str, answers: Sequence[_Answer]) -> None:
    keys = bytea_array([answer.key for answer in answers])
    lives = [lifetime_of(batch["use"], answer.outcome) for answer in answers]
    db.run(session, "ledger/delete_replaced_answer", keys=keys)
    db.run(
        session,
        "batches/insert_answers",
        tenant=tenant,
        use=batch["use"],
        model=batch["model"],
        called_at=batch["called_at"],
        keys=keys,
        call_ids=[answer.call.call_id for answer in answers],
        tokens=integer_array([answer.tokens for answer in answers]),
        bodies=[orjson.dumps(answer.body).decode() for answer in answers],
        outcomes=[str(answer.outcome) for answer in answers],
        mended=[answer.call.mends is not None for answer in answers],
        lives=[None if one is None else one.total_seconds() for one in lives],
    )


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
