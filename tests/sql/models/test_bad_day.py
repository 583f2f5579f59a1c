"""A thousand calls on a bad day: all of them settled, none paid twice, and not much more asked than had to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import ChatRequest, Door, Endpoint, MayHaveBeenBilled, Message
from plumbline.models.policy import Policy

if TYPE_CHECKING:
    from conftest import Book

CALLS = 1000
# Of twenty requests in a row, these meet a fault: a fifth 429, a tenth 500, one is dropped.
THROTTLED, FAILED, DROPPED = (0, 5, 10, 15), (3, 13), 7
GOOD = 13 / 20
BAD_DAY = Policy(patience=60, first_pause=0.005, longest_pause=0.05, default_wait=0.005)


@pytest.fixture
def priced(book: Book) -> Book:
    """Return the book; a million tokens cost 4 USD in, 16 USD out."""
    for kind, usd in (("input", 4), ("output", 16)):
        book.change(
            "insert into ledger.price values ('local-extractive', 'standard', %s, '2026-02-01', %s, 'the tests')",
            kind,
            usd,
        )
    return book


def ask(door: Door, calls: int) -> None:
    """Ask so many questions."""
    with door.chats("classify") as stream:
        for number in range(calls):
            stream.add(ChatRequest((Message("user", f"Is berth {number} free?"),), max_output_tokens=20))


def test_everything_is_settled_once_and_little_is_asked_in_vain(
    tools: Tools, run: Run, priced: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """20 % refused for the rate, 10 % failed, 5 % dropped: attempts stay near what that makes unavoidable."""
    for number in range(int(2 * CALLS / GOOD)):
        if number % 20 in THROTTLED:
            model_server.fault("429", after=number, retry_after=0.005)
        elif number % 20 in FAILED:
            model_server.fault("500", after=number)
        elif number % 20 == DROPPED:
            model_server.fault("drop_after" if number % 40 == DROPPED else "drop_before", after=number)

    ask(Door(tools, run, endpoint=provider(idempotent=True), policy=BAD_DAY), CALLS)

    meter = model_server.meter()
    [(settled, attempts)] = priced.rows(
        "select count(*) filter (where state = 'settled'), sum(attempts) from ledger.call"
    )
    assert (settled, priced.intents, priced.answers) == (CALLS, 0, CALLS)
    assert (meter["billed_requests"], len(meter["by_key"])) == (CALLS, CALLS)
    assert set(meter["by_key"].values()) == {1}
    assert CALLS < attempts <= 1.1 * CALLS / GOOD
    assert priced.rows("select sum(tokens_in + tokens_out) from ledger.call") == [(meter["tokens"],)]


def test_our_timeout_never_makes_the_provider_work_twice(
    tools: Tools, run: Run, priced: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """Where a repetition is answered from memory, each call is worked on once; elsewhere it is not repeated."""
    model_server.fault("slow", times=10, seconds=1)
    ask(Door(tools, run, endpoint=provider(idempotent=True, timeout=0.5), policy=BAD_DAY), 30)

    meter = model_server.meter()
    assert (meter["billed_requests"], set(meter["by_key"].values())) == (30, {1})
    assert priced.states() == {"settled": 30}

    model_server.reset()
    model_server.fault("slow", times=1, seconds=1)
    with pytest.raises(MayHaveBeenBilled):
        ask(Door(tools, run, endpoint=provider(timeout=0.5), policy=BAD_DAY), 31)
    assert (model_server.meter()["requests"], priced.states()["unknown"]) == (1, 1)
