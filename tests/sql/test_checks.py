"""The SQL gates: what is whole passes, and for every check there is a way to break the rows that it finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row, tuple_row

from plumbline.core.receipts import Run
from plumbline.core.sql import SQL_ROOT
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.corpus.preparing import prepare_documents
from plumbline.corpus.scanning import scan_source
from plumbline.embedded.scratch import Scratch
from plumbline.provenance import checks
from plumbline.provenance.checks import GateClosed, gate
from plumbline.provenance.expectations import EXPECTATIONS, load_suite
from plumbline.provenance.recording import recorded

TEXTS = {
    "leave.md": "# Leave\n\nEverybody has thirty days.\n\n## Sickness\n\nA note is needed from the third day on.\n",
    "travel.md": "# Travel\n\nTrains come before planes.\n",
}
BREAK_STAGED = {
    "every_planned_document_is_staged": "delete from corpus.staged_document where path = 'leave.md'",
    "every_staged_chunk_has_an_answer": "delete from ledger.answer",
    "every_staged_document_has_chunks": "delete from corpus.staged_chunk",
    "nothing_unplanned_is_staged": "delete from corpus.ingestion_file where path = 'leave.md'",
}
BREAK_PUBLISHED = {
    "counts_reconcile": "update corpus.ingestion set stored = stored - 1, unchanged = unchanged + 1",
    "every_chunk_has_its_words": "delete from corpus.chunk_terms",
    "every_chunk_has_one_vector": "delete from corpus.embedding_1",
    "frequencies_equal_the_counts": "update corpus.term set chunks = chunks + 1",
    "ordinals_have_no_holes": "update corpus.chunk set ordinal = ordinal + 5",
    "removed_documents_left_nothing": "update corpus.ingestion_file set action = 'remove'",
    "spans_reproduce_the_text": "update corpus.chunk set span_start = span_start + 1",
    "statistics_equal_the_counts": "update corpus.statistics set words = words + 1",
}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Two small documents."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def admin(scratch: Scratch, database: str, tools: Tools) -> Iterator[psycopg.Connection[Any]]:
    """An administrator, who can break what the pipelines cannot."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as session:
        yield session


@pytest.fixture
def prepared(tools: Tools, run: Run, inbox: Path) -> str:
    """The id of an ingestion that is ready to be published."""
    ingestion_id = str(scan_source(tools, run, folder=str(inbox))["ingestion_id"])
    prepare_documents(tools, run, ingestion_id=ingestion_id, shard=0)
    return ingestion_id


@pytest.fixture
def published(tools: Tools, run: Run, inbox: Path, admin: psycopg.Connection[Any]) -> str:
    """The id of a published ingestion; its plan is put back, as gates see it inside the publication."""
    ingestion_id, _ = load(tools, run, folder=str(inbox))
    admin.execute(
        "insert into corpus.ingestion_file (ingestion_id, path, tenant, action, document_id, sha256) "
        "select %s, path, tenant, 'store', document_id, source_sha256 from corpus.document",
        [ingestion_id],
    )
    return ingestion_id


def files(folder: str) -> set[str]:
    """The checks of a folder."""
    return {path.stem for path in (SQL_ROOT / "checks" / "corpus" / folder).glob("*.sql")}


def shut(
    admin: psycopg.Connection[Any], run: Run, name: str, ingestion_id: str, fault: str = "select 1"
) -> GateClosed:
    """Return the error of a gate that closes, after a fault in the same transaction, which is undone."""
    admin.row_factory = dict_row
    try:
        with pytest.raises(GateClosed) as closed:
            _pass_gate(admin, run, name, ingestion_id, fault)
    finally:
        admin.row_factory = tuple_row
    return closed.value


def _pass_gate(admin: psycopg.Connection[Any], run: Run, name: str, ingestion_id: str, fault: str) -> None:
    """Break rows as the administrator, and look at them as the pipelines do."""
    with admin.transaction():
        admin.execute(fault)
        admin.execute("set local role plumbline_app")
        admin.execute("select set_config('plumbline.tenant', %s, true)", [run.tenant])
        gate(admin, run, name, ingestion_id=ingestion_id)


def test_every_check_can_be_broken_here() -> None:
    """A check that never failed in a test may not be able to fail at all."""
    assert files("before_publication") == set(BREAK_STAGED)
    assert files("after_publication") | files("published") == set(BREAK_PUBLISHED)


def test_every_gate_is_run_by_somebody() -> None:
    """A check that only tests know guards nothing: a suite names its gate, or the publication does."""
    root = SQL_ROOT / "checks"
    gates = {str(path.parent.relative_to(root)) for path in root.rglob("*.sql")}
    suites = [str(path.relative_to(EXPECTATIONS).with_suffix("")) for path in EXPECTATIONS.rglob("*.yaml")]
    named = {gate for suite in suites for gate in load_suite(suite).gates}

    assert gates <= named | {"corpus/before_publication", "corpus/after_publication"}


def test_what_is_prepared_passes(tools: Tools, run: Run, prepared: str) -> None:
    """Nothing is in the way of an ordinary publication."""
    with tools.db.transaction(run.tenant) as session:
        receipt = gate(session, run, "corpus/before_publication", ingestion_id=prepared)

    assert receipt == {"checks": len(BREAK_STAGED), "warned": []}


def test_what_is_published_passes(tools: Tools, run: Run, published: str) -> None:
    """A publication leaves rows that keep every rule, for the touched documents and for all."""
    with tools.db.transaction(run.tenant) as session:
        for folder in ("after_publication", "published"):
            assert gate(session, run, f"corpus/{folder}", ingestion_id=published)["warned"] == []


def test_broken_preparations_are_found(
    admin: psycopg.Connection[Any], run: Run, prepared: str, subtests: pytest.Subtests
) -> None:
    """Each gate before publication closes on the fault that it is there for."""
    for name, fault in BREAK_STAGED.items():
        with subtests.test(name):
            shut(admin, run, f"corpus/before_publication/{name}", prepared, fault)


@pytest.mark.parametrize("folder", ["after_publication", "published"])
def test_broken_publications_are_found(
    admin: psycopg.Connection[Any], run: Run, published: str, folder: str, subtests: pytest.Subtests
) -> None:
    """Each gate after publication closes on the fault that it is there for."""
    for name in sorted(files(folder)):
        with subtests.test(name):
            shut(admin, run, f"corpus/{folder}/{name}", published, BREAK_PUBLISHED[name])


def test_a_closed_gate_names_rule_and_ids_but_no_contents(
    run: Run, published: str, admin: psycopg.Connection[Any]
) -> None:
    """The message goes to logs and mails; what a document says does not."""
    chunk = admin.execute("select chunk_id from corpus.chunk order by length(text) limit 1").fetchone()
    admin.execute("update corpus.chunk set span_end = span_end + 1 where chunk_id = %s", chunk)

    message = str(shut(admin, run, "corpus/after_publication", published))

    assert "A data check failed. Every span, cut out of the text of its version" in message
    assert "Broken by 1" in message
    assert str(chunk and chunk[0]) in message
    assert "thirty days" not in message


def test_spans_are_followed_through_a_long_text_of_many_alphabets(
    tools: Tools, run: Run, inbox: Path, admin: psycopg.Connection[Any]
) -> None:
    """Characters are counted, not bytes, however long the text is; one span that is off by one is found."""
    lines = (
        f"Absatz {number}: Grüße aus Köln, naïve cafés, 例えば日本語。 Ещё один 🙂."
        for number in range(3_000)
    )
    (inbox / "long.md").write_text("# Long\n\n" + "\n\n".join(lines), encoding="utf-8")
    load(tools, run, folder=str(inbox))
    check = "corpus/published/spans_reproduce_the_text"
    with tools.db.transaction(run.tenant) as session:
        gate(session, run, check)
    last = admin.execute("select chunk_id from corpus.chunk order by span_start desc limit 1").fetchone()

    shifted = (
        "update corpus.chunk set span_start = span_start - 1, span_end = span_end - 1 where chunk_id = '{}'"
    )

    assert "Broken by 1" in str(shut(admin, run, check, "", shifted.format(*last or ())))


def test_all_checks_of_a_gate_are_tried(run: Run, published: str, admin: psycopg.Connection[Any]) -> None:
    """Who mends the first fault should know of the second."""
    admin.execute(BREAK_PUBLISHED["ordinals_have_no_holes"])
    admin.execute(BREAK_PUBLISHED["every_chunk_has_one_vector"])

    closed = shut(admin, run, "corpus/after_publication", published)

    assert str(closed).startswith("2 data checks failed.")
    assert len(closed.results) == len(files("after_publication"))


def test_results_of_a_closed_gate_are_kept_although_its_transaction_is_undone(
    tools: Tools, run: Run, published: str, admin: psycopg.Connection[Any]
) -> None:
    """An auditor sees failures too, with counts and without contents."""
    admin.execute(BREAK_PUBLISHED["spans_reproduce_the_text"])
    admin.execute("delete from lineage.check_result")

    with pytest.raises(GateClosed), recorded(tools.db, run), tools.db.transaction(run.tenant) as session:
        gate(session, run, "corpus/after_publication", ingestion_id=published)

    kept = admin.execute(
        "select name, passed, observed from lineage.check_result where not passed"
    ).fetchall()
    assert [("Every span, cut out of the text of its version, is the text of the chunk.", False)] == [
        row[:2] for row in kept
    ]
    assert set(kept[0][2]) == {"offending"}
    state, error = admin.execute(
        "select state, error from lineage.run where run_id = %s", [run.run_id]
    ).fetchone()
    assert state == "failed"
    assert "Every span" in error


def test_an_index_that_was_just_put_into_force_is_looked_at_as_a_whole(
    tools: Tools, run: Run, published: str, admin: psycopg.Connection[Any]
) -> None:
    """A swap touches every chunk, whatever the ingestion stored."""
    admin.execute("delete from corpus.ingestion_file")
    admin.execute("delete from corpus.embedding_1")
    check = "corpus/after_publication/every_chunk_has_one_vector"
    with tools.db.transaction(run.tenant) as session:
        gate(session, run, check, ingestion_id=published)

    shut(admin, run, check, published, "update corpus.vector_index set in_force_at = now()")


def test_a_warning_is_kept_and_stops_nothing(
    tools: Tools, run: Run, admin: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Severity `warn` tells someone; severity `block` stops."""
    text = "-- Nothing is odd.\n-- severity: warn\nselect gen_random_uuid() as id from generate_series(1, 7)"
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "odd.sql").write_text(text, encoding="utf-8")
    monkeypatch.setattr(checks, "SQL_ROOT", tmp_path)
    monkeypatch.setattr(checks, "check_statement", lambda _: text)

    with tools.db.transaction(run.tenant) as session:
        receipt = gate(session, run, "odd")

    assert receipt == {"checks": 1, "warned": ["Nothing is odd."]}
    kept = admin.execute("select severity, passed, observed from lineage.check_result").fetchall()
    assert kept == [("warn", False, {"offending": 7})]
