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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.arrays import ByteaArray, bytea_array, integer_array
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.models.calls import About, Billed, Bought, Call, PromptRef, Service, booked_on
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import BudgetExhausted, InBatch
from plumbline.models.identity import fingerprint
from plumbline.models.policy import History, Outcome
from plumbline.models.prices import PriceList
from plumbline.models.requests import Input, total_tokens
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

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

_CUT_OFF = "The process that sent it ended before the answer was kept."


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


def to_be_bought(database: Database, tenant: str, keys: Sequence[bytes]) -> set[bytes]:
    """Return the keys that have no answer that may be used, and that no batch is buying."""
    with database.transaction(tenant) as session:
        found = db.rows(session, "ledger/select_unanswered", keys=bytea_array(keys))
    return {row["key"] for row in found if row["batch_id"] is None}


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

    def __init__(
        self,
        session: HeldSession,
        run: Run,
        endpoint: Endpoint,
        service: Service[Any],
        sensitivity: str,
        prompt: PromptRef | None = None,
    ) -> None:
        self._session = session
        self._run = run
        self._endpoint = endpoint
        self._service = service
        self._sensitivity = sensitivity
        self._prompt = prompt
        self._left_open: list[uuid.UUID] = []
        self._periods: set[int] = set()

    def claim(self, use: str, wanted: Sequence[Input], prices: PriceList, about: About) -> Claim:
        """
        Write down the call for those of the wanted keys that are free, reserve what it can cost, and commit it.

        Raises:
            BudgetExhausted: A budget has no room for it.  Nothing is written but that it was refused.
        """
        try:
            try:
                return self._claim(use, wanted, prices, about, alone=False)
            except RoomIsShort:
                return self._claim(use, wanted, prices, about, alone=True)
        except BudgetExhausted as refused:
            with self._session.transaction() as session:
                note_refusal(session, refused)
            raise

    def _claim(
        self, use: str, wanted: Sequence[Input], prices: PriceList, about: About, *, alone: bool
    ) -> Claim:
        keys = bytea_array([item.key for item in wanted])
        with self._session.transaction() as session:
            budgets = self._lock_claims(session, alone=alone)
            rivals = self._rivals(session, keys)
            if cut_off := [rival for rival in rivals if not _under_way(rival)]:
                return self._take_over(session, cut_off)
            elsewhere = frozenset(key for rival in rivals for key in rival["wanted_keys"])
            open_ = "ledger/select_unmended" if about.mends else "ledger/select_unanswered"
            free = {found["key"]: found["batch_id"] for found in db.rows(session, open_, keys=keys)}
            missing = free.keys() - elsewhere
            if any(free[key] for key in missing):
                _require_no_batch(session, list(missing))
            ours = [item for item in wanted if item.key in missing]
            if not ours:
                return Claim(None, elsewhere)
            worst = prices.most(total_tokens(ours), about.tokens_out)
            reserved = self._reserve(session, use, worst, about, alone=alone) if budgets else NOTHING
            call = self._write_call(session, use, ours, prices, about, reserved)
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

    def settle(self, call: Call, bought: Bought, outcome: Outcome, history: History) -> Decimal | None:
        """Keep the answers and end the call; return its cost, or None when somebody else has ended it."""
        cost = call.cost(bought.billed)
        with self._session.transaction() as session:
            ended = db.row(session, "ledger/delete_intent", call_id=call.call_id)
            if ended is None:
                return None
            self._service.keep(session, [(call, bought)])
            self._periods.update(book(session, ended, cost))
            db.run(
                session,
                "ledger/update_call_settled",
                **_course(call, history),
                **_bill(call, bought.billed),
                cost_usd=cost,
                answered_by=bought.answered_by,
                outcome=bought.outcome,
                latency_ms=outcome.latency_ms,
                provider_request_id=outcome.headers.get("x-request-id"),
            )
        return cost

    def end(
        self, call: Call, state: str, error: str, outcome: Outcome, history: History, *, billed: Billed
    ) -> None:
        """End a call, `refused` or `failed`; `billed` is what it was billed all the same."""
        cost = call.cost(billed)
        with self._session.transaction() as session:
            ended = db.row(session, "ledger/delete_intent", call_id=call.call_id)
            if ended is not None:
                self._periods.update(book(session, ended, cost))
                db.run(
                    session,
                    "ledger/update_call_ended",
                    **_course(call, history),
                    **_bill(call, billed),
                    cost_usd=cost,
                    state=state,
                    error=error,
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

    def _reserve(
        self, session: Session, use: str, worst_usd: Decimal, about: About, *, alone: bool
    ) -> Reservation:
        run = replace(self._run, user=about.user or self._run.user)
        reserved = reserve(session, run, use, worst_usd, holder=self._session.holder, alone=alone)
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
        return Call(
            call_id=found["call_id"],
            at=found["call_at"],
            use=found["use"],
            keys=found["keys"],
            tokens=found["tokens"],
            dimensions=found["dimensions"],
            prices=PriceList.booked(found, self._endpoint.model, "standard", found["call_at"].date()),
            cost_planned_usd=found["cost_planned_usd"],
            request=b"",
            tokens_out=found["tokens_out_planned"],
            mends=found["mends"],
        )

    def _write_call(
        self,
        session: Session,
        use: str,
        ours: Sequence[Input],
        prices: PriceList,
        about: About,
        reserved: Reservation,
    ) -> Call:
        endpoint = self._endpoint
        keys, tokens = [item.key for item in ours], [item.tokens for item in ours]
        request = self._service.body(ours)
        call_id, cost = uuid.uuid4(), prices.most(sum(tokens), about.tokens_out)
        at = db.value(
            session,
            "ledger/insert_call",
            **booked_on(self._run, self._prompt),
            **prices.columns,
            **reserved.columns,
            call_id=call_id,
            user_ref=about.user or self._run.user,
            session_ref=about.session,
            use=use,
            route=f"/v1{self._service.path}",
            region=endpoint.region,
            endpoint=endpoint.name,
            model=endpoint.model,
            request_sha256=fingerprint(keys),
            inputs=len(keys),
            tokens_planned=sum(tokens),
            tokens_out_planned=about.tokens_out,
            cost_planned_usd=cost,
            mends=about.mends,
            sensitivity=self._sensitivity,
            dimensions=self._service.dimensions,
            keys=bytea_array(keys),
            tokens=integer_array(tokens),
            request=request,
            holder=self._session.holder,
        )
        return Call(
            call_id,
            at,
            use,
            keys,
            tokens,
            self._service.dimensions,
            prices,
            cost,
            request,
            about.tokens_out,
            about.mends,
        )


def _require_no_batch(session: Session, keys: Sequence[bytes]) -> None:
    """What a batch is buying is not bought a second time; a plan whose process died buys nothing."""
    db.run(session, "batches/delete_dead_plans")
    found = db.row(session, "batches/select_claims", keys=bytea_array(keys))
    if found is not None:
        how = {"unknown": found["unknown"], "waiting": found["waiting"]}
        raise InBatch(found["inputs"], found["batch_id"], found["expected"], **how)


def _under_way(rival: DictRow) -> bool:
    return bool(rival["state"] == "sent" and rival["alive"])


def _course(call: Call, history: History) -> dict[str, object]:
    return {
        "call_id": call.call_id,
        "call_at": call.at,
        "attempts": history.attempts,
        "status_counts": Jsonb(history.counts),
    }


def _bill(call: Call, billed: Billed) -> dict[str, object]:
    tokens_in, cached, tokens_out = call.counted(billed)
    return {"tokens": tokens_in, "tokens_cached": cached, "tokens_out": tokens_out}
