"""Money is exact."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from plumbline.models.prices import PriceList


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
    price = PriceList("m", date(2026, 1, 1), Decimal(usd_per_million))

    assert Decimal(expected) == price.cost(tokens)


def test_what_comes_in_again_and_what_goes_out_have_prices_of_their_own() -> None:
    """Cached tokens are among those that came in."""
    prices = PriceList("m", date(2026, 1, 1), Decimal(4), output=Decimal(16), cached_input=Decimal(1))

    assert prices.cost(1_000_000, 400_000, 500_000) == Decimal("2.4") + Decimal("0.4") + Decimal(8)


def test_without_a_price_of_their_own_cached_tokens_cost_like_others() -> None:
    """Never less than what may be billed."""
    assert PriceList("m", date(2026, 1, 1), Decimal(4)).cost(1_000_000, 400_000) == Decimal(4)
