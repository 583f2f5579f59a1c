"""What waits for batches, without a worker: it knows little, it is patient, and it forgets nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import ChatRequest, Door, Message
from plumbline.models.batches import Work, advance

RunDag = Callable[..., Any]


@pytest.fixture
def submitted(airflow: None, installation: Path, tools: Tools, model_server: RunningServer) -> str:
    """The plan of a batch that the provider holds until its faults are cleared; a triggerer's environment."""
    model_server.fault("batch_hold")
    with Door(tools, Run(tenant="main", job="test")).chat_batch("classify") as planned:
        planned.ask(ChatRequest((Message("user", "My invoice is wrong."),), 50))
    advance(Work.of(tools, "main"), planned.plan_id)
    return str(planned.plan_id)


def test_a_look_needs_the_book_and_the_provider_and_no_other_connection(
    submitted: str, model_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A triggerer of the deployed form has no more."""
    from plumbline_airflow.batches import BatchTrigger

    for name in ("AIRFLOW_CONN_PLUMBLINE_KEEPER", "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS"):
        monkeypatch.delenv(name)
    trigger = BatchTrigger("main", [submitted], 0.01)
    assert trigger._look() == (0.01, False)
    model_server.clear_faults()

    async def fired() -> Any:
        return [event.payload async for event in trigger.run()]

    assert asyncio.run(asyncio.wait_for(fired(), 60)) == [{"plan_ids": [submitted]}]


def test_a_provider_that_asks_for_time_is_looked_at_again_then(
    submitted: str, model_server: RunningServer
) -> None:
    """The look holds no thread meanwhile, and no worker is called."""
    from plumbline_airflow.batches import BatchTrigger

    model_server.fault("429", path="/v1/batches", retry_after=40)
    trigger = BatchTrigger("main", [submitted], 1.0)

    assert trigger._look() == (40.0, False)
    assert trigger._look() == (1.0, False)


def test_a_look_that_meets_what_nobody_has_foreseen_calls_a_worker(
    submitted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trigger that ends by an error would fail the task; a worker meets it again, and says it."""
    from plumbline_airflow import batches

    def meets(*_: object) -> bool:
        raise KeyError("id")

    monkeypatch.setattr(batches, "watch", meets)

    assert batches.BatchTrigger("main", [submitted], 1.0)._look() == (1.0, True)


def test_a_turn_that_has_to_wait_is_deferred_and_plans_nothing_anew(
    run_dag: RunDag,
    installation: Path,
    scratch: Scratch,
    database: str,
    model_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The provider asks for more patience than there is, before it takes the file and before it makes the batch."""
    extra = {"embedding_model": "local-wordllama", "idempotent": True, "patience": 0.5}
    connection = {
        "conn_type": "openai",
        "host": model_server.base_url,
        "password": "sk-tests",
        "extra": {**extra, "batch_look_every": 0.1},
    }
    monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_OPENAI", json.dumps(connection))
    (installation / "leave.md").write_text("# Leave\n\nEverybody has thirty days.\n", encoding="utf-8")
    golden = installation.parent / "golden.jsonl"
    golden.write_text('{"id": "q", "text": "How many days of leave?", "relevant": ["leave.md"]}', "utf-8")
    monkeypatch.setenv("PLUMBLINE_QUESTIONS", str(golden))
    assert str(run_dag("ingest_documents").state) == "success"
    for path in ("/v1/files", "/v1/batches"):
        model_server.fault("429", path=path, method="POST", retry_after=1)

    done = run_dag("rebuild_index", dimensions=128, batch=True)

    [task] = [one for one in done.get_task_instances() if one.task_id == "plan_batches"]
    assert str(task.state) == "success"
    assert caplog.text.count("The task waits without a worker") == 2
    assert model_server.meter()["batch"]["local-wordllama"]["requests"] == 1
    with psycopg.connect(scratch.server.admin_url(database)) as session:
        plans = session.execute("select state, count(*) from ledger.batch_plan group by state").fetchall()
    assert (plans, _times_rescheduled(task.id)) == ([("done", 1)], 0)


def test_a_step_does_not_succeed_while_others_buy_an_input_of_it(
    submitted: str, tools: Tools, model_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own plans come home first; then it is begun anew, and finds the answers."""
    from airflow.sdk.exceptions import TaskDeferred

    from plumbline_airflow import batches

    def plan(tools: Tools, run: Run) -> Any:
        return {"plan_ids": [submitted], "elsewhere": 2}

    run = Run(tenant="main", job="test")
    monkeypatch.setattr(batches, "perform_work", lambda work, _, __, given: work(tools, run, **given))
    monkeypatch.setattr(batches, "run_of", lambda *_: run)
    step, context = batches.BatchOperator(planning=plan), cast("Any", {})
    with pytest.raises(TaskDeferred) as waits:
        step.execute(context)
    assert waits.value.trigger.serialize()[1]["elsewhere"] == 2
    model_server.clear_faults()

    with pytest.raises(batches.BoughtElsewhere, match="2 of the inputs"):
        _finish(step, context, {"plan_ids": [submitted], "elsewhere": 2})

    with tools.db.transaction("main") as session:
        assert session.execute("select state from ledger.batch_plan").fetchall() == [{"state": "done"}]


def _finish(step: Any, context: Any, event: dict[str, Any]) -> None:
    from airflow.sdk.exceptions import TaskDeferred

    with contextlib.suppress(TaskDeferred):
        step.execute_complete(context, event)
        return
    _finish(step, context, event)


def _times_rescheduled(instance: object) -> int:
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.settings import Session
    from sqlalchemy import func, select

    with Session() as session:
        counted = session.scalar(
            select(func.count()).select_from(TaskReschedule).where(TaskReschedule.ti_id == instance)
        )
    return int(counted or 0)
