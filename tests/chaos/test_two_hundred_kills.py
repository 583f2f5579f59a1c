"""
Two hundred times kill -9, at every boundary of a call and of a batch, and of the later attempts of a batch.

The bill at the server is the ledger, to the token; nothing settled is bought again, every call in doubt is listed, and
no row is lost.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.chaos.killed_forks import BOUNDARIES, buy, door_to, question

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import PSEUDONYMS, Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, list_budgets, list_unknown, set_budgets, subject
from plumbline.models.batches import Work, advance, submitting, sweep
from plumbline.provenance.checks import perform

LATER = ("after resubmission", "after no room")
OF_BATCHES = [
    name
    for name in BOUNDARIES
    if name not in LATER and any(word in name for word in ("upload", "batch", "land"))
]
OF_CALLS = [name for name in BOUNDARIES if name not in (*OF_BATCHES, *LATER)]
EXPIRED, NO_ROOM = (
    ("batch_expire", {"lines": 1}),
    ("batch_fail", {"code": submitting.NO_ROOM}),
)
OF_LATER_ATTEMPTS = [
    ("expired", EXPIRED, "after resubmission", 1),
    ("expired", EXPIRED, "before batch create", 2),
    ("expired", EXPIRED, "after batch create", 2),
    ("expired", EXPIRED, "within landing", 3),
    ("no room", NO_ROOM, "after no room", 1),
    ("no room", NO_ROOM, "before batch create", 2),
    ("no room", NO_ROOM, "after batch create", 2),
]
"""What became of the first attempt, the fault that makes it so, and the boundary, passed for the nth time."""
KILLS_OF_CALLS, KILLS_OF_BATCHES, KILLS_IN_DOUBT = 22, 10, 5
"""At each boundary; those in doubt at the two where a request may have been billed."""
LINES = 2
"""Of a batch."""

Kill = Callable[..., None]


@pytest.fixture
def killed(scratch: Scratch, database: str, model_server: RunningServer) -> Iterator[Kill]:
    """Return what has a worker killed, and demands that it was."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "AIRFLOW_CONN_PLUMBLINE_DB": scratch.url(database, "app"),
        "AIRFLOW_CONN_PLUMBLINE_KEEPER": scratch.url(database, "keeper"),
        "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": PSEUDONYMS,
        "PLUMBLINE_LOCAL_MODEL_URL": model_server.base_url,
    }
    environment.pop("AIRFLOW_CONN_PLUMBLINE_OPENAI", None)
    script = str(Path(__file__).with_name("killed_forks.py"))
    forks = subprocess.Popen(
        [sys.executable, script], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def kill(kind: str, boundary: str, *words: object) -> None:
        assert forks.stdin
        assert forks.stdout
        forks.stdin.write(" ".join(map(str, (kind, boundary.replace(" ", "_"), *words))) + "\n")
        forks.stdin.flush()
        assert int(forks.stdout.readline()) == signal.SIGKILL, boundary

    yield kill
    forks.kill()
    forks.communicate()


@pytest.fixture
def book(tools: Tools, scratch: Scratch, database: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """Return what reads and changes the book; tokens have prices, and there is a budget."""
    url = scratch.url(database, "owner")

    def execute(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url) as session:
            done = session.execute(statement.encode())
            return done.fetchall() if done.description else []

    execute("update ledger.price set usd_per_million = 1 where model = 'local-extractive'")
    set_budgets(tools, "main", subject("everything", None), {"month": Decimal(1000)}, by="the tests")
    return execute


def broken(tools: Tools) -> list[str]:
    """Return the rules of the book that are broken."""
    with tools.db.transaction("main") as session:
        return [result.check for result in perform(session, "ledger", {}) if not result.passed]


def finish(work: Work, plan_id: UUID) -> None:
    """Take turns until a plan is done."""
    for _ in range(2_000):
        if advance(work, plan_id).done:
            return
    raise AssertionError("the plan does not end")


def plan(tools: Tools, first: int) -> UUID:
    """Plan a batch of questions."""
    door = Door(tools, Run(tenant="main", job="chaos"))
    with door.chat_batch("classify") as planned:
        for number in range(first, first + LINES):
            planned.ask(question(number))
    return planned.plan_id


def kill_callers(killed: Kill, kills: Counter[str]) -> int:
    """Kill workers that buy one by one; return how many questions were begun."""
    first = 0
    for turn in range(KILLS_OF_CALLS):
        for boundary in OF_CALLS:
            killed("calls", boundary, 1 + turn % 3, "safe", first, 6)
            kills[boundary] += 1
            first += 3
    return first + 3


def kill_worker_on_batch(
    tools: Tools, killed: Kill, book: Callable[[str], object], boundary: str, nth: int, first: int
) -> None:
    """Plan a batch, kill whoever works on it when it comes to a boundary for the nth time, and finish it."""
    work, plan_id = Work.of(tools, "main"), plan(tools, first)
    killed("batch", boundary, nth, plan_id)
    if boundary == "before batch create":  # whoever goes on waits until the provider must know of it
        advance(work, plan_id)
        book("update ledger.batch set intended_at = intended_at - interval '1 hour'")
    finish(work, plan_id)


def test_after_two_hundred_kills_the_bill_is_the_ledger(
    tools: Tools,
    killed: Kill,
    book: Callable[[str], list[tuple[Any, ...]]],
    model_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """To the token, for calls one by one and in batches; the numbers of kills are printed."""
    monkeypatch.setenv("PLUMBLINE_LOCAL_MODEL_URL", model_server.base_url)
    monkeypatch.setattr(submitting, "WAIT_FOR_ROOM", 0.0)
    kills: Counter[str] = Counter()
    asked, numbers = kill_callers(killed, kills), count(100_000, LINES)
    buy(door_to(tools, safe=True), 0, asked)
    for _ in range(KILLS_OF_BATCHES):
        for boundary in OF_BATCHES:
            kill_worker_on_batch(tools, killed, book, boundary, 1, next(numbers))
            kills[boundary] += 1
        for before, (fault, how), boundary, nth in OF_LATER_ATTEMPTS:
            model_server.fault(fault, **how)
            kill_worker_on_batch(tools, killed, book, boundary, nth, next(numbers))
            kills[f"{before}, then {boundary}"] += 1
    sweep(Work.of(tools, "main"))
    lines = next(numbers) - 100_000
    expired = sum(number for name, number in kills.items() if name.startswith("expired"))

    meter = model_server.meter()
    single, batch = meter["by_model"]["local-extractive"], meter["batch"]["local-extractive"]
    assert book(
        "select batch_id is not null, state, count(*), sum(tokens_in), sum(tokens_out) "
        "from ledger.call group by 1, 2 order by 1, 2"
    ) == [
        (False, "settled", asked, single["prompt_tokens"], single["completion_tokens"]),
        (True, "expired", expired, 0, 0),
        (True, "settled", lines, batch["prompt_tokens"], batch["completion_tokens"]),
    ]
    assert meter["repeated_questions"] == 0
    assert book("select count(*) from ledger.answer") == [(asked + lines,)]
    assert book("select (select count(*) from ledger.intent) + (select count(*) from ledger.batch_line)") == [
        (0,)
    ]
    assert meter["files"]["count"] == 0
    (standing,) = list_budgets(tools, "main")
    assert [(standing.spent_usd, standing.open_usd)] == book("select sum(cost_usd), 0 from ledger.call")
    assert broken(tools) == []
    assert min(kills.values()) >= 10
    assert kills.total() >= 200
    with capsys.disabled():
        print(f"\nkill -9: {json.dumps(kills)}, {kills.total()} in all")


@pytest.mark.parametrize("boundary", ["before sent", "after response"])
def test_what_a_kill_leaves_in_doubt_is_listed_and_counted_and_not_bought_again(
    tools: Tools,
    killed: Kill,
    book: Callable[[str], list[tuple[Any, ...]]],
    model_server: RunningServer,
    boundary: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At a provider that may bill a repeated request again, a person decides."""
    monkeypatch.setenv("PLUMBLINE_LOCAL_MODEL_URL", model_server.base_url)
    for turn in range(KILLS_IN_DOUBT):
        killed("calls", boundary, 1 + turn % 3, "live", 6 * turn, 6)
    settled = book("select count(*) from ledger.call where state = 'settled'")[0][0]
    open_calls = book("select count(*) from ledger.intent")[0][0]

    listed = list_unknown(tools)

    assert len(listed) == open_calls >= KILLS_IN_DOUBT
    assert settled <= model_server.meter()["billed_requests"] <= settled + open_calls
    (standing,) = list_budgets(tools, "main")
    assert standing.open_usd == sum(call.cost_usd for call in listed)
