"""Suites of Great Expectations on the candidate: they pass what is whole, stop what is not, and keep counts alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.corpus.preparing import prepare_documents
from plumbline.corpus.scanning import scan_source
from plumbline.embedded.scratch import Scratch
from plumbline.provenance import expectations
from plumbline.provenance.checks import GateClosed
from plumbline.provenance.expectations import load_suite, run_suite

pytestmark = [
    # Great Expectations warns of its own future.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An inbox with one document."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "secret.md").write_text("# Plan\n\nThe launch is on the ninth of May.\n", encoding="utf-8")
    return folder


@pytest.fixture
def prepared(tools: Tools, run: Run, inbox: Path) -> str:
    """The id of an ingestion that is ready to be published."""
    ingestion_id = str(scan_source(tools, run, folder=str(inbox))["ingestion_id"])
    prepare_documents(tools, run, ingestion_id=ingestion_id, shard=0)
    return ingestion_id


@pytest.fixture
def admin(scratch: Scratch, database: str) -> psycopg.Connection[Any]:
    """An administrator, who can break what the pipelines cannot."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as session:
        yield session


def test_a_whole_candidate_passes(
    tools: Tools, run: Run, prepared: str, admin: psycopg.Connection[Any]
) -> None:
    """Every check is tried, every result is kept, nothing of a document is."""
    receipt = run_suite(tools, run, suite="corpus/candidate", ingestion_id=prepared)

    kept = admin.execute("select suite, name, passed, observed::text from lineage.check_result").fetchall()
    assert (
        receipt["checks"]
        == receipt["passed"]
        == len(kept)
        >= len(load_suite("corpus/candidate").expectations)
    )
    assert receipt["failed"] == []
    assert all(passed for _, _, passed, _ in kept)
    assert "launch" not in str(kept)


def test_a_broken_candidate_is_stopped_by_sentence_and_count(
    tools: Tools, run: Run, prepared: str, admin: psycopg.Connection[Any]
) -> None:
    """The failure is kept before it is raised, and says how many rows break the rule, not what they hold."""
    admin.execute("update corpus.staged_chunk set tokens = 9999, text_sha256 = ''")

    with pytest.raises(GateClosed, match="2 data checks failed") as closed:
        run_suite(tools, run, suite="corpus/candidate", ingestion_id=prepared)

    failed = admin.execute(
        "select name, observed from lineage.check_result where not passed order by 1"
    ).fetchall()
    assert [name for name, _ in failed] == [
        "Every chunk has between 1 and 512 tokens.",
        "Every chunk has the fingerprint of its text.",
    ]
    assert all(observed["offending"] == observed["rows"] for _, observed in failed)
    assert "launch" not in f"{closed.value}{failed}"


def test_the_candidate_is_the_index_after_publication(
    tools: Tools, run: Run, inbox: Path, admin: psycopg.Connection[Any]
) -> None:
    """Published chunks of documents that the ingestion leaves alone are part of it; replaced ones are not."""
    (inbox / "other.md").write_text("# Other\n\nStays as it is.\n", encoding="utf-8")
    load(tools, run, folder=str(inbox))
    (inbox / "secret.md").write_text("# Plan\n\nThe launch is on the tenth of May.\n", encoding="utf-8")
    ingestion_id = str(scan_source(tools, run, folder=str(inbox))["ingestion_id"])
    prepare_documents(tools, run, ingestion_id=ingestion_id, shard=0)

    with tools.db.transaction(run.tenant) as session:
        session.execute("select set_config('plumbline.ingestion_id', %s, true)", [ingestion_id])
        found = session.execute("select path, origin from corpus.candidate_document order by path").fetchall()
        chunks = session.execute("select origin, answered from corpus.candidate_chunk order by 1").fetchall()

    assert found == [{"path": "other.md", "origin": "published"}, {"path": "secret.md", "origin": "staged"}]
    assert [{"origin": "published", "answered": True}, {"origin": "staged", "answered": True}] == chunks


def test_an_ingestion_that_changes_nothing_needs_no_check(tools: Tools, run: Run, inbox: Path) -> None:
    """What would be published is what is published, and that was checked."""
    load(tools, run, folder=str(inbox))
    again = str(scan_source(tools, run, folder=str(inbox))["ingestion_id"])

    receipt = run_suite(tools, run, suite="corpus/candidate", ingestion_id=again)

    assert receipt == {"suite": "corpus/candidate", "checks": 0, "passed": 0, "failed": []}


def test_the_whole_published_index_can_be_checked(tools: Tools, run: Run, inbox: Path) -> None:
    """The full forms of the checks, from the command line or any day."""
    load(tools, run, folder=str(inbox))

    receipt = run_suite(tools, run, suite="corpus/published")

    assert receipt["failed"] == []
    assert receipt["checks"] == receipt["passed"]


def test_a_suite_of_gates_alone_does_without_great_expectations(
    tools: Tools, run: Run, inbox: Path, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book is checked in milliseconds; what is found is kept as everything else is."""
    load(tools, run, folder=str(inbox))
    monkeypatch.setitem(sys.modules, "great_expectations", None)

    receipt = run_suite(tools, run, suite="ledger")

    assert receipt == {"suite": "ledger", "checks": 12, "passed": 12, "failed": []}
    admin.execute("update ledger.call set state = 'unknown'")
    with pytest.raises(GateClosed, match="names the settled call that bought it"):
        run_suite(tools, run, suite="ledger")
    kept = admin.execute("select name, severity from lineage.check_result where not passed").fetchall()
    assert ("No call waits for a person to decide whether it was billed.", "warn") in kept


def test_what_could_not_be_tried_has_failed(
    tools: Tools, run: Run, admin: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Could not look is never the same as found nothing."""
    (tmp_path / "odd.yaml").write_text(
        "says: Odd.\ntables:\n  corpus.chunk:\n    - {says: There is such a column., "
        "expect: column_values_to_not_be_null, column: nowhere}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(expectations, "EXPECTATIONS", tmp_path)

    with pytest.raises(GateClosed, match=r"There is such a column\. It does not hold"):
        run_suite(tools, run, suite="odd")

    [kept] = admin.execute("select passed, observed from lineage.check_result").fetchall()
    assert kept == (False, {"table": "corpus.chunk", "could_not_be_tried": True})


def test_a_suite_cannot_write_and_sees_one_tenant(tools: Tools, run: Run, prepared: str) -> None:
    """A check that could change what it checks would prove nothing."""
    suite = load_suite("corpus/candidate")
    other = Run(tenant="other", job="test")

    with expectations._read_only(tools, other, suite, {"ingestion_id": prepared}) as connection:
        assert connection.execute("select count(*) from candidate_chunk").fetchone() == (0,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("delete from corpus.chunk")
