"""Which budgets would refuse, and in how many calls something is bought: said before, by the rules of the purchase."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from plumbline.core.receipts import Run
from plumbline.models.budgets import Standing
from plumbline.models.errors import PriceUnknown
from plumbline.models.prices import PriceList
from plumbline.models.requests import Input, Limits, full_requests
from plumbline.models.spending import PlannedCall, Spend, packed, refusing, room, sum_of

RUN = Run(tenant="main", job="test", project="shop", team="sea", user="u1")
FULL = Standing(
    scope="everything",
    name="",
    period="month",
    cap_usd=Decimal(10),
    spent_usd=Decimal(4),
    reserved_usd=Decimal(5),
    open_usd=Decimal(3),
    left_usd=Decimal(1),
    over_usd=Decimal(0),
    forecast_usd=Decimal(4),
    state="free",
    reached=None,
    refused=False,
    thresholds=(),
    starts_on=date(2026, 11, 1),
    ends_at=datetime(2026, 12, 1, tzinfo=UTC),
    set_by="me",
    set_at=datetime(2026, 11, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("scope", "name", "counts"),
    [
        ("everything", "", True),
        ("project", "shop", True),
        ("team", "sea", True),
        ("use", "embed_chunk", True),
        ("user", "u1", True),
        ("project", "sea", False),
        ("team", "shop", False),
        ("use", "search_query", False),
        ("user", "u2", False),
    ],
)
def test_only_budgets_that_count_the_run_can_refuse_it(scope: Any, name: str, counts: bool) -> None:
    """A budget of others stands in nobody's way."""
    found = refusing([replace(FULL, scope=scope, name=name)], RUN, "embed_chunk", Decimal(5))

    assert ([name] if counts else []) == [refusal.name for refusal in found]


def test_nobody_in_particular_is_no_user() -> None:
    """A run for nobody is not counted by the budget of anybody."""
    assert () == refusing([replace(FULL, scope="user", name="u1")], replace(RUN, user=None), "x", Decimal(99))


@pytest.mark.parametrize(("price", "refused"), [("3", False), ("3.000000001", True), ("0", False)])
def test_what_just_fits_is_not_refused_and_what_nobody_has_drawn_is_room(price: str, refused: bool) -> None:
    """Of 10, 4 are spent and 3 under way; 2 more are leased and not drawn, and come back before a call is refused."""
    found = refusing([FULL], RUN, "embed_chunk", Decimal(price))

    assert refused == bool(found)
    assert [Decimal(3)] * refused == [refusal.left_usd for refusal in found]


def test_a_budget_that_is_overdrawn_has_no_room_and_lets_pass_what_costs_nothing() -> None:
    """Less than nothing is not left."""
    over = replace(FULL, spent_usd=Decimal(12))

    assert Decimal(0) == room(over)
    assert () == refusing([over], RUN, "embed_chunk", Decimal(0))
    [refusal] = refusing([over], RUN, "embed_chunk", Decimal("0.01"))
    assert str(refusal) == (
        "The budget of everything for this month has no room for it: 0.00 of 10.00 USD are left until 2026-12-01 at "
        "00:00 UTC."
    )


@pytest.mark.parametrize(
    "limits", [Limits(), Limits(inputs=3), Limits(tokens=10), Limits(inputs=4, tokens=7)]
)
def test_calls_are_packed_as_they_are_bought(limits: Limits) -> None:
    """Given one by one or all at once, the same inputs come to the same calls."""
    tokens = [3, 4, 5, 1, 1, 1, 9, 2, 12, 1, 6] * 40
    at_once = [Input(b"", "", each) for each in tokens]

    planned = list(packed(tokens, limits))

    bought = list(full_requests(at_once, limits, rest=True))
    assert [(len(inputs), sum(each.tokens for each in inputs)) for inputs in bought] == [
        (call.inputs, call.tokens_in) for call in planned
    ]
    assert sum(tokens) == sum(call.tokens_in for call in planned)


def test_a_price_is_the_most_that_the_calls_can_cost() -> None:
    """Each call is rounded by itself, as the book does; answers count at their longest; no price is not nothing."""
    prices = PriceList("m", "standard", date(2026, 11, 1), Decimal("0.0004"), output=Decimal(2))

    assert Decimal(0) == sum_of([PlannedCall(1, 1)] * 3, prices)
    assert Decimal("0.000000001") == sum_of([PlannedCall(3, 3)], prices)
    assert Decimal("0.002000000") == sum_of([PlannedCall(1, 1, most_tokens_out=1000)], prices)
    with pytest.raises(PriceUnknown):
        sum_of([PlannedCall(1, 1, most_tokens_out=1)], replace(prices, output=None))


def test_a_model_without_a_price_in_batches_has_none_in_the_receipt() -> None:
    """None is not nothing: what is not sold costs no 0 dollars."""
    spend = Spend("m", 1, 2, 3, 0, Decimal("0.5"), None, refusing([FULL], RUN, "x", Decimal(4)))

    receipt = spend.as_receipt()

    assert (1, 0.5, None) == tuple(receipt[name] for name in ("calls", "cost_usd", "cost_batch_usd"))
    [refusal] = receipt["refused_by"]  # type: ignore[misc]
    assert ("everything", "10", "3", "2026-12-01T00:00:00+00:00") == tuple(
        refusal[name] for name in ("scope", "cap_usd", "left_usd", "ends_at")
    )
