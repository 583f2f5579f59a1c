"""Money is exact."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.core.migrations import PRICES
from plumbline.models.errors import PriceUnknown
from plumbline.models.prices import PriceList

DAY = date(2026, 1, 1)
prices = st.decimals(0, 1000, places=6)
tokens = st.integers(0, 2_000_000)


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
    price = PriceList("m", "standard", DAY, Decimal(usd_per_million))

    assert Decimal(expected) == price.cost(tokens)


def listed(input_: str = "2", cached: str | None = "0.5", output: str | None = "8") -> PriceList:
    """A model at so many dollars for a million tokens."""
    return PriceList(
        "m", "standard", DAY, *(None if each is None else Decimal(each) for each in (input_, cached, output))
    )


def test_each_kind_of_token_has_its_price() -> None:
    """Cached ones are a part of the input."""
    assert listed().cost(1_000_000, 400_000, 500_000) == Decimal("1.2") + Decimal("0.2") + 4


def test_where_cached_tokens_have_no_price_they_cost_as_the_others() -> None:
    """That is what a provider without one bills, and it is never less."""
    assert listed(cached=None).cost(1_000_000, 400_000) == 2


def test_a_kind_without_a_price_is_refused_where_it_may_be_needed() -> None:
    """Before anything is sent: the worst case cannot be said."""
    embedding = listed(output=None)

    assert embedding.most(1_000_000) == 2
    with pytest.raises(PriceUnknown, match="no price of output tokens on 2026-01-01"):
        embedding.most(10, 1)


@given(
    input_=prices, cached=st.none() | prices, output=prices, tokens_in=tokens, most_out=tokens, data=st.data()
)
def test_no_call_costs_more_than_the_most(
    input_: Decimal,
    cached: Decimal | None,
    output: Decimal,
    tokens_in: int,
    most_out: int,
    data: st.DataObject,
) -> None:
    """However much of it is cached, and however short the answer."""
    prices = PriceList("m", "batch", DAY, input_, cached, output)
    cached_tokens = data.draw(st.integers(0, tokens_in))
    tokens_out = data.draw(st.integers(0, most_out))

    assert prices.cost(tokens_in, cached_tokens, tokens_out) <= prices.most(tokens_in, most_out)


def test_the_list_of_prices_is_whole() -> None:
    """Whoever answers has a price for it, batches cost half, and every row says where it is from."""
    with PRICES.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in rows:
        found[row["model"], row["service"]][row["kind"]] = Decimal(row["usd_per_million"])
        assert row["source"]
        date.fromisoformat(row["valid_from"])

    assert len(rows) == len({(row["model"], row["service"], row["kind"], row["valid_from"]) for row in rows})
    for (model, service), kinds in found.items():
        if service == "batch":
            standard = found[model, "standard"]
            assert kinds["input"] * 2 == standard["input"], model
            assert kinds.get("output", Decimal(0)) * 2 == standard.get("output", 0), model
            assert kinds.get(
                "cached_input", standard.get("cached_input", Decimal(0)) / 2
            ) * 2 == standard.get("cached_input", 0)
