"""
Two hundred times kill -9, at every boundary of a call and of a batch.

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
from plumbline.models.batches import Work, advance, sweep
from plumbline.provenance.checks import perform

OF_BATCHES = [name for name in BOUNDARIES if any(word in name for word in ("upload", "batch", "land"))]
OF_CALLS = [name for name in BOUNDARIES if name not in OF_BATCHES]
KILLS_OF_CALLS, KILLS_OF_BATCHES, KILLS_IN_DOUBT = 22, 10, 5
"""At each boundary; those in doubt at the two where a request may have been billed."""

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
    """Plan a batch of two questions."""
    door = Door(tools, Run(tenant="main", job="chaos"))
    with door.chat_batch("classify") as planned:
        for number in range(first, first + 2):
            planned.ask(question(number))
    return planned.plan_id


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
    kills: Counter[str] = Counter()
    first = 0
    for turn in range(KILLS_OF_CALLS):
        for boundary in OF_CALLS:
            killed("calls", boundary, 1 + turn % 3, "safe", first, 6)
            kills[boundary] += 1
            first += 3
    buy(door_to(tools, safe=True), 0, first + 3)
    asked = first + 3

    work = Work.of(tools, "main")
    for turn in range(KILLS_OF_BATCHES):
        for place, boundary in enumerate(OF_BATCHES):
            plan_id = plan(tools, 100_000 + 2 * (turn * len(OF_BATCHES) + place))
            killed("batch", boundary, plan_id)
            kills[boundary] += 1
            if boundary == "before batch create":  # whoever goes on waits until the provider must know of it
                advance(work, plan_id)
                book("update ledger.batch set intended_at = intended_at - interval '1 hour'")
            finish(work, plan_id)
    sweep(work)
    lines = 2 * KILLS_OF_BATCHES * len(OF_BATCHES)

    meter = model_server.meter()
    single, batch = meter["by_model"]["local-extractive"], meter["batch"]["local-extractive"]
    assert book(
        "select batch_id is not null, count(*), sum(tokens_in), sum(tokens_out), count(distinct state) "
        "from ledger.call group by 1 order by 1"
    ) == [
        (False, asked, single["prompt_tokens"], single["completion_tokens"], 1),
        (True, lines, batch["prompt_tokens"], batch["completion_tokens"], 1),
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
