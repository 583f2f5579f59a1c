"""
Kill -9 at every boundary of a purchase, then run again: nothing is lost, nothing is paid twice.

Run as a program, this file is the worker that gets killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.core.connections import Connection
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.core.settings import Settings
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, MayHaveBeenBilled, list_unknown, transport
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import connected
from plumbline.models.ledger import Ledger
from plumbline.models.throttle import Throttle

TEXTS = [f"Sentence number {number} about boats, harbours and the sea." for number in range(60)]
BOUNDARIES = (
    "before the claim",
    "after the intent",
    "after the response",
    "before the commit of the answers",
    "after the settlement",
)


def door_to(model_url: str, tools: Tools, *, idempotent: bool) -> Door:
    """Return a door that buys in small requests, so that several are under way at once."""
    extra = {"embedding_model": "local-wordllama", "inputs_per_request": 10, "idempotent": idempotent}
    provider = Connection(kind="openai", host=model_url, password="any", extra=extra)
    return Door(tools, Run(tenant="main", job="chaos"), endpoint=connected(provider))


def buy(door: Door) -> None:
    """Embed all texts."""
    with door.embedding("embed_chunk") as stream:
        for text in TEXTS:
            stream.add(text, 12)


def arm(boundary: str, nth: int) -> None:
    """Let this process be killed when it comes to a boundary for the nth time."""
    passes = count(1)

    def strike() -> None:
        if next(passes) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def patch(owner: Any, name: str, *, after: bool) -> None:
        work: Callable[..., Any] = getattr(owner, name)

        def armed(*given: Any, **named: Any) -> Any:
            if not after:
                strike()
            result = work(*given, **named)
            if after:
                strike()
            return result

        setattr(owner, name, armed)

    owner, name, after = {
        "before the claim": (Throttle, "take", True),
        "after the intent": (Ledger, "claim", True),
        "after the response": (transport, "post", True),
        "before the commit of the answers": (Embedding, "keep", True),
        "after the settlement": (Ledger, "settle", True),
    }[boundary]
    patch(owner, name, after=after)


class Bench:
    """A database, a provider, and workers that are killed between them."""

    def __init__(self, tools: Tools, app_url: str, owner_url: str, server: RunningServer) -> None:
        self.tools = tools
        self.server = server
        self.idempotent = True
        self.owner_url = owner_url
        self._app_url = app_url

    def buy(self) -> None:
        """Embed all texts in this process, unharmed."""
        buy(door_to(self.server.base_url, self.tools, idempotent=self.idempotent))

    def worker(self, boundary: str, nth: int) -> subprocess.Popen[bytes]:
        """Start a worker that will be killed."""
        words = [self.server.base_url, self._app_url, str(int(self.idempotent)), boundary, str(nth)]
        return subprocess.Popen([sys.executable, __file__, *words])

    def one(self, query: str) -> tuple[Any, ...]:
        """Return one row."""
        with psycopg.connect(self.owner_url) as session:
            found = session.execute(query.encode()).fetchone()
        assert found is not None
        return found

    def assert_everything_was_bought_once(self) -> None:
        """The provider's meter and the book agree to the token, and no input was billed twice."""
        meter = self.server.meter()
        assert (meter["inputs"], meter["repeated_inputs"]) == (len(TEXTS), 0)
        assert set(meter["by_key"].values()) == {1}
        assert self.one(
            "select count(*), sum(tokens_in), sum(inputs) from ledger.call where state = 'settled'"
        ) == (
            meter["billed_requests"],
            meter["tokens"],
            len(TEXTS),
        )
        assert self.one("select count(*) from ledger.call where state <> 'settled'") == (0,)
        assert self.one("select count(*) from ledger.intent") == (0,)
        assert self.one("select count(*) from ledger.answer") == (len(TEXTS),)


@pytest.fixture
def bench(tools: Tools, scratch: Scratch, database: str, model_server: RunningServer) -> Bench:
    """Return a bench whose provider bills a repeated request once."""
    return Bench(tools, scratch.url(database, "app"), scratch.url(database, "owner"), model_server)


@pytest.mark.parametrize("nth", [1, 4])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_after_a_kill_the_next_run_pays_for_the_rest_only(bench: Bench, boundary: str, nth: int) -> None:
    """Whatever was under way is repeated under its own key, whatever was kept is found."""
    assert bench.worker(boundary, nth).wait() == -signal.SIGKILL

    bench.buy()

    bench.assert_everything_was_bought_once()


def test_a_worker_killed_while_the_provider_is_at_work_pays_once(bench: Bench) -> None:
    """The answer goes to nobody, and is given again."""
    bench.server.fault("slow", times=None, seconds=1)
    worker = bench.worker("after the settlement", 100)
    while bench.server.meter()["requests"] < 3:
        time.sleep(0.01)
    worker.kill()
    worker.wait()
    bench.server.clear_faults()

    bench.buy()

    bench.assert_everything_was_bought_once()


def test_crash_after_crash_ends_well(bench: Bench) -> None:
    """Each run mends what the one before has left, also when it is killed over the mending."""
    for boundary in (*BOUNDARIES, *reversed(BOUNDARIES)):
        bench.worker(boundary, 2).wait()

    bench.buy()

    bench.assert_everything_was_bought_once()


def test_the_answers_after_a_crash_are_those_without_one(bench: Bench) -> None:
    """Each vector belongs to its own text."""
    bench.worker("after the response", 2).wait()
    bench.buy()
    after_crash = bench.one("select array_agg(vector::text order by key) from ledger.answer")

    with psycopg.connect(bench.owner_url) as session:
        session.execute("delete from ledger.answer")
    bench.buy()

    assert bench.one("select array_agg(vector::text order by key) from ledger.answer") == after_crash


@pytest.mark.parametrize("boundary", ["after the intent", "after the response"])
def test_where_a_repetition_is_billed_a_crash_is_never_paid_twice(bench: Bench, boundary: str) -> None:
    """What may have been billed waits for a person; everything else is in the book."""
    bench.idempotent = False
    bench.worker(boundary, 1).wait()

    with pytest.raises(MayHaveBeenBilled):
        bench.buy()

    meter = bench.server.meter()
    [(settled, unknown)] = [
        bench.one(
            "select coalesce(sum(inputs) filter (where state = 'settled'), 0), "
            "coalesce(sum(inputs) filter (where state = 'unknown'), 0) from ledger.call"
        )
    ]
    assert meter["repeated_inputs"] == 0
    assert settled <= meter["inputs"] <= settled + unknown
    assert sum(call.inputs for call in list_unknown(bench.tools)) == unknown > 0


if __name__ == "__main__":
    model_url, database_url, idempotent, boundary, nth = sys.argv[1:]
    arm(boundary, int(nth))
    database = Database(database_url)
    tools = Tools(Settings({}, Path()), database, database)
    buy(door_to(model_url, tools, idempotent=bool(int(idempotent))))
