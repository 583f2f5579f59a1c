"""
The book of calls: what is about to be sent is written before it is sent, what it bought is written when it is
known.

Three promises carry everything else, and each is one transaction:

- A key is claimed by one call at a time.  `claim` looks for answers and for the calls of others under one
  lock, and commits the call and its intent before anything is sent; drop the lock and two workers buy the
  same key.
- A call ends once.  Whoever deletes its intent may write its end; a second one finds nothing and writes
  nothing.
- What was bought and that it was bought appear together: answers, cost and state are one commit.

A call is claimed together with what it reserves of budgets, and ends together with what it cost them; see `reserving`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.arrays import ByteaArray, bytea_array, halfvec_array, integer_array
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import BudgetExhausted
from plumbline.models.identity import fingerprint
from plumbline.models.policy import History, Outcome
from plumbline.models.prices import Price
from plumbline.models.requests import Input, lifetime, total_tokens
from plumbline.models.reserving import (
    NOTHING,
    Reservation,
    RoomIsShort,
    book,
    give_back,
    note_refusal,
    reserve,
)
from plumbline.models.sessions import HeldSession
from plumbline.models.wire import Embeddings, halfvecs

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

_CUT_OFF = "The process that sent it ended before the answer was kept."


@dataclass(frozen=True, slots=True)
class Call:
    """One request that is written in the book; that of a dead process is fetched when it is repeated."""

    call_id: uuid.UUID
    at: datetime
    use: str
    keys: Sequence[bytes]
    tokens: Sequence[int]
    dimensions: int
    price: Price
    cost_planned_usd: Decimal
    request: bytes = field(repr=False)

    @property
    def tokens_planned(self) -> int:
        """Tokens as counted by us."""
        return sum(self.tokens)


@dataclass(frozen=True, slots=True)
class AtStake:
    """A call that may have been billed and needs a person."""

    call_id: uuid.UUID
    tokens: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Claim:
    """
    What became of the keys that were wanted.

    Either `call` is ours to send, for the keys that nobody else has; or there is nothing to send.
    `elsewhere`: keys that a living process is buying.  `adopted`: calls of dead processes that hold some of
    the keys and are ours to repeat now, and `at_stake` those that may not be repeated; while there are any,
    nothing is claimed.
    """

    call: Call | None = None
    elsewhere: frozenset[bytes] = frozenset()
    adopted: tuple[Call, ...] = ()
    at_stake: tuple[AtStake, ...] = ()


def unanswered(database: Database, tenant: str, keys: Sequence[bytes]) -> set[bytes]:
    """Return the keys that have no answer that may be used."""
    with database.transaction(tenant) as session:
        return {
            found["key"] for found in db.rows(session, "ledger/select_unanswered", keys=bytea_array(keys))
        }


def any_cut_off(database: Database, tenant: str, endpoint: Endpoint) -> bool:
    """Whether a process died over a call to this model at this endpoint."""
    with database.transaction(tenant) as session:
        found = db.row(session, "ledger/select_cut_off", endpoint=endpoint.name, model=endpoint.model)
    return found is not None


def unusable_lately(database: Database, tenant: str, endpoint: Endpoint, use: str) -> uuid.UUID | None:
    """Return the last call of a day whose answer could not be used, unless a proof has succeeded since."""
    with database.transaction(tenant) as session:
        found: uuid.UUID | None = db.value(
            session, "ledger/select_unusable", endpoint=endpoint.name, model=endpoint.model, use=use
        )
    return found


class Ledger:
    """The book as one buyer writes it, over its own session."""

    def __init__(self, session: HeldSession, run: Run, endpoint: Endpoint, sensitivity: str) -> None:
        self._session = session
        self._run = run
        self._endpoint = endpoint
        self._sensitivity = sensitivity
        self._left_open: list[uuid.UUID] = []
        self._periods: set[int] = set()

    def claim(
        self, use: str, wanted: Sequence[Input], price: Price, body: Callable[[Sequence[Input]], bytes]
    ) -> Claim:
        """
        Write down the call for those of the wanted keys that are free, reserve what it can cost, and commit it.

        Raises:
            BudgetExhausted: A budget has no room for it.  Nothing is written but that it was refused.
        """
        try:
            try:
                return self._claim(use, wanted, price, body, alone=False)
            except RoomIsShort:
                return self._claim(use, wanted, price, body, alone=True)
        except BudgetExhausted as refused:
            with self._session.transaction() as session:
                note_refusal(session, refused)
            raise

    def _claim(
        self,
        use: str,
        wanted: Sequence[Input],
        price: Price,
        body: Callable[[Sequence[Input]], bytes],
        *,
        alone: bool,
    ) -> Claim:
        keys = bytea_array([item.key for item in wanted])
        with self._session.transaction() as session:
            budgets = self._lock_claims(session, alone=alone)
            rivals = self._rivals(session, keys)
            if cut_off := [rival for rival in rivals if not _under_way(rival)]:
                return self._take_over(session, cut_off)
            elsewhere = frozenset(key for rival in rivals for key in rival["wanted_keys"])
            missing = {
                found["key"] for found in db.rows(session, "ledger/select_unanswered", keys=keys)
            } - elsewhere
            ours = [item for item in wanted if item.key in missing]
            if not ours:
                return Claim(None, elsewhere)
            worst = price.cost(total_tokens(ours))
            reserved = self._reserve(session, use, worst, alone=alone) if budgets else NOTHING
            call = self._write_call(session, use, ours, price, body(ours), reserved)
        return Claim(call, elsewhere)

    def give_back(self) -> None:
        """Give back what was leased of budgets and is not drawn: nothing more is bought."""
        if self._periods:
            with self._session.transaction() as session:
                give_back(session, self._periods, self._session.holder)
            self._periods.clear()

    def take_over_cut_off(self) -> Claim:
        """Take over what dead processes of this tenant left at this model and endpoint."""
        with self._session.transaction() as session:
            self._lock_claims(session)
            endpoint, model = self._endpoint.name, self._endpoint.model
            return self._take_over(
                session, db.rows(session, "ledger/select_cut_off", endpoint=endpoint, model=model)
            )

    def request_of(self, call: Call) -> bytes | None:
        """Return the recorded request of a call, or None when somebody else has ended it."""
        with self._session.transaction() as session:
            found = db.value(session, "ledger/select_request", call_id=call.call_id)
        return None if found is None else bytes(found)

    def settle(self, call: Call, bought: Embeddings, outcome: Outcome, history: History) -> Decimal | None:
        """Keep the answers and end the call; return its cost, or None when somebody else has ended it."""
        tokens = call.tokens_planned if bought.tokens is None else bought.tokens
        cost = call.price.cost(tokens)
        with self._session.transaction() as session:
            ended = db.row(session, "ledger/delete_intent", call_id=call.call_id)
            if ended is None:
                return None
            self._keep_answers(session, call, bought)
            self._periods.update(book(session, ended, cost))
            db.run(
                session,
                "ledger/update_call_settled",
                **_course(call, history),
                answered_by=bought.answered_by,
                tokens=tokens,
                cost_usd=cost,
                latency_ms=outcome.latency_ms,
                provider_request_id=outcome.headers.get("x-request-id"),
            )
        return cost

    def end(
        self, call: Call, state: str, error: str, outcome: Outcome, history: History, *, tokens: int = 0
    ) -> None:
        """End a call, `refused` or `failed`; `tokens` are what it was billed all the same."""
        cost = call.price.cost(tokens)
        with self._session.transaction() as session:
            ended = db.row(session, "ledger/delete_intent", call_id=call.call_id)
            if ended is not None:
                self._periods.update(book(session, ended, cost))
                db.run(
                    session,
                    "ledger/update_call_ended",
                    **_course(call, history),
                    state=state,
                    error=error,
                    tokens=tokens,
                    cost_usd=cost,
                    provider_request_id=outcome.headers.get("x-request-id"),
                )

    def leave_open(self, call: Call, state: str, error: str, history: History) -> None:
        """Leave a call that was cut off: `sent` where it will be repeated, else `unknown`: a person decides."""
        with self._session.transaction() as session:
            db.run(session, "ledger/update_call_open", **_course(call, history), state=state, error=error)
        if state == "unknown":
            self._left_open.append(call.call_id)

    def _lock_claims(self, session: Session, *, alone: bool = False) -> bool:
        """Claim by turns, or alone in the tenant; return whether there are budgets."""
        tenant, model = self._run.tenant, self._endpoint.model
        return bool(db.value(session, "ledger/lock_claims", tenant=tenant, model=model, alone=alone))

    def _reserve(self, session: Session, use: str, worst_usd: Decimal, *, alone: bool) -> Reservation:
        reserved = reserve(session, self._run, use, worst_usd, holder=self._session.holder, alone=alone)
        self._periods.update(reserved.periods or ())
        return reserved

    def _rivals(self, session: Session, keys: ByteaArray) -> list[DictRow]:
        rivals = db.rows(
            session,
            "ledger/select_rivals",
            keys=keys,
            model=self._endpoint.model,
            holder=self._session.holder,
            left_open=self._left_open,
        )
        if not rivals:
            return []
        ids, times = [rival["call_id"] for rival in rivals], [rival["call_at"] for rival in rivals]
        calls = db.rows(session, "ledger/select_calls", call_ids=ids, times=times)
        how = {call["call_id"]: call for call in calls}
        # One that has ended in between is none any more: its answers are there, or nobody buys them.
        return [
            {**rival, **how[rival["call_id"]]}
            for rival in rivals
            if how[rival["call_id"]]["state"] in ("sent", "unknown")
        ]

    def _take_over(self, session: Session, cut_off: Iterable[DictRow]) -> Claim:
        adopted, at_stake = [], []
        for found in cut_off:
            repeatable = self._endpoint.idempotent and found["endpoint"] == self._endpoint.name
            call = self._read_call(found)
            if repeatable and found["state"] == "sent":
                # A person may have released it a moment ago: then there is nothing to take over.
                if db.run(session, "ledger/adopt_intent", call_id=call.call_id, holder=self._session.holder):
                    adopted.append(call)
                continue
            if found["state"] == "sent":
                db.run(
                    session,
                    "ledger/update_call_open",
                    **_course(call, History()),
                    state="unknown",
                    error=_CUT_OFF,
                )
            at_stake.append(AtStake(call.call_id, found["tokens_planned"], found["cost_planned_usd"]))
        self._left_open += [call.call_id for call in adopted]
        return Claim(adopted=tuple(adopted), at_stake=tuple(at_stake))

    def _read_call(self, found: DictRow) -> Call:
        day = found["call_at"].date()
        return Call(
            call_id=found["call_id"],
            at=found["call_at"],
            use=found["use"],
            keys=found["keys"],
            tokens=found["tokens"],
            dimensions=found["dimensions"],
            price=Price(self._endpoint.model, found["usd_per_million_in"], day),
            cost_planned_usd=found["cost_planned_usd"],
            request=b"",
        )

    def _write_call(
        self,
        session: Session,
        use: str,
        ours: Sequence[Input],
        price: Price,
        request: bytes,
        reserved: Reservation,
    ) -> Call:
        run, endpoint = self._run, self._endpoint
        keys, tokens = [item.key for item in ours], [item.tokens for item in ours]
        call_id, cost = uuid.uuid4(), price.cost(sum(tokens))
        at = db.value(
            session,
            "ledger/insert_call",
            call_id=call_id,
            tenant=run.tenant,
            project=run.project,
            team=run.team,
            user=run.user,
            use=use,
            route="/v1/embeddings",
            region=endpoint.region,
            endpoint=endpoint.name,
            model=endpoint.model,
            request_sha256=fingerprint(keys),
            inputs=len(keys),
            tokens_planned=sum(tokens),
            usd_per_million=price.usd_per_million,
            cost_planned_usd=cost,
            sensitivity=self._sensitivity,
            trace_id=run.trace_id,
            dag_id=run.dag_id,
            dag_run_id=run.dag_run_id,
            task_id=run.task_id,
            run_id=run.run_id,
            code_version=run.code_version,
            dimensions=endpoint.dimensions,
            keys=bytea_array(keys),
            tokens=integer_array(tokens),
            request=request,
            holder=self._session.holder,
            **reserved.columns,
        )
        return Call(call_id, at, use, keys, tokens, endpoint.dimensions, price, cost, request)

    def _keep_answers(self, session: Session, call: Call, bought: Embeddings) -> None:
        lives = lifetime(call.use)
        if lives is not None:
            db.run(session, "ledger/delete_expired_answers", keys=bytea_array(call.keys))
        db.run(
            session,
            "ledger/insert_embeddings",
            tenant=self._run.tenant,
            use=call.use,
            model=self._endpoint.model,
            call_id=call.call_id,
            call_at=call.at,
            lifetime=lives,
            keys=bytea_array(call.keys),
            tokens=integer_array(call.tokens),
            vectors=halfvec_array(halfvecs(bought.vectors), len(bought.vectors), self._session.vector_oid),
        )


def _under_way(rival: DictRow) -> bool:
    return bool(rival["state"] == "sent" and rival["alive"])


def _course(call: Call, history: History) -> dict[str, object]:
    return {
        "call_id": call.call_id,
        "call_at": call.at,
        "attempts": history.attempts,
        "status_counts": Jsonb(history.counts),
    }
