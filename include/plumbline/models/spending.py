"""
What a run would spend, said before it does: calls, tokens, prices, and the budgets that would refuse.

Calls are counted by the same packing that buys them, and priced one by one, rounded as the book rounds them: where
nothing changes in between, the plan is the bill.  Personal data that was never met has no pseudonym yet, and the one
that it gets may have a token more or less; a provider that allows less than its connection says makes calls smaller,
and more of them.  Nothing here is sent or written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.core.receipts import Receipt, Run
from plumbline.models.budgets import Scope, Standing, standings
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import PriceUnknown, usd
from plumbline.models.leases import Period
from plumbline.models.prices import PriceList, price_list
from plumbline.models.requests import Input, Limits, full_requests, paced, total_tokens
from plumbline.models.reserving import named
from plumbline.models.uses import use_of


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call: how many inputs it holds, their tokens, and the most tokens that its answer may have."""

    inputs: int
    tokens_in: int
    most_tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    A budget that has no room for all that is planned; amounts in US dollars.

    `left_usd` is what may still be reserved, blocks that nobody has drawn on included: they are taken back before a
    call is refused.  It begins anew at `ends_at` (UTC).
    """

    scope: Scope
    name: str
    period: Period
    cap_usd: Decimal
    left_usd: Decimal
    ends_at: datetime

    def __str__(self) -> str:
        """Return what would happen, in a sentence."""
        return (
            f"The budget of {named(self.scope, self.name)} for this {self.period} has no room for it: "
            f"{usd(self.left_usd)} of {usd(self.cap_usd)} USD are left until {self.ends_at:%Y-%m-%d} at 00:00 UTC."
        )

    def as_receipt(self) -> Receipt:
        """Return it as plain values; amounts as decimal fractions in text, as `plumbline budget` gives them."""
        return {
            "scope": self.scope,
            "name": self.name,
            "period": self.period,
            "cap_usd": f"{self.cap_usd:f}",
            "left_usd": f"{self.left_usd:f}",
            "ends_at": self.ends_at.isoformat(),
            "says": str(self),
        }


@dataclass(frozen=True, slots=True)
class Spend:
    """
    What a use would spend on a model; amounts in US dollars, at most.

    `usd` is the price one by one, `batch_usd` that of the Batch API, or None where the model has none.  `refused_by`:
    the budgets whose room is smaller than the price one by one.
    """

    model: str
    calls: int
    inputs: int
    tokens_in: int
    tokens_out: int
    usd: Decimal
    batch_usd: Decimal | None
    refused_by: tuple[Refusal, ...] = ()

    def as_receipt(self) -> Receipt:
        """Return it as plain values."""
        return {
            "calls": self.calls,
            "cost_usd": float(self.usd),
            "cost_batch_usd": None if self.batch_usd is None else float(self.batch_usd),
            "refused_by": [refusal.as_receipt() for refusal in self.refused_by],
        }


def plan_texts(
    database: Database, run: Run, endpoint: Endpoint, use: str, streams: Iterable[Iterable[int]]
) -> Spend:
    """
    Return what texts without an answer would cost, by the tokens of each, stream by stream.

    Raises:
        PriceUnknown: The model has no price, so that nothing may be bought from it.
    """
    limits = paced(endpoint.limits, endpoint.limits.tokens_per_minute, use_of(use).most_tokens_in)
    return plan_calls(
        database, run, endpoint.model, use, [call for stream in streams for call in packed(stream, limits)]
    )


def plan_calls(database: Database, run: Run, model: str, use: str, calls: Sequence[PlannedCall]) -> Spend:
    """
    Return what these calls would cost at most, and which budgets have no room for them.

    Raises:
        PriceUnknown: The model has no price for a kind of token that may be used.
    """
    price = sum_of(calls, price_list(database, model))
    return Spend(
        model=model,
        calls=len(calls),
        inputs=sum(call.inputs for call in calls),
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_out=sum(call.most_tokens_out for call in calls),
        usd=price,
        batch_usd=_in_batches(database, model, calls),
        refused_by=refusing_budgets(database, run, use, price),
    )


def refusing_budgets(database: Database, run: Run, use: str, price: Decimal) -> tuple[Refusal, ...]:
    """Return the budgets that have no room now for what a run would pay for a use.  Nothing is written."""
    with database.transaction(run.tenant) as session:
        return refusing(standings(session, now()), run, use, price)


def refusing(found: Iterable[Standing], run: Run, use: str, price: Decimal) -> tuple[Refusal, ...]:
    """
    Return those of the budgets that count the calls of a run for a use and have less room than the price.  Pure.

    What costs nothing needs no room, even where more is spent than may be.
    """
    counted = {("everything", ""), ("project", run.project), ("team", run.team), ("use", use)}
    if run.user is not None:
        counted.add(("user", run.user))
    return tuple(
        Refusal(each.scope, each.name, each.period, each.cap_usd, room(each), each.ends_at)
        for each in found
        if (each.scope, each.name) in counted and price > room(each)
    )


def room(standing: Standing) -> Decimal:
    """Return what a budget would let be reserved, in US dollars, once undrawn blocks are taken back.  Pure."""
    return max(standing.cap_usd - standing.spent_usd - standing.open_usd, Decimal(0))


def packed(tokens: Iterable[int], limits: Limits) -> Iterator[PlannedCall]:
    """Yield the calls in which a stream sends inputs of so many tokens.  Pure."""
    waiting: list[Input] = []
    for each in tokens:
        waiting.append(Input(b"", "", each))
        if len(waiting) >= limits.inputs:
            yield from _calls(full_requests(waiting, limits, rest=False))
    yield from _calls(full_requests(waiting, limits, rest=True))


def sum_of(calls: Iterable[PlannedCall], prices: PriceList) -> Decimal:
    """
    Return the most that these calls can cost together, in US dollars.  Pure.

    Raises:
        PriceUnknown: A kind of token that may be used has no price.
    """
    return sum((prices.most(call.tokens_in, call.most_tokens_out) for call in calls), start=Decimal(0))


def _calls(requests: Iterator[list[Input]]) -> Iterator[PlannedCall]:
    return (PlannedCall(len(inputs), total_tokens(inputs)) for inputs in requests)


def _in_batches(database: Database, model: str, calls: Sequence[PlannedCall]) -> Decimal | None:
    try:
        return sum_of(calls, price_list(database, model, "batch"))
    except PriceUnknown:
        return None
