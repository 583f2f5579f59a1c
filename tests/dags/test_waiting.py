"""A task whose provider asks for more patience than it has gives its worker back, and comes again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, model_server: RunningServer, installation: Path) -> None:
    """Have a Connection to a provider that is waited for half a second at the longest."""
    extra = {
        "embedding_model": "local-wordllama",
        "idempotent": True,
        "patience": 0.5,
        "inputs_per_request": 2,
    }
    connection = {
        "conn_type": "openai",
        "host": model_server.base_url,
        "password": "sk-tests",
        "extra": extra,
    }
    monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_OPENAI", json.dumps(connection))


def test_a_long_retry_after_uses_up_no_try_and_buys_nothing_twice(
    provider: None,
    run_dag: Callable[..., Any],
    installation: Path,
    scratch: Scratch,
    database: str,
    model_server: RunningServer,
) -> None:
    """No try is left for it in this test, and the mapped task goes on where it was."""
    for number in range(6):
        (installation / f"{number}.md").write_text(
            f"# Berth {number}\n\nIt is {number} metres deep.\n", "utf-8"
        )
    model_server.fault("429", after=1, times=1, retry_after=2)

    done = run_dag("ingest_documents")

    assert "success" == str(done.state)
    meter = model_server.meter()
    assert (meter["refused"], meter["repeated_inputs"]) == ({"429": 1}, 0)
    assert set(meter["by_key"].values()) == {1}
    with psycopg.connect(scratch.server.admin_url(database)) as session:
        counts = session.execute(
            "select count(*), sum(tokens_in) from ledger.call where state = 'settled'"
        ).fetchone()
        tries = session.execute(
            "select try_number, state from lineage.run where task_id = 'prepare_documents'"
        )
        assert tries.fetchall() == [(1, "succeeded")]
    assert counts == (meter["billed_requests"], meter["tokens"])
    assert 1 == _times_rescheduled(done)


def _times_rescheduled(done: Any) -> int:
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.settings import Session
    from sqlalchemy import func, select

    instances = [instance.id for instance in done.get_task_instances()]
    with Session() as session:
        counted = session.scalar(
            select(func.count()).select_from(TaskReschedule).where(TaskReschedule.ti_id.in_(instances))
        )
    return int(counted or 0)
