"""The DAG `check_tables`: an installation without a row passes, a whole one passes, and each fault is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.embedded.scratch import Scratch

RESULTS = "select task_id, passed from lineage.check_result join lineage.run using (run_id) order by 1, 2"


@pytest.fixture
def admin(scratch: Scratch, database: str) -> Iterator[psycopg.Connection[Any]]:
    """An administrator, who can break what the pipelines cannot."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as session:
        yield session


def test_a_tenant_without_documents_and_calls_passes(
    run_dag: Callable[..., Any], admin: psycopg.Connection[Any]
) -> None:
    """The first night of an installation is no alarm; the results are on record under the DAG and its run."""
    done = run_dag("check_tables")

    assert "success" == str(done.state)
    assert {("check_corpus_published", True), ("check_ledger", True)} == set(admin.execute(RESULTS))
    named = admin.execute("select distinct dag_id, dag_run_id from lineage.check_result").fetchall()
    assert [("check_tables", done.run_id)] == named
    asked = admin.execute(
        "select run_id from lineage.run where task_id = 'ask_about_unknown_calls'"
    ).fetchall()
    assert 1 == len(asked)


def test_a_fault_in_the_book_or_in_the_index_is_found_by_the_check_that_is_there_for_it(
    run_dag: Callable[..., Any], installation: Path, tools: Tools, run: Any, admin: psycopg.Connection[Any]
) -> None:
    """Rows that were changed behind the pipelines' back are known the next day."""
    (installation / "leave.md").write_text("# Leave\n\nEverybody has thirty days.\n", encoding="utf-8")
    load(tools, run)
    admin.execute("update corpus.statistics set words = words + 1")
    admin.execute("update ledger.call set cost_usd = cost_usd + 1")
    admin.execute("delete from lineage.check_result")

    failed = run_dag("check_tables")

    assert "failed" == str(failed.state)
    broken = admin.execute(
        "select suite, name from lineage.check_result where not passed order by 1"
    ).fetchall()
    assert [
        ("corpus/published", "The kept size of the lexical index is its true size."),
        ("ledger", "Every settled call cost its tokens times the prices of its day."),
    ] == broken
