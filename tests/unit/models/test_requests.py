"""Full requests, and the arithmetic of usage."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from plumbline.models.requests import (
    Input,
    Limits,
    Usage,
    full_requests,
    paced,
    total_tokens,
)


def inputs_of(*tokens: int) -> list[Input]:
    """Return inputs of so many tokens."""
    return [Input(bytes([number]), f"text {number}", count) for number, count in enumerate(tokens)]


def test_a_request_waits_until_it_is_full() -> None:
    """Half-empty requests cost a whole request of the rate limit."""
    waiting = inputs_of(1, 1, 1, 1, 1)

    requests = list(full_requests(waiting, Limits(inputs=2), rest=False))

    assert [len(request) for request in requests] == [2, 2]
    assert [item.key[0] for item in waiting] == [5 - 1]


def test_the_rest_is_a_request_too() -> None:
    """At the end nothing is left behind."""
    waiting = inputs_of(1, 1, 1)

    assert [len(request) for request in full_requests(waiting, Limits(inputs=2), rest=True)] == [2, 1]
    assert waiting == []


def test_a_request_keeps_the_limit_of_tokens() -> None:
    """The provider refuses a longer one whole."""
    waiting = inputs_of(60, 60, 30, 100)

    requests = list(full_requests(waiting, Limits(inputs=10, tokens=100), rest=True))

    assert [[item.tokens for item in request] for request in requests] == [[60], [60, 30], [100]]


@given(
    st.lists(st.integers(1, 8191), max_size=60), st.integers(1, 20), st.integers(8191, 20_000), st.booleans()
)
def test_every_input_is_in_one_request_in_order_and_no_limit_is_broken(
    tokens: list[int], inputs: int, most: int, rest: bool
) -> None:
    """Nothing is lost, doubled, reordered or too large, whatever comes."""
    waiting = inputs_of(*tokens)
    limits = Limits(inputs=inputs, tokens=most)

    requests = list(full_requests(waiting, limits, rest=rest))

    assert tokens == [item.tokens for request in [*requests, waiting] for item in request]
    assert all(0 < len(request) <= inputs and total_tokens(request) <= most for request in requests)
    assert not rest or not waiting


def test_usages_add_up() -> None:
    """Field by field, money exactly."""
    one = Usage(bought=1, reused=2, requests=1, tokens=10, cost_usd=Decimal("0.1"))
    other = Usage(bought=4, reused=1, requests=2, tokens=5, cost_usd=Decimal("0.2"), recovered=1)

    assert Usage(5, 3, 3, 15, Decimal("0.3"), 1) == one + other


@given(st.floats(1, 1e10), st.integers(1, 400_000))
def test_a_request_never_holds_more_than_an_eighth_of_a_minute(tokens_per_minute: float, tokens: int) -> None:
    """So that a hundred workers who wait for one bucket are served within a quarter of an hour."""
    most = paced(Limits(tokens=tokens), tokens_per_minute).tokens

    assert 1 <= most <= max(1, min(tokens, tokens_per_minute / 8))


def test_the_usual_limits_leave_requests_as_they_are() -> None:
    """A million tokens a minute: requests stay full."""
    full = Limits()
    usual = 390 * full.inputs

    assert usual <= paced(full, full.tokens_per_minute).tokens
