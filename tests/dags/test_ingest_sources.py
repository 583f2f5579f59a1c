"""The DAG `ingest_sources`: each due source is fetched once and started once, whatever the others do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.configuring import Configuration, add_source
from plumbline.corpus.sources import source_id_of

RunDag = Callable[..., Any]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, airflow: None) -> list[tuple[str, dict[str, Any]]]:
    """What is started: the name of each run, and what it is told."""
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

    made: list[tuple[str, dict[str, Any]]] = []

    def execute(self: Any, context: Any) -> None:
        made.append((self.trigger_run_id, dict(self.conf)))

    monkeypatch.setattr(TriggerDagRunOperator, "execute", execute)
    return made


@pytest.fixture
def sources(tools: Tools, run: Run, installation: Path, tmp_path: Path) -> list[str]:
    """Two sources that are due, and one that is paused."""
    for name in ("notes", "plans", "paused"):
        folder = installation / name
        folder.mkdir()
        (folder / "a.md").write_text(f"# {name}\n\nText.\n")
        add_source(
            tools, run, Configuration(name, "folder", str(folder), owner="sea", enabled=name != "paused")
        )
    return ["notes", "plans"]


def test_each_due_source_is_started_once_and_not_again_until_it_was_read(
    sources: list[str], run_dag: RunDag, started: list[tuple[str, dict[str, Any]]]
) -> None:
    """Runs do not pile up behind a slow one."""
    done = run_dag("ingest_sources")

    assert str(done.state) == "success"
    assert [
        {"tenant": "main", "source": name, "refreshed": True, "plan_only": False} for name in sources
    ] == sorted((conf for _, conf in started), key=lambda conf: str(conf["source"]))
    assert {str(source_id_of("main", name)) for name in sources} == {
        name.rpartition("__")[2] for name, _ in started
    }

    again = run_dag("ingest_sources")
    assert str(again.state) == "success"
    assert len(started) == len(sources)


def test_a_plan_is_handed_on_and_takes_no_source_up(
    sources: list[str], run_dag: RunDag, started: list[tuple[str, dict[str, Any]]]
) -> None:
    """What was only planned is due as before, and the next run ingests it."""
    assert str(run_dag("ingest_sources", plan_only=True).state) == "success"
    assert [True, True] == [conf["plan_only"] for _, conf in started]
    started.clear()

    assert str(run_dag("ingest_sources").state) == "success"

    assert [False, False] == [conf["plan_only"] for _, conf in started]


def test_a_source_that_fails_does_not_keep_the_others_from_being_started(
    sources: list[str], run_dag: RunDag, started: list[tuple[str, dict[str, Any]]], tools: Tools
) -> None:
    """A mailbox that has vanished before it was ever read is an error of its own."""
    with tools.db.transaction("main") as session:
        session.execute(
            "update corpus.source set kind = 'mailbox', location = location || '/none.mbox' where name = 'notes'"
        )

    failed = run_dag("ingest_sources")

    assert str(failed.state) == "failed"
    assert ["plans"] == [conf["source"] for _, conf in started]


def test_a_tenant_that_is_not_open_to_dags_is_refused(run_dag: RunDag, installation: Path) -> None:
    """Whoever may start a DAG is not thereby somebody who may work for every tenant."""
    assert str(run_dag("ingest_documents", tenant="acme").state) == "failed"
