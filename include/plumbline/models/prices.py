"""
Dated prices, and the arithmetic of money.

A price is a row with a first day; the one in force on a day (UTC) is the latest that has begun.  A model
without a price is refused before anything is sent: an unpriced call is booked at nothing, and a budget that
counts it is no wall.

Prices come from `include/prices.csv`, which `plumbline migrate` brings into the database; a company's own rows go
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.models.errors import PriceUnknown

_BILLIONTH = Decimal("0.000000001")
_MILLION = Decimal(1_000_000)

Service = Literal["standard", "batch"]


@dataclass(frozen=True, slots=True)
class PriceList:
    """What a model costs on a day: US dollars for a million tokens, by their kind; None where there is no price."""

    model: str
    service: Service
    day: date
    input: Decimal | None
    cached_input: Decimal | None = None
    output: Decimal | None = None

    @classmethod
    def booked(cls, row: Mapping[str, Any], model: str, service: Service, day: date) -> PriceList:
        """Return the prices that a row of the book was written with."""
        return cls(
            model,
            service,
            day,
            row["usd_per_million_in"],
            row["usd_per_million_cached"],
            row["usd_per_million_out"],
        )

    @property
    def columns(self) -> dict[str, Decimal | None]:
        """The columns that a row of the book has of them."""
        return {
            "usd_per_million_in": self.input,
            "usd_per_million_cached": self.cached_input,
            "usd_per_million_out": self.output or Decimal(0),
        }

    def cost(self, tokens_in: int, tokens_cached: int = 0, tokens_out: int = 0) -> Decimal:
        """
        Return what a call has cost, in US dollars, to a billionth.

        `tokens_cached` are a part of `tokens_in`.  Without a price of their own they cost as much as the others: that
        is what a provider without one bills.

        Raises:
            PriceUnknown: A kind of token that was used has no price.
        """
        fresh, cached = tokens_in - tokens_cached, tokens_cached
        usd = self._of("input", self.input, fresh) + self._of("output", self.output, tokens_out)
        usd += self._of(
            "cached input", self.input if self.cached_input is None else self.cached_input, cached
        )
        return (usd / _MILLION).quantize(_BILLIONTH, ROUND_HALF_UP)

    def most(self, tokens_in: int, most_tokens_out: int = 0) -> Decimal:
        """
        Return the most that a call can cost, in US dollars: never less than `cost` of what it may use.

        Raises:
            PriceUnknown: A kind of token that may be used has no price; said before anything is sent.
        """
        return max(self.cost(tokens_in, 0, most_tokens_out), self.cost(tokens_in, tokens_in, most_tokens_out))

    def _of(self, kind: str, usd_per_million: Decimal | None, tokens: int) -> Decimal:
        if not tokens:
            return Decimal(0)
        if usd_per_million is None:
            raise _unknown(self.model, self.day, f"{kind} tokens" + _by(self.service))
        return usd_per_million * tokens


def price_list(
    database: Database, model: str, service: Service = "standard", day: date | None = None
) -> PriceList:
    """
    Return the prices of a model, called one by one or in batches, on a day (UTC; today by default).

    Raises:
        PriceUnknown: There is none for input tokens; of other kinds, the list says it when they are needed.
    """
    day = day or now().date()
    with database.transaction(None) as session:
        found = {
            row["kind"]: row["usd_per_million"]
            for row in db.rows(session, "ledger/select_price_kinds", model=model, service=service, day=day)
        }
    if "input" not in found:
        raise _unknown(model, day, "input tokens" + _by(service))
    return PriceList(model, service, day, found["input"], found.get("cached_input"), found.get("output"))


def all_prices(database: Database, day: date | None = None) -> list[dict[str, Any]]:
    """Return every price in force on a day (UTC; today by default), and those to come."""
    with database.transaction(None) as session:
        return db.rows(session, "ledger/select_prices", day=day or now().date())


def estimate(database: Database, model: str, tokens: int, *, service: Service = "standard") -> Decimal:
    """
    Return what so many input tokens would cost today, one by one or in batches, in US dollars.  Nothing is sent.

    Raises:
        PriceUnknown: The model has no price.
    """
    return price_list(database, model, service).cost(tokens)


def _unknown(model: str, day: date, of: str = "") -> PriceUnknown:
    return PriceUnknown(
        f"{model} has no price{f' of {of}' if of else ''} on {day}, so it is not called. Add a row to "
        "include/prices.csv and run `plumbline migrate`."
    )


def _by(service: Service) -> str:
    return " in batches" if service == "batch" else ""
