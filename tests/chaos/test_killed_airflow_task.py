"""
Kill -9 inside a task of the real DAG, then run the DAG again: same rows, nothing paid twice.

Run as a program, this file is the Airflow that gets killed:

    python test_killed_airflow_task.py STATEMENT
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.settings import PROJECT_ROOT
from plumbline.corpus.ingesting import load
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer

DAG_FILE = PROJECT_ROOT / "dags" / "ingest_documents.py"
STAGES = {
    "prepare_documents": "ledger/insert_embeddings",  # the answer has come and was billed; it is not yet kept
    "publish_index": "corpus/upsert_chunks",  # half of the publication is written
}
ROWS = (
    "select chunk_id, document_id, ordinal, span_start, span_end, text_sha256, answer_key "
    "from corpus.chunk order by chunk_id"
)

pytestmark = [
    # Airflow's own warnings are not ours to mend; all tests with Airflow go to one worker, which migrates once.
    pytest.mark.filterwarnings("default"),
    pytest.mark.xdist_group("airflow"),
]


@pytest.fixture
def inbox(installation: Path) -> Path:
    """An inbox with twelve documents."""
    for number in range(12):
        text = f"# Berth {number}\n\nThe berth {number} is free.\n\n## Depth\n\nIt is {number + 3} metres deep.\n"
        (installation / f"{number:02}.md").write_text(text, encoding="utf-8")
    return installation


@pytest.fixture
def undisturbed(
    scratch: Scratch, inbox: Path, model_server: RunningServer, tmp_path: Path
) -> list[tuple[Any, ...]]:
    """The rows of an ingestion of the inbox that nobody killed, in a database of its own; the bill is at zero again."""
    name = scratch.new_database()
    with scratch.tools(name, home=tmp_path / "home", model_url=model_server.base_url) as tools:
        load(tools, Run(tenant="main", job="test", dag_run_id="undisturbed"), folder=str(inbox))
    with psycopg.connect(scratch.server.admin_url(name)) as session:
        rows = session.execute(ROWS).fetchall()
    scratch.drop_database(name)
    model_server.reset()
    return rows


@pytest.fixture
def admin(scratch: Scratch, database: str) -> Iterator[psycopg.Connection[Any]]:
    """The administrator's view: every row of every tenant."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as session:
        yield session


@pytest.mark.parametrize("task", STAGES)
def test_a_task_killed_at_work_is_made_good_by_the_next_run(
    task: str,
    run_dag: Callable[..., Any],
    undisturbed: list[tuple[Any, ...]],
    admin: psycopg.Connection[Any],
    model_server: RunningServer,
) -> None:
    """What searches see, and what was paid, is as if nothing had happened."""
    command = [sys.executable, __file__, STAGES[task]]
    killed = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=300, check=False)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    assert [(task,)] == admin.execute("select task_id from lineage.run where state = 'running'").fetchall()
    assert [] == admin.execute(ROWS).fetchall()

    again = run_dag("ingest_documents")

    assert "success" == str(again.state)
    assert undisturbed == admin.execute(ROWS).fetchall()
    [left] = admin.execute(
        "select (select count(*) from corpus.embedding_1), (select count(*) from corpus.staged_document), "
        "(select count(*) from ledger.intent)"
    ).fetchall()
    assert (len(undisturbed), 0, 0) == left
    bill = model_server.meter()
    [booked] = admin.execute(
        "select count(*), sum(inputs), sum(tokens_in), array_agg(distinct state) from ledger.call"
    ).fetchall()
    assert (bill["billed_requests"], bill["inputs"], bill["tokens"], ["settled"]) == booked
    assert (len({row[-1] for row in undisturbed}), 0) == (bill["inputs"], bill["repeated_inputs"])


def main() -> None:
    """Run the DAG, unless death comes first."""
    from airflow.dag_processing.dagbag import DagBag
    from killed_ingestion import die_before

    dag = DagBag(DAG_FILE, bundle_path=DAG_FILE.parent, bundle_name="dags-folder").dags["ingest_documents"]
    from plumbline.models import ledger, streams  # noqa: F401 - loaded, so that their statements are watched too

    die_before(sys.argv[1], 1)
    dag.test()


if __name__ == "__main__":
    main()
