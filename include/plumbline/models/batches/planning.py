"""
A plan of what to buy in batches: a stream of requests in, parts that the provider will take out.

Promises:

- A key is in one place: answered, bought by a single call, or in one line of one batch (`ledger.batch_key`).
- Calls are written when the plan is complete, all in one transaction; a plan that was cut off left no call, and its
  lines are swept by whoever plans next, or wants one of its keys.
- Memory is flat: lines are written page by page.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self

from plumbline.core import db
from plumbline.core.arrays import bytea_array
from plumbline.core.db import Database
from plumbline.core.errors import Passing
from plumbline.core.receipts import Receipt, Run
from plumbline.models.asked import Questions, Texts
from plumbline.models.asking import answer_prices, mending_within
from plumbline.models.batches import budgets
from plumbline.models.batches.lines import Line, Part
from plumbline.models.batches.packing import Packing
from plumbline.models.calls import About, PromptRef, booked_on
from plumbline.models.chatting import Chatting
from plumbline.models.conversation import ChatRequest
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import BudgetExhausted, StillUnusable
from plumbline.models.ledger import unusable_lately
from plumbline.models.moderating import Moderation
from plumbline.models.prices import PriceList, price_list
from plumbline.models.requests import Input, full_requests, paced
from plumbline.models.reserving import RoomIsShort, note_refusal
from plumbline.models.sessions import HeldSession
from plumbline.models.uses import lifetime, use_of
from plumbline.privacy.minimise import Minimiser

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

_PAGE = 1_024
"""Inputs that are looked up, and written, in one transaction."""


class PlanLost(Passing):
    """The plan was taken for dead while it was written, because the database was away; begin it anew."""


class BatchPlan:
    """
    What a step wants bought in batches, for a `with` block; leaving it writes the calls.  For one thread.

    Inputs that were `requested` were `answered` already, or are `under_way` with others, or are bought.  Of those under
    way, `in_doubt` are held by calls that may have been billed: nobody buys them until a person has decided.
    After an error nothing of it is left.
    """

    def __init__(
        self,
        database: Database,
        run: Run,
        endpoint: Endpoint,
        kind: type[Chatting | Embedding | Moderation],
        *,
        use: str,
        prompt: PromptRef | None,
        sensitivity: str,
        minimiser: Minimiser,
    ) -> None:
        self.plan_id = uuid.uuid4()
        self.requested = self.answered = self.under_way = self.in_doubt = 0
        self._database, self._run, self._endpoint, self._kind = database, run, endpoint, kind
        self._use, self._prompt, self._sensitivity = use, prompt, sensitivity
        self._session = HeldSession(database, run.tenant)
        self._prices: PriceList | None = None
        self._wanted: list[tuple[Input, About]] = []
        self._asked: Questions | Texts
        self._service: Chatting | Embedding | Moderation
        if issubclass(kind, Chatting):
            self._service = kind(endpoint, run.tenant)
            self._asked = Questions(run, endpoint, use, prompt, minimiser)
        else:
            self._service = kind(endpoint, run.tenant, self._session)
            self._asked = Texts(run, endpoint, kind, use, minimiser)
        self._route = f"/v1{self._service.path}"
        self._packing = Packing(run.tenant, self.plan_id, endpoint, self._route, self._worst)

    def __enter__(self) -> Self:
        """
        Look up the price, sweep what dead plans have left, and begin.

        Raises:
            PriceUnknown: The model has no price in batches.
            StillUnusable: The last answer could not be used: fifty thousand more would be paid for too.
        """
        self._require_usable_answers()
        prices = price_list(self._database, self._endpoint.model, "batch")
        self._prices = answer_prices(prices) if self._kind is Chatting else prices
        try:
            with self._session.transaction() as session:
                db.run(session, "batches/delete_dead_plans")
                self._begin(session, prices)
        except BaseException:
            self._session.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the calls; or, after an error, nothing."""
        try:
            if kind is None:
                self._write()
                self._seal()
        except BaseException as late:
            error = late
            raise
        finally:
            if error is not None and isinstance(error, Exception):
                with self._session.transaction() as session:
                    db.run(session, "batches/delete_plan", plan_id=self.plan_id)
            self._session.close()

    @property
    def parts(self) -> Sequence[Part]:
        """The batches that will be made."""
        return self._packing.parts

    @property
    def lines(self) -> int:
        """Requests that will be bought."""
        return sum(part.lines for part in self.parts)

    @property
    def left_to_others(self) -> Receipt:
        """Inputs without an answer that this plan does not buy: `under_way`, and apart from these `in_doubt`."""
        return {"under_way": self.under_way - self.in_doubt, "in_doubt": self.in_doubt}

    @property
    def cost_usd(self) -> Decimal:
        """The most that they can cost, in US dollars."""
        return sum((self._worst(part) for part in self.parts), start=Decimal(0))

    def ask(self, request: ChatRequest, *, user: str | None = None, session: str | None = None) -> bytes:
        """
        Take a request for the chat model and return the key of its answer; see `ChatStream.add`.

        Raises:
            InputRefused: It is longer than the model reads, or than a batch may be.
        """
        return self.take(
            self.ready(request), About(tokens_out=request.max_output_tokens, user=user, session=session)
        )

    def ready(self, request: ChatRequest) -> Input:
        """Return a request as it would be bought, under its answer's key.  Raises InputRefused and NoKeys as `ask`."""
        if isinstance(self._asked, Texts):
            raise TypeError("a plan of texts takes no chat requests")
        return self._asked.input(request)

    def take(self, item: Input, about: About) -> bytes:
        """Take a request that is `ready`, and return its key."""
        self._take(item, replace(about, user=about.user or self._run.user))
        return item.key

    def add(self, text: str, tokens: int) -> bytes:
        """
        Take a text to embed, or to moderate, and return the key of its answer; see `TextStream.add`.

        Raises:
            InputRefused: It is empty, or longer than the model reads.
        """
        if isinstance(self._asked, Questions):
            raise TypeError("a plan of chat requests takes no texts")
        item = self._asked.input(text, tokens)
        self._take(item, About(user=self._run.user))
        return item.key

    def _require_usable_answers(self) -> None:
        if self._kind is Embedding and lifetime(self._use) is None:
            call_id = unusable_lately(self._database, self._run.tenant, self._endpoint, self._use)
            if call_id is not None:
                raise StillUnusable(call_id, self._use, self._endpoint.label)

    def _take(self, item: Input, about: About) -> None:
        self.requested += 1
        self._wanted.append((item, about))
        if len(self._wanted) >= _PAGE:
            self._write()

    def _write(self) -> None:
        """Write the lines of a page, in one transaction with the claims of their keys."""
        if not self._wanted:
            return
        wanted = {item.key: (item, about) for item, about in reversed(self._wanted)}
        doubled, self._wanted = len(self._wanted) - len(wanted), []
        with self._session.transaction() as session:
            budgets.join(session, self._run.tenant, self._endpoint.model, alone=False)
            keys = bytea_array(list(wanted))
            found = db.rows(session, "batches/select_standing", keys=keys, model=self._endpoint.model)
            lines = self._lines([(*wanted[bytes(row["key"])], row) for row in found if _open(row)])
            self._packing.write(session, lines)
        under_way, bought = sum(row["under_way"] for row in found), sum(len(line.keys) for line in lines)
        self.under_way += doubled + under_way
        self.in_doubt += sum(row["in_doubt"] for row in found)
        self.answered += len(found) - under_way - bought

    def _lines(self, wanted: Sequence[tuple[Input, About, DictRow]]) -> list[Line]:
        if self._kind is not Chatting:
            # A batch knows no minute, but the use its cap.
            limits = paced(self._endpoint.limits, math.inf, use_of(self._use).most_tokens_in)
            waiting = [item for item, _, _ in wanted]
            return [
                self._line(items, About(user=self._run.user))
                for items in full_requests(waiting, limits, rest=True)
            ]
        lines = []
        for item, about, row in wanted:
            asked = item if row["mends"] is None else self._mending(item, about, row)
            if asked is not None:
                lines.append(self._line([asked], replace(about, mends=row["mends"])))
        return lines

    def _mending(self, item: Input, about: About, row: DictRow) -> Input | None:
        return mending_within(self._endpoint, self._use, item, row["body"], about.tokens_out)

    def _line(self, items: Sequence[Input], about: About) -> Line:
        keys, tokens = [item.key for item in items], [item.tokens for item in items]
        body = self._service.body(items)
        return Line(
            uuid.uuid4(), keys, tokens, body, about.tokens_out, about.mends, about.user, about.session
        )

    def _seal(self) -> None:
        """
        Write the calls of all parts, and reserve what they can cost: all of it, or nothing.

        Raises:
            BudgetExhausted: A budget has no room for it.
            PlanLost: The plan was taken for dead meanwhile.
        """
        try:
            try:
                self._seal_once(alone=False)
            except RoomIsShort:
                self._seal_once(alone=True)
        except BudgetExhausted as refused:
            with self._session.transaction() as session:
                note_refusal(session, refused)
            raise

    def _seal_once(self, *, alone: bool) -> None:
        ids = [part.batch_id for part in self.parts]
        with self._session.transaction() as session:
            limited = budgets.join(session, self._run.tenant, self._endpoint.model, alone=alone)
            sealed = db.run(
                session,
                "batches/update_plan_sealed",
                plan_id=self.plan_id,
                state="planned" if ids else "done",
                requested=self.requested,
                answered=self.answered,
                under_way=self.under_way,
            )
            if not sealed:
                raise PlanLost(
                    "The plan was taken for dead, because the database was away: it is begun anew."
                )
            if ids and limited:
                budgets.reserve(session, self._run.tenant, ids, holder=self._session.holder, alone=alone)
            db.run(session, "batches/update_called", batch_ids=ids)
            db.run(session, "batches/insert_calls", batch_ids=ids)

    def _worst(self, part: Part) -> Decimal:
        if self._prices is None:
            raise RuntimeError("a plan is used in a `with` block")
        return self._prices.cost(part.tokens, tokens_out=part.tokens_out)

    def _begin(self, session: Session, prices: PriceList) -> None:
        endpoint = self._endpoint
        db.run(
            session,
            "batches/insert_plan",
            **booked_on(self._run, self._prompt),
            **prices.columns,
            plan_id=self.plan_id,
            use=self._use,
            route=self._route,
            endpoint=endpoint.name,
            region=endpoint.region,
            model=endpoint.model,
            answers_as=endpoint.answers_as,
            dimensions=self._service.dimensions,
            sensitivity=self._sensitivity,
            holder=self._session.holder,
        )


def _open(row: DictRow) -> bool:
    """Whether a key is to be bought: it has no answer, or one that may be put right, and nobody is at it."""
    return not row["under_way"] and (not row["answered"] or row["mends"] is not None)
