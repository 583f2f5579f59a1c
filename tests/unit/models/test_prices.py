"""Money is exact."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from plumbline.models.prices import Price


@pytest.mark.parametrize(
    ("usd_per_million", "tokens", "expected"),
    [
        ("0.02", 1_000_000, "0.020000000"),
        ("0.02", 1, "0.000000020"),
        ("0.065", 1, "0.000000065"),
        ("0.000001", 1, "0"),
        ("0", 12_345, "0"),
        ("0.13", 300_000_000_000, "39000"),
    ],
)
def test_a_cost_is_tokens_times_price_to_a_billionth(
    usd_per_million: str, tokens: int, expected: object
) -> None:
    """No binary fractions: sums over millions of calls must agree with the bill."""
    price = Price("m", Decimal(usd_per_million), date(2026, 1, 1))

    assert Decimal(expected) == price.cost(tokens)
