"""The DAG `rebuild_index` from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.embedded.scratch import Scratch

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
