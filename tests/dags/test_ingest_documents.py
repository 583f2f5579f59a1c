"""The DAG `ingest_documents` from end to end, on a real Postgres, a real model server and real files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from plumbline.core.settings import PROJECT_ROOT
from plumbline.corpus.scanning import MISSING_VECTORS, MOST_SHARDS
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer

SAMPLES = PROJECT_ROOT / "samples" / "documents"
STEPS = [
    "plan_spend",
    "scan_source",
    "prepare_documents",
    "check_corpus_candidate",
    "publish_index",
    "build_search_indexes",
    "find_duplicates",
    "require_refreshed",
]
PUBLISHED = "select chunk_id, version_id, text_sha256 from corpus.chunk order by chunk_id"

RunDag = Callable[..., Any]
Session = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def session(scratch: Scratch, database: str) -> Iterator[Session]:
    """The administrator's view of the database: every row of every tenant."""
    with psycopg.connect(scratch.server.admin_url(database), row_factory=dict_row, autocommit=True) as opened:
        yield opened


@pytest.fixture
def inbox(installation: Path) -> Path:
    """An inbox with three readable files and one that nobody can read."""
    for path in sorted(SAMPLES.rglob("*.md"))[:3]:
        shutil.copy(path, installation / path.name)
    (installation / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    return installation


def test_documents_become_searchable_and_traceable(
    inbox: Path, run_dag: RunDag, session: Session, model_server: RunningServer
) -> None:
    """One run takes files to published chunks with vectors, and leaves on record who did what."""
    done = run_dag("ingest_documents")

    assert str(done.state) == "success"
    ingestion = session.execute("select * from corpus.ingestion").fetchone()
    assert (4, 3, 0, 1, 0) == tuple(
        ingestion[name] for name in ("found", "stored", "unchanged", "refused", "removed")
    )
    refused = session.execute("select path from corpus.refused_document").fetchall()
    assert [{"path": "broken.pdf"}] == refused
    assert model_server.meter()["inputs"] == ingestion["embedded"]
    table = session.execute("select table_name from corpus.vector_index where state = 'in_force'").fetchone()
    vectors = session.execute(f"select chunk_id from corpus.{table['table_name']} order by 1").fetchall()
    assert vectors
    assert vectors == session.execute("select chunk_id from corpus.chunk order by 1").fetchall()

    runs = session.execute("select * from lineage.run order by started_at").fetchall()
    assert STEPS == [run["task_id"] for run in runs]
    assert {("ingest_documents", done.run_id, "succeeded", "test")} == {
        (run["dag_id"], run["dag_run_id"], run["state"], run["code_version"]) for run in runs
    }
    checks = session.execute(
        "select count(*) as checks, bool_and(passed) as passed from lineage.check_result"
    )
    assert checks.fetchone()["passed"]


def test_a_second_run_pays_for_nothing(
    inbox: Path, run_dag: RunDag, session: Session, model_server: RunningServer
) -> None:
    """What has not changed is not sent to the model and not written anew."""
    run_dag("ingest_documents")
    before = session.execute(PUBLISHED).fetchall()
    model_server.reset()

    again = run_dag("ingest_documents")

    assert str(again.state) == "success"
    assert model_server.meter()["requests"] == 0
    assert before == session.execute(PUBLISHED).fetchall()


def test_a_failed_check_leaves_the_published_index_as_it_was(
    inbox: Path, run_dag: RunDag, session: Session
) -> None:
    """Rows that break a rule stop before publication; the reason is on record, and searches notice nothing."""
    run_dag("ingest_documents")
    before = session.execute(PUBLISHED).fetchall()
    edited = next(inbox.glob("*.md"))
    edited.write_text(edited.read_text(encoding="utf-8") + "\n\nOne more paragraph.\n", encoding="utf-8")
    session.execute("create function public.spoil() returns trigger language plpgsql as $$ "
                    "begin new.tokens := 9999; return new; end $$")  # fmt: skip
    session.execute("create trigger spoil before insert on corpus.staged_chunk "
                    "for each row execute function public.spoil()")  # fmt: skip

    failed = run_dag("ingest_documents")

    assert str(failed.state) == "failed"
    assert before == session.execute(PUBLISHED).fetchall()
    broken = session.execute("select name, observed from lineage.check_result where not passed").fetchall()
    assert ["Every chunk has between 1 and 512 tokens."] == [row["name"] for row in broken]
    assert broken[0]["observed"]["offending"] >= 1
    run = session.execute("select task_id, error from lineage.run where state = 'failed'").fetchone()
    assert run["task_id"] == "check_corpus_candidate"
    assert "Every chunk has between 1 and 512 tokens. Broken by" in run["error"]


def test_a_folder_given_by_hand_is_read_instead_of_the_inbox(
    inbox: Path, run_dag: RunDag, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parameters of the DAG reach the scan; left empty, they count as not given."""
    folder = tmp_path / "handbook"
    folder.mkdir()
    shutil.copy(next(inbox.glob("*.md")), folder / "only.md")
    monkeypatch.setenv("PLUMBLINE_FOLDERS", f"/srv/elsewhere:{folder}")

    run_dag("ingest_documents", folder=str(folder), source="handbook")

    documents = session.execute("select path, name from corpus.document join corpus.source using (source_id)")
    assert [{"path": "only.md", "name": "handbook"}] == documents.fetchall()


def test_a_folder_that_is_not_open_to_dags_is_not_read(
    inbox: Path, run_dag: RunDag, session: Session, tmp_path: Path
) -> None:
    """Whoever may trigger a DAG may not thereby read whatever the worker can."""
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "salaries.md").write_text("# Salaries\n\nNobody is to know.\n", encoding="utf-8")

    assert "failed" == str(run_dag("ingest_documents", folder=str(tmp_path / "private")).state)

    assert [] == session.execute("select path from corpus.ingestion_file").fetchall()
    [run] = session.execute("select error from lineage.run where state = 'failed'").fetchall()
    assert f"{tmp_path / 'private'} is not open to DAGs" in run["error"]
    assert "PLUMBLINE_FOLDERS" in run["error"]


def test_xcoms_carry_receipts_not_parcels(inbox: Path, run_dag: RunDag) -> None:
    """Whatever a task hands on is ids and counts, small enough to read aloud."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    done = run_dag("ingest_documents")

    with create_session() as airflow_session:
        values = airflow_session.scalars(select(XComModel).where(XComModel.run_id == done.run_id)).all()
        sizes = {f"{value.task_id}.{value.key}": len(json.dumps(value.value)) for value in values}
    assert sizes
    assert [] == [name for name, size in sizes.items() if size > 1_000]


def test_an_empty_inbox_removes_documents_only_when_that_is_asked_for(
    inbox: Path, run_dag: RunDag, session: Session
) -> None:
    """A mount that failed removes nothing; the parameter of the DAG says that it is meant."""
    run_dag("ingest_documents")
    for file in inbox.iterdir():
        file.unlink()
    count = "select count(*) as documents from corpus.document"

    assert "failed" == str(run_dag("ingest_documents").state)
    assert {"documents": 3} == session.execute(count).fetchone()
    [reason] = session.execute("select error from lineage.run where state = 'failed'").fetchall()
    assert "the parameter allow_empty of the DAG" in reason["error"]

    assert "success" == str(run_dag("ingest_documents", allow_empty=True).state)
    assert {"documents": 0} == session.execute(count).fetchone()


def test_whoever_waits_for_the_index_is_told_which_model_made_it(inbox: Path, run_dag: RunDag) -> None:
    """Nobody takes the embedded stand-in for more than it is."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    done = run_dag("ingest_documents")

    with create_session() as airflow_session:
        event = airflow_session.scalars(
            select(AssetEvent).where(AssetEvent.source_run_id == done.run_id)
        ).one()
        told = dict(event.extra)
    assert ("local-wordllama", 3) == (told["model"], told["stored"])


def test_as_many_shards_are_prepared_at_once_as_the_settings_say(
    airflow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One setting; the bound that Airflow has for all tasks of a DAG does not cut it short."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("PLUMBLINE_SHARDS_AT_ONCE", "64")
    folder = PROJECT_ROOT / "dags"
    dag = DagBag(folder / "ingest_documents.py", bundle_path=folder, bundle_name="dags-folder").dags[
        "ingest_documents"
    ]

    assert 64 == dag.get_task("prepare_documents").max_active_tis_per_dagrun
    assert 64 <= dag.max_active_tasks


def test_the_longest_list_of_shards_is_one_that_airflow_maps(airflow: None) -> None:
    """A longer one would fail the scan of a large corpus, after all of its work."""
    from airflow.configuration import conf

    longest = [*range(MOST_SHARDS), MISSING_VECTORS]

    assert len(longest) <= conf.getint("core", "max_map_length")
    assert len(json.dumps(longest)) < 5_000
