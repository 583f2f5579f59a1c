"""Only what changed is paid for, and searches see the old state or the new one and nothing in between."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from plumbline.corpus.ingesting import load
from plumbline.corpus.preparing import Superseded, prepare_documents
from plumbline.corpus.publishing import publish_index
from plumbline.corpus.scanning import SourceEmptied, scan_source


def test_every_chunk_has_one_vector_and_its_span_reproduces_its_text(ingest, rows):
    """A citation stands on the span; a search stands on the vector."""
    summary = ingest()

    assert (3, 3, 0, 0, 0) == tuple(
        summary[name] for name in ("found", "stored", "unchanged", "refused", "removed")
    )
    chunks = rows(
        "select chunk.text, substr(version.text, span_start + 1, span_end - span_start) as cited, "
        "vector.chunk_id as vector "
        "from corpus.chunk join corpus.document_version as version using (version_id) "
        "left join corpus.embedding_1 as vector on vector.chunk_id = chunk.chunk_id"
    )
    assert summary["chunks"] == len(chunks) >= 3
    assert all(chunk["text"] == chunk["cited"] and chunk["vector"] for chunk in chunks)


def test_what_the_run_says_it_spent_is_what_the_provider_billed(ingest, model_server):
    """The summary is read from the ledger, and the ledger agrees with the bill."""
    summary = ingest()

    bill = model_server.meter()
    assert bill["tokens"] == summary["tokens"] > 0
    assert bill["billed_requests"] == summary["requests"]
    assert bill["inputs"] == summary["embedded"] == summary["chunks"]


def test_an_unchanged_folder_costs_no_request(ingest, model_server):
    """An hourly schedule over a quiet folder is free."""
    ingest()
    model_server.reset()

    again = ingest()

    assert 0 == model_server.meter()["requests"]
    assert (3, 0, 3) == (again["found"], again["stored"], again["unchanged"])
    assert 0 == again["embedded"] == again["tokens"]


def test_one_edited_paragraph_buys_the_chunks_whose_text_changed_and_no_other(
    ingest, inbox, model_server, rows
):
    """Everything else keeps its id and its vector."""
    ingest()
    before = {row["chunk_id"]: row["text"] for row in rows("select chunk_id, text from corpus.chunk")}
    model_server.reset()
    handbook = inbox / "handbook.md"
    handbook.write_text(handbook.read_text().replace("thirty days", "thirty-two days"))

    summary = ingest()

    after = {row["chunk_id"]: row["text"] for row in rows("select chunk_id, text from corpus.chunk")}
    changed = after.keys() - before.keys()
    assert len(changed) == summary["embedded"] == model_server.meter()["inputs"] >= 1
    assert all("thirty-two" in after[chunk] for chunk in changed)
    assert len(before.keys() - after.keys()) == summary["chunks_removed"] == len(changed)


def test_a_renamed_file_costs_nothing(ingest, inbox, model_server, rows):
    """The text was bought before, whatever the file is called."""
    ingest()
    model_server.reset()
    (inbox / "handbook.md").rename(inbox / "employee-handbook.md")

    summary = ingest()

    assert 0 == model_server.meter()["requests"]
    assert (1, 1, 2) == (summary["stored"], summary["removed"], summary["unchanged"])
    assert {"employee-handbook.md", "hours.md", "prices.txt"} == {
        row["path"] for row in rows("select path from corpus.document")
    }


def test_a_change_of_metadata_costs_nothing(ingest, inbox, model_server):
    """Front matter is not embedded."""
    (inbox / "terms.md").write_text(
        "---\nowner: port\n---\n# Terms\n\nPayment is due within ten days of the invoice.\n"
    )
    ingest()
    model_server.reset()
    (inbox / "terms.md").write_text(
        "---\nowner: harbour master\n---\n# Terms\n\nPayment is due within ten days of the invoice.\n"
    )

    summary = ingest()

    assert (1, 0) == (summary["stored"], model_server.meter()["requests"])


def test_a_document_gone_from_the_source_leaves_no_text_no_vector_and_no_answer(ingest, inbox, rows):
    """Deletion reaches chunks, words, vectors and bought answers in one commit; fingerprints stay for the auditor."""
    ingest()
    (inbox / "prices.txt").unlink()

    summary = ingest()

    assert (1, 2) == (summary["removed"], summary["documents"])
    assert [] == rows("select * from corpus.chunk where text like '%%berth%%'")
    assert [] == rows("select * from corpus.document_version where text like '%%berth%%'")
    assert [] == rows("select * from corpus.term where term like 'berth%%' and chunks > 0")
    left = "select count(*) as n from {} where not exists (select from corpus.chunk where chunk.{} = {}.{})"
    for table, own, chunks in (
        ("ledger.answer", "key", "answer_key"),
        ("corpus.chunk_terms", "chunk_id", "chunk_id"),
        ("corpus.embedding_1", "chunk_id", "chunk_id"),
    ):
        assert [{"n": 0}] == rows(left.format(table, chunks, table.split(".")[1], own))
    gone = rows(
        "select removed_at is not null as removed, length(text_sha256) as sha from corpus.document_version "
        "where path = 'prices.txt'"
    )
    assert [{"removed": True, "sha": 32}] == gone


def test_a_refused_file_is_listed_with_its_reason_and_the_rest_goes_on(ingest, inbox):
    """Nothing is lost in silence."""
    (inbox / "empty.md").write_text("")
    (inbox / "sheet.xyz").write_text("1;2;3")

    summary = ingest()

    assert (5, 3, 2) == (summary["found"], summary["stored"], summary["refused"])
    assert {"empty.md": "empty", "sheet.xyz": "unsupported"} == {
        row["path"]: row["code"] for row in summary["refusals"]
    }
    assert all(row["reason"].endswith(".") for row in summary["refusals"])


def test_a_file_that_was_mended_is_no_longer_refused(ingest, inbox):
    """The table of refusals says what is wrong now."""
    (inbox / "new.md").write_text("")
    ingest()
    (inbox / "new.md").write_text("# New\n\nNow it says something worth finding.\n")

    summary = ingest()

    assert (1, 0, []) == (summary["stored"], summary["refused"], summary["refusals"])


def test_a_document_that_became_unreadable_stays_searchable_as_it_was_and_is_listed(ingest, inbox):
    """The old version is kept until a readable one comes; the table says so."""
    ingest()
    (inbox / "hours.md").write_text("")

    summary = ingest()

    assert (3, 1) == (summary["documents"], summary["refused"])
    assert [True] == [row["still_published"] for row in summary["refusals"]]


def test_a_folder_that_is_suddenly_empty_removes_nothing_unless_it_is_meant(ingest, inbox, rows):
    """An unmounted share must not wipe the knowledge base."""
    ingest()
    shutil.rmtree(inbox)
    inbox.mkdir()

    with pytest.raises(SourceEmptied):
        ingest()
    assert 3 == len(rows("select from corpus.document"))

    summary = ingest(allow_empty=True)
    assert (3, 0, 0) == (summary["removed"], summary["documents"], len(rows("select from corpus.chunk")))


def test_two_folders_are_two_sources_and_leave_each_other_alone(ingest, inbox, tmp_path):
    """Ingesting one folder never removes what came from another."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "boats.md").write_text("# Boats\n\nThe tug is called Marianne and was built in 1961.\n")
    ingest()

    summary = ingest(other)

    assert (1, 0) == (summary["stored"], summary["removed"])
    assert 3 == ingest()["documents"]


def test_a_later_scan_takes_over_from_an_earlier_one(tools, run, inbox):
    """Two runs over one source cannot publish each other's leavings."""
    first = scan_source(tools, run, folder=str(inbox))
    scan_source(tools, run, folder=str(inbox))

    with pytest.raises(Superseded):
        prepare_documents(tools, run, ingestion_id=first["ingestion_id"], shard=0)
    with pytest.raises(Superseded):
        publish_index(tools, run, ingestion_id=first["ingestion_id"])


def test_a_run_repeated_after_staging_reads_and_buys_nothing_again(tools, run, inbox, ingest, model_server):
    """What a dead run had prepared is kept where it still fits."""
    plan = scan_source(tools, run, folder=str(inbox))
    prepare_documents(tools, run, ingestion_id=plan["ingestion_id"], shard=0)
    model_server.reset()

    summary = ingest()

    assert 0 == model_server.meter()["requests"]
    assert (3, 3) == (summary["stored"], summary["documents"])


def test_a_file_that_changes_between_scan_and_reading_is_refused_until_the_next_run(
    tools, run, inbox, ingest
):
    """The plan's bytes are the bytes that are read, or none."""
    plan = scan_source(tools, run, folder=str(inbox))
    (inbox / "hours.md").write_text("# Opening hours\n\nFrom nine to five.\n")
    prepare_documents(tools, run, ingestion_id=plan["ingestion_id"], shard=0)

    published = publish_index(tools, run, ingestion_id=plan["ingestion_id"])

    assert (2, 1) == (published["stored"], published["refused"])
    assert 3 == ingest()["documents"]


def test_another_tenant_sees_nothing_and_pays_for_itself(ingest, rows, model_server):
    """Tenants share neither rows nor answers."""
    first = ingest()
    model_server.reset()

    second = ingest(tenant="acme")

    assert first["embedded"] == second["embedded"] == model_server.meter()["inputs"]
    assert (
        3
        == len(rows("select from corpus.document", tenant="main"))
        == len(rows("select from corpus.document", tenant="acme"))
    )
    assert [] == rows("select from corpus.document", tenant="nobody")


def test_lineage_leads_from_a_vector_back_to_the_bytes_of_the_file(ingest, rows):
    """Source version -> document version -> chunk -> vector, with fingerprints, model and code version."""
    ingest()

    edges = rows("select * from lineage.edge")
    kinds = {(edge["cause_kind"], edge["effect_kind"]) for edge in edges}
    assert {
        ("source_version", "document_version"),
        ("document_version", "chunk"),
        ("chunk", "vector"),
    } == kinds
    assert all(len(edge["effect_sha256"]) == 32 and edge["code_version"] == "test" for edge in edges)
    assert {"local-wordllama"} == {edge["model"] for edge in edges if edge["effect_kind"] == "vector"}


def test_a_folder_that_cannot_be_listed_is_not_taken_for_a_deletion(ingest, inbox, monkeypatch):
    """Below it nothing is known."""
    (inbox / "deep").mkdir()
    (inbox / "deep" / "rules.md").write_text("# Rules\n\nNo fires on the pier.\n")
    ingest()
    genuine = os.scandir

    def failing(folder):
        if isinstance(folder, int) and Path(f"/proc/self/fd/{folder}").readlink().name == "deep":
            raise OSError(errno.EIO, "Input/output error")
        return genuine(folder)

    monkeypatch.setattr(os, "scandir", failing)

    summary = ingest()

    assert (0, 4) == (summary["removed"], summary["documents"])
    assert [("deep", "The folder cannot be opened: input/output error.")] == [
        (refusal["path"], refusal["reason"]) for refusal in summary["refusals"]
    ]


def test_a_folder_without_changes_is_published_too_and_says_so(ingest, rows):
    """Each run closes its ingestion, so that the last one always tells the state of the source."""
    ingest()
    ingest()

    assert 2 == len(rows("select from corpus.ingestion where state = 'published'"))


def test_the_inbox_must_exist(tools, run, tmp_path: Path):
    """A missing folder is an error, never an empty one."""
    from plumbline.corpus.intake import InboxMissing

    with pytest.raises(InboxMissing):
        load(tools, run, folder=str(tmp_path / "nowhere"))


def test_a_folder_of_refused_files_only_is_published_with_their_reasons(tmp_path, ingest):
    """There is nothing to search, and the table says why."""
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "a.md").write_text("")
    (folder / "b.exe").write_bytes(b"MZ")

    summary = ingest(folder)

    assert (2, 2, 0) == (summary["found"], summary["refused"], summary["chunks"])
