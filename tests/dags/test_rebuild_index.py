"""The DAG `rebuild_index` from end to end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import set_budgets, subject
from plumbline.models.batches import Work, advancing

RunDag = Callable[..., Any]
STATES = "select index_id, dimensions, state from corpus.vector_index order by 1"


@pytest.fixture
def session(scratch: Scratch, database: str) -> Iterator[psycopg.Connection[Any]]:
    """The administrator's view of the database: every row of every tenant."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as opened:
        yield opened


@pytest.fixture
def ingested(installation: Path, run_dag: RunDag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that is searchable, and a question about it."""
    (installation / "leave.md").write_text("# Leave\n\nEverybody has thirty days.\n", encoding="utf-8")
    golden = tmp_path / "golden.jsonl"
    question = {"id": "q", "text": "How many days of leave?", "relevant": ["leave.md"]}
    golden.write_text(json.dumps(question), encoding="utf-8")
    monkeypatch.setenv("PLUMBLINE_QUESTIONS", str(golden))
    assert str(run_dag("ingest_documents").state) == "success"


@pytest.mark.usefixtures("ingested")
def test_an_index_is_built_and_compared_and_swapped_only_when_asked(
    run_dag: RunDag, session: psycopg.Connection[Any]
) -> None:
    """The first run leaves searches as they are; the second buys nothing more and swaps."""
    assert str(run_dag("rebuild_index", dimensions=128).state) == "success"
    assert [(1, 256, "in_force"), (2, 128, "building")] == session.execute(STATES).fetchall()
    assert [(1,)] == session.execute("select count(*) from corpus.index_comparison").fetchall()

    assert str(run_dag("rebuild_index", dimensions=128, swap=True).state) == "success"
    assert [(1, 256, "retired"), (2, 128, "in_force")] == session.execute(STATES).fetchall()

    assert str(run_dag("ingest_documents").state) == "success"
    assert [(1, 256, "retired"), (2, 128, "in_force")] == session.execute(STATES).fetchall()


@pytest.mark.usefixtures("ingested")
def test_a_plan_alone_builds_nothing_and_ends_green(
    run_dag: RunDag, session: psycopg.Connection[Any], model_server: RunningServer
) -> None:
    """All that comes after the plan is skipped."""
    model_server.reset()

    planned = run_dag("rebuild_index", dimensions=128, plan_only=True)

    assert str(planned.state) == "success"
    ends = {instance.task_id: str(instance.state) for instance in planned.get_task_instances()}
    assert "success" == ends.pop("plan_spend")
    assert {"skipped"} == set(ends.values())
    assert [(1, 256, "in_force")] == session.execute(STATES).fetchall()
    assert 0 == model_server.meter()["requests"]


@pytest.mark.usefixtures("ingested")
def test_an_index_is_bought_in_batches_when_asked_and_its_bill_is_the_book(
    run_dag: RunDag, session: psycopg.Connection[Any], model_server: RunningServer
) -> None:
    """The task waits as Airflow's deferred tasks do; the build finds every vector bought."""
    model_server.fault("batch_slow", seconds=0.2)

    assert str(run_dag("rebuild_index", dimensions=128, batch=True).state) == "success"

    assert [(1, 256, "in_force"), (2, 128, "building")] == session.execute(STATES).fetchall()
    assert [("landed", True, "done")] == session.execute(
        "select batch.state, cleaned_at is not null, plan.state from ledger.batch join ledger.batch_plan as plan using "
        "(plan_id)"
    ).fetchall()
    assert [("settled", 1)] == session.execute(
        "select state, count(*) from ledger.call where use = 'embed_chunk' and batch_id is not null group by state"
    ).fetchall()
    assert 1 == model_server.meter()["batch"]["local-wordllama"]["requests"]
    assert 0 == model_server.meter()["files"]["count"]


def test_the_trigger_carries_ids_only_and_fires_again_when_it_runs_twice(
    run_dag: RunDag, session: psycopg.Connection[Any]
) -> None:
    """What a triggerer stores of it, and what a second triggerer makes of that."""
    assert run_dag
    from plumbline_airflow.batches import BatchTrigger

    plan_id = "00000000-0000-0000-0000-000000000001"
    trigger = BatchTrigger("main", [plan_id], 0.0)
    path, stored = trigger.serialize()
    assert path == "plumbline_airflow.batches.BatchTrigger"
    assert {"tenant": "main", "plan_ids": [plan_id], "wait": 0.0, "looks": True} == stored

    async def first(made: BatchTrigger) -> Any:
        async for event in made.run():
            return event.payload
        return None

    fired = [asyncio.run(first(made)) for made in (trigger, BatchTrigger(**stored))]
    assert [{"plan_ids": [plan_id]}] * 2 == fired
    assert [(0,)] == session.execute("select count(*) from ledger.batch").fetchall()


@pytest.mark.usefixtures("ingested")
def test_a_task_without_room_for_what_expired_fails_and_goes_on_when_it_is_cleared(
    run_dag: RunDag,
    session: psycopg.Connection[Any],
    model_server: RunningServer,
    tools: Tools,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of the plan is lost, and no file is left, while it waits for a person to make room."""
    session.execute(
        "insert into ledger.price values ('local-wordllama', 'batch', 'input', '2026-02-01', 1, 'the tests')"
    )
    everything, resubmit = subject("everything", None), advancing.resubmit

    def without_room(work: Work, batch_id: UUID) -> UUID | None:
        set_budgets(tools, "main", everything, {"month": Decimal(0)}, by="the tests")
        return resubmit(work, batch_id)

    monkeypatch.setattr(advancing, "resubmit", without_room)
    model_server.fault("batch_expire", lines=0)
    assert str(run_dag("rebuild_index", dimensions=128, batch=True).state) == "failed"

    assert [("planned",)] == session.execute("select state from ledger.batch_plan").fetchall()
    assert [("expired",)] == session.execute("select left_as from ledger.batch_line").fetchall()
    assert 0 == model_server.meter()["files"]["count"]

    monkeypatch.setattr(advancing, "resubmit", resubmit)
    set_budgets(tools, "main", everything, {"month": Decimal(1)}, by="the tests")
    assert str(run_dag("rebuild_index", dimensions=128, batch=True).state) == "success"

    assert [("done",)] == session.execute("select distinct state from ledger.batch_plan").fetchall()
    assert [("expired", 1), ("settled", 1)] == session.execute(
        "select state, count(*) from ledger.call where batch_id is not null group by state order by state"
    ).fetchall()
