"""Back-pressure: what cannot be sent yet is not taken yet, and waiting is no failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, Endpoint, transport
from plumbline.models.policy import Policy

if TYPE_CHECKING:
    from conftest import Book

QUICK = Policy(patience=2, attempts=3, first_pause=0.01, longest_pause=0.02, default_wait=0.05)
MOST_HELD = (8 + 1) * 10 + 256
"""Eight requests under way and one that waits to be, of ten texts each, and the texts of one look-up."""


def test_a_stream_takes_no_more_than_it_can_send(
    live: Door, provider: Callable[..., Endpoint], tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that does not answer holds the reader up, and memory does not grow with what is still to come."""
    answer, sending, most, left = threading.Event(), [0], [0, 0], threading.Lock()
    real = transport.post

    def post(*request: object) -> object:
        with left:
            sending[0] += 1
            most[1] = max(most[1], sending[0])
        answer.wait(60)
        try:
            return real(*request)  # type: ignore[arg-type]
        finally:
            with left:
                sending[0] -= 1

    def fill() -> None:
        with Door(tools, run, endpoint=provider(inputs_per_request=10), policy=QUICK).embedding(
            "embed_chunk"
        ) as stream:
            for number in range(2_000):
                stream.add(f"Boat number {number} lies in the harbour.", 10)
                most[0] = max(most[0], len(stream._pending))

    monkeypatch.setattr(transport, "post", post)
    filling = threading.Thread(target=fill)
    filling.start()
    assert wait_until(lambda: sending[0] == 8 or not filling.is_alive(), 30)
    answer.set()
    filling.join(60)

    assert not filling.is_alive()
    assert 8 == most[1]
    assert 256 < most[0] <= MOST_HELD


def test_a_low_limit_makes_requests_smaller_instead_of_refused_ones(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """A provider never accepts a request larger than its minute, however often it is asked."""
    model_server.limit(tokens_per_minute=60_000)
    texts = [f"Boat number {number} lies in the harbour." for number in range(100)]

    with Door(tools, run, endpoint=provider(tokens_per_minute=2_000), policy=QUICK).embedding(
        "embed_chunk"
    ) as stream:
        for text in texts:
            stream.add(text, 100)

    assert [(2, 50)] == book.rows("select inputs, count(*) from ledger.call group by inputs")
    assert {} == model_server.meter()["refused"]
