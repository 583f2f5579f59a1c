"""
Kill -9 at every boundary of a purchase under a budget, then run again: the wall holds, and nothing stays reserved.

Run as a program, this file is the worker that gets killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
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
from plumbline.models import BudgetExhausted, Door, ledger, list_budgets, set_budgets, subject, transport
from plumbline.models.budgets import Standing
from plumbline.models.endpoints import connected
from plumbline.models.ledger import Ledger
from plumbline.provenance.checks import perform

TEXTS = [f"Sentence number {number} about boats, harbours and the sea." for number in range(60)]
TOKENS = 20
WORST = Decimal(len(TEXTS) * TOKENS)
"""A token costs a dollar, and a text has 12 or so, so all texts cost less than they may."""

BOUNDARIES: dict[str, tuple[Any, str, bool]] = {
    "between lease and intent": (Ledger, "_reserve", True),
    "after the reservation": (Ledger, "claim", True),
    "after the response": (transport, "post", True),
    "before the commit of what it cost": (ledger, "book", True),
    "after the settlement": (Ledger, "settle", True),
    "before the lease is given back": (Ledger, "give_back", False),
    "before the commit of what is given back": (ledger, "give_back", True),
}
OFTEN = [boundary for boundary in BOUNDARIES if "given back" not in boundary]


def door_to(model_url: str, tools: Tools) -> Door:
    """Return a door that buys in small requests, and whose provider bills a repeated request once."""
    extra = {"embedding_model": "local-wordllama", "inputs_per_request": 5, "idempotent": True}
    provider = Connection(kind="openai", host=model_url, password="any", extra=extra)
    return Door(tools, Run(tenant="main", job="chaos"), endpoint=connected(provider))


def buy(door: Door) -> None:
    """Embed all texts."""
    with door.embedding("embed_chunk") as stream:
        for text in TEXTS:
            stream.add(text, TOKENS)


def arm(boundary: str, nth: int) -> None:
    """Let this process be killed when it comes to a boundary for the nth time."""
    owner, name, after = BOUNDARIES[boundary]
    work: Callable[..., Any] = getattr(owner, name)
    passes = count(1)

    def strike() -> None:
        if next(passes) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def armed(*given: Any, **named: Any) -> Any:
        if not after:
            strike()
        result = work(*given, **named)
        if after:
            strike()
        return result

    setattr(owner, name, armed)


class Bench:
    """A database with budgets, a provider, and workers that are killed between them."""

    def __init__(self, tools: Tools, app_url: str, owner_url: str, server: RunningServer) -> None:
        self.tools = tools
        self.server = server
        self.owner_url = owner_url
        self._app_url = app_url

    def limit(self, cap: Decimal) -> None:
        """Set budgets of everything by the day and of a use by the month."""
        set_budgets(self.tools, "main", subject("everything", None), {"day": cap}, by="the tests")
        set_budgets(self.tools, "main", subject("use", "embed_chunk"), {"month": cap}, by="the tests")

    def buy(self) -> None:
        """Embed all texts in this process, unharmed."""
        buy(door_to(self.server.base_url, self.tools))

    def kill(self, boundary: str, nth: int) -> int:
        """Run a worker to its death, or to its end; return its exit code."""
        words = [self.server.base_url, self._app_url, boundary, str(nth)]
        return subprocess.run(
            [sys.executable, __file__, *words], timeout=120, check=False, stderr=subprocess.PIPE
        ).returncode

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return all rows."""
        with psycopg.connect(self.owner_url) as session:
            return session.execute(query.encode()).fetchall()

    def broken(self) -> list[str]:
        """Return the rules of the book that are broken."""
        with self.tools.db.transaction("main") as session:
            return [
                result.check
                for result in perform(session, "ledger", {})
                if not result.passed and result.severity == "block"
            ]

    def assert_the_wall_has_held(self) -> list[Standing]:
        """All that was billed is spent, nothing is reserved, and no cap was passed at any time."""
        found = list_budgets(self.tools, "main")
        assert len(found) == 2
        for each in found:
            assert each.spent_usd == self.server.meter()["tokens"]
            assert (each.reserved_usd, each.over_usd) == (0, 0)
            assert each.spent_usd <= each.cap_usd
        assert self.rows("select count(*) from ledger.lease") == [(0,)]
        assert self.broken() == []
        return found


@pytest.fixture
def bench(tools: Tools, scratch: Scratch, database: str, model_server: RunningServer) -> Bench:
    """Return a bench where a token costs a dollar."""
    bench = Bench(tools, scratch.url(database, "app"), scratch.url(database, "owner"), model_server)
    with psycopg.connect(bench.owner_url) as session:
        session.execute(
            "insert into ledger.price values ('local-wordllama', 'standard', 'input', '2026-02-01', 1000000, 'tests')"
        )
    return bench


@pytest.mark.parametrize("nth", [1, 5])
@pytest.mark.parametrize("boundary", OFTEN)
def test_after_a_kill_budgets_are_as_if_nothing_had_happened(bench: Bench, boundary: str, nth: int) -> None:
    """What a dead process had reserved is booked by who repeats it, or given back."""
    bench.limit(WORST * 2)

    assert bench.kill(boundary, nth) == -signal.SIGKILL
    assert bench.broken() == []
    bench.buy()

    bench.assert_the_wall_has_held()
    assert bench.rows("select count(*) from ledger.call where state <> 'settled'") == [(0,)]


@pytest.mark.parametrize("boundary", [boundary for boundary in BOUNDARIES if boundary not in OFTEN])
def test_a_lease_that_was_not_given_back_is_taken_back(bench: Bench, boundary: str) -> None:
    """By whoever buys next, or looks."""
    bench.limit(WORST * 2)

    assert bench.kill(boundary, 1) == -signal.SIGKILL

    bench.assert_the_wall_has_held()


def test_crash_after_crash_at_a_wall_that_is_near(bench: Bench) -> None:
    """Where every call takes back what others have leased, and what was cut off is in the way of what is new."""
    bench.limit(WORST / 2)
    for nth in (1, 2, 3):
        for boundary in OFTEN:
            bench.kill(boundary, nth)
            assert bench.broken() == []

    with pytest.raises(BudgetExhausted):
        bench.buy()

    for found in bench.assert_the_wall_has_held():
        # The next request of five texts did not fit.
        assert found.cap_usd - found.spent_usd < 5 * TOKENS
    bench.limit(WORST)
    bench.buy()
    bench.assert_the_wall_has_held()
    assert bench.rows("select count(*) from ledger.answer") == [(len(TEXTS),)]


if __name__ == "__main__":
    model_url, database_url, boundary, nth = sys.argv[1:]
    arm(boundary, int(nth))
    database = Database(database_url)
    buy(door_to(model_url, Tools(Settings({}, Path()), database, database)))
