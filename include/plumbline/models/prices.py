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


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million input tokens of a model, and the day it was in force."""

    model: str
    usd_per_million: Decimal
    day: date

    def cost(self, tokens: int) -> Decimal:
        """Return the cost of so many tokens in US dollars, to a billionth."""
        return (self.usd_per_million * tokens / _MILLION).quantize(_BILLIONTH, ROUND_HALF_UP)


def input_price(database: Database, model: str, day: date | None = None) -> Price:
    """
    Return the price of input tokens, one by one, on a day (UTC; today by default).

    Raises:
        PriceUnknown: There is none.
    """
    day = day or now().date()
    with database.transaction(None) as session:
        found = db.value(
            session, "ledger/select_price", model=model, service="standard", kind="input", day=day
        )
    if found is None:
        raise PriceUnknown(
            f"{model} has no price on {day}, so it is not called. Add a row to include/prices.csv and run "
            "`plumbline migrate`."
        )
    return Price(model, found, day)


def estimate(database: Database, model: str, tokens: int) -> Decimal:
    """
    Return what so many input tokens would cost today, in US dollars.  Nothing is sent.

    Raises:
        PriceUnknown: The model has no price.
    """
    return input_price(database, model).cost(tokens)
