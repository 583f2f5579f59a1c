"""
Dated prices, and the arithmetic of money.

A price is a row with a first day; the one in force on a day (UTC) is the latest that has begun.  A model
without a price is refused before anything is sent: an unpriced call is booked at nothing, and a budget that
counts it is no wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.models.errors import PriceUnknown

_BILLIONTH = Decimal("0.000000001")
_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class PriceList:
    """
    US dollars for a million tokens of a model on a day: that come in, that come in again from its cache, that go out.

    Without a price for cached tokens they cost as much as any others.
    """

    model: str
    day: date
    input: Decimal
    output: Decimal = _NOTHING
    cached_input: Decimal | None = None

    def cost(self, tokens_in: int, tokens_cached: int = 0, tokens_out: int = 0) -> Decimal:
        """Return the cost in US dollars, to a billionth; `tokens_cached` are among `tokens_in`."""
        cached = min(tokens_cached, tokens_in)
        cheaper = self.input if self.cached_input is None else self.cached_input
        sum_ = self.input * (tokens_in - cached) + cheaper * cached + self.output * tokens_out
        return (sum_ / _MILLION).quantize(_BILLIONTH, ROUND_HALF_UP)


def prices_of(
    database: Database,
    model: str,
    *,
    service: str = "standard",
    output: bool = False,
    day: date | None = None,
) -> PriceList:
    """
    Return what a model costs on a day (UTC; today by default), one by one or in batches.

    Raises:
        PriceUnknown: There is no price of input tokens, or, with `output`, none of output tokens.
    """
    day = day or now().date()
    with database.transaction(None) as session:
        found = {
            row["kind"]: row["usd_per_million"]
            for row in db.rows(session, "ledger/select_prices", model=model, service=service, day=day)
        }
    for kind in ("input", "output") if output else ("input",):
        if kind not in found:
            raise PriceUnknown(
                f"{model} has no price of {kind} tokens ({service}) on {day}, so it is not called. Add a row to "
                "include/prices.csv and run `plumbline migrate`."
            )
    return PriceList(model, day, found["input"], found.get("output", _NOTHING), found.get("cached_input"))


def estimate(database: Database, model: str, tokens: int, *, service: str = "standard") -> Decimal:
    """
    Return what so many input tokens would cost today, one by one or in batches, in US dollars.  Nothing is sent.

    Raises:
        PriceUnknown: The model has no price.
    """
    return prices_of(database, model, service=service).cost(tokens)
