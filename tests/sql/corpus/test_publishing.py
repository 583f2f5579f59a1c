"""One transaction swaps what is searched: whatever happens beside it, and whatever went wrong before it."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from plumbline.core.connections import Connection
from plumbline.core.db import Database
from plumbline.core.errors import ChecksFailed
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus import readers, scanning
from plumbline.corpus import search as search_module
from plumbline.corpus.extraction import Unreadable
from plumbline.corpus.ingesting import load
from plumbline.corpus.planning import plan_ingestion
from plumbline.corpus.preparing import prepare_documents
from plumbline.corpus.publishing import build_search_indexes, publish_index
from plumbline.corpus.scanning import scan_source
from plumbline.corpus.summary import summarise
from plumbline.privacy.minimise import Minimiser
from plumbline.provenance.history import history
from plumbline.provenance.recording import recorded


def test_a_chunk_of_another_version_than_its_document_is_refused_by_the_database(ingest, tools):
    """One key holds both: searches never see a piece of a text that is not in force."""
    ingest()
    stray = (
        "update corpus.chunk set version_id = gen_random_uuid() "
        "where document_id = (select document_id from corpus.document where path = 'prices.txt')"
    )

    with pytest.raises(psycopg.errors.ForeignKeyViolation), tools.db.transaction("main") as session:
        session.execute(stray)


def test_a_failed_publication_leaves_the_index_as_it_was(tools, run, inbox, ingest, rows):
    """The gates run inside the transaction."""
    ingest()
    before = rows("select chunk_id, version_id, text from corpus.chunk order by 1")
    (inbox / "hours.md").write_text("# Opening hours\n\nClosed for the winter.\n")
    plan = scan_source(tools, run, folder=str(inbox))
    prepare_documents(tools, run, ingestion_id=plan["ingestion_id"], shard=0)
    with tools.db.transaction("main") as session:
        session.execute("update corpus.staged_chunk set span_end = span_end - 3")

    with pytest.raises(ChecksFailed), recorded(tools.db, run):
        publish_index(tools, run, ingestion_id=plan["ingestion_id"])

    assert before == rows("select chunk_id, version_id, text from corpus.chunk order by 1")
    assert 1 == ingest()["stored"]


def test_counts_that_do_not_reconcile_are_refused_by_the_database(tools, ingest):
    """The rule is a constraint, not care in the code."""
    ingest()

    with pytest.raises(psycopg.errors.CheckViolation), tools.db.transaction("main") as session:
        session.execute("update corpus.ingestion set stored = stored + 1")


def test_another_dimension_builds_a_new_index_and_swaps_it_in_one_commit(
    tools, run, tmp_path, model_server, ingest, rows
):
    """Going live changes the model: every chunk, whatever its source, has its vector before searches switch."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    ingest(tmp_path / "more")
    first = ingest()
    smaller = _with_dimensions(tools, model_server, 128)
    summary = ingest(tools=smaller)

    assert 128 == summary["dimensions"]
    assert first["chunks"] + 1 == summary["embedded"]
    assert [("embedding_1", "retired"), ("embedding_2", "in_force")] == [
        (row["table_name"], row["state"])
        for row in rows("select table_name, state from corpus.vector_index order by 1")
    ]
    assert [] == rows(
        "select from corpus.chunk left join corpus.embedding_2 as v using (chunk_id) where v.chunk_id is null"
    )
    edges = rows(
        "select count(distinct effect_id) as chunks, count(*) as edges from lineage.edge "
        "where effect_kind = 'vector' and effect_name = 'corpus.embedding_2'"
    )
    assert [{"chunks": summary["embedded"], "edges": summary["embedded"]}] == edges
    for chunk in rows("select chunk_id from corpus.chunk"):
        vector = history(smaller, run, str(chunk["chunk_id"])).effects[0]
        assert vector.name == "corpus.embedding_2"
        assert ["answer"] == [node.kind for node in vector.related]
    assert 0 == ingest(tools=smaller)["embedded"]


def test_the_plan_of_a_change_of_model_counts_every_source(
    tools, run, scratch, model_server, tmp_path, ingest, inbox
):
    """Going live buys everything anew, and the plan, which costs nothing, says so beforehand."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    ingest(tmp_path / "more")
    ingest()
    (inbox / "hours.md").write_text("# Opening hours\n\nFrom nine to five.\n")
    other = _with_dimensions(tools, model_server, 64)
    model_server.reset()

    plan = plan_ingestion(other, run, folder=str(inbox))
    assert 0 == model_server.meter()["requests"]
    summary = ingest(tools=other)

    assert (plan["to_buy"], plan["tokens"]) == (summary["embedded"], summary["tokens"])
    assert plan["to_buy"] == summary["chunks"] + 1


def test_a_document_that_moves_to_another_source_is_not_paid_for_again(
    tools, run, tmp_path, ingest, inbox, model_server
):
    """One publication does not delete the answer that the other run has found."""
    other = tmp_path / "other"
    other.mkdir()
    ingest()
    (inbox / "prices.txt").rename(other / "prices.txt")
    model_server.reset()
    found = scan_source(tools, run, folder=str(other))
    prepare_documents(tools, run, ingestion_id=found["ingestion_id"], shard=0)

    ingest()
    published = publish_index(tools, run, ingestion_id=found["ingestion_id"])

    assert (1, 0) == (published["stored"], model_server.meter()["requests"])


def test_an_answer_for_a_text_that_was_never_published_is_swept(tools, run, inbox, ingest, rows):
    """What a dead run bought for a text that has changed since is not kept."""
    plan = scan_source(tools, run, folder=str(inbox))
    prepare_documents(tools, run, ingestion_id=plan["ingestion_id"], shard=0)
    (inbox / "prices.txt").write_text("A berth costs 50 euros a night.\n")

    ingest()

    unused = "select from ledger.answer where use = 'embed_chunk' and key not in (select answer_key from corpus.chunk)"
    assert [] == rows(unused)


def test_two_tries_at_one_shard_leave_the_documents_once(tools, run, inbox, ingest, rows):
    """A try that was taken for dead may still be alive."""
    plan = scan_source(tools, run, folder=str(inbox))
    databases = [Database.of(tools_connection(tools)) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        tries = [
            pool.submit(
                prepare_documents,
                dataclasses.replace(tools, db=database),
                run,
                ingestion_id=plan["ingestion_id"],
                shard=0,
            )
            for database in databases
        ]
        for one in tries:
            one.result()
    for database in databases:
        database.close()

    assert [{"n": 3}] == rows("select count(*) as n from corpus.staged_document")
    assert 3 == publish_index(tools, run, ingestion_id=plan["ingestion_id"])["stored"]


def test_a_page_staged_by_a_run_that_was_overtaken_does_not_disturb_the_later_one(tools, run, inbox, ingest):
    """Each run publishes the bytes that it scanned itself."""
    plan = scan_source(tools, run, folder=str(inbox))
    prepare_documents(tools, run, ingestion_id=plan["ingestion_id"], shard=0)
    (inbox / "hours.md").write_text("# Opening hours\n\nFrom nine to five.\n")
    later = scan_source(tools, run, folder=str(inbox))
    with tools.db.transaction("main") as session:
        session.execute(
            "update corpus.staged_document set source_sha256 = sha256('something else') where path = 'prices.txt'"
        )

    prepare_documents(tools, run, ingestion_id=later["ingestion_id"], shard=0)

    assert 3 == publish_index(tools, run, ingestion_id=later["ingestion_id"])["stored"]


def test_a_question_asked_while_the_index_is_replaced_is_made_ready_anew(
    tools, model_server, ingest, monkeypatch
):
    """A vector made for one index says nothing in another, and would be compared all the same."""
    ingest()
    real, prepared = search_module.prepare, []

    def prepare_and_be_overtaken(*of_question):
        query = real(*of_question)
        if not prepared:
            ingest(tools=_with_dimensions(tools, model_server, 64))
        prepared.append(query)
        return query

    monkeypatch.setattr(search_module, "prepare", prepare_and_be_overtaken)

    found = search_module.search(tools, Run(tenant="main", job="search"), "When may I take a taxi?")

    assert [True, False] == [query.vector is not None for query in prepared]
    assert "handbook.md" == found.hits[0].path
    assert "The index was made by local-wordllama (64 dimensions)" in found.remark


def test_the_vectors_of_a_retired_index_are_dropped(tools, run, model_server, ingest, rows):
    """Embeddings that no search uses are not kept."""
    ingest()
    other = _with_dimensions(tools, model_server, 64)
    summary = ingest(tools=other)

    done = build_search_indexes(other, run, ingestion_id=summary["ingestion_id"])

    assert 1 == done["dropped"]
    assert [{"gone": True}] == rows("select to_regclass('corpus.embedding_1') is null as gone")


def test_the_same_text_in_two_files_is_bought_once_and_outlives_one_of_them(
    ingest, inbox, model_server, rows
):
    """The answer goes with the last chunk that uses it."""
    (inbox / "copy.txt").write_text((inbox / "prices.txt").read_text())
    first = ingest()
    assert first["chunks"] - 1 == first["embedded"] == model_server.meter()["inputs"]
    (inbox / "copy.txt").unlink()

    ingest()

    assert 1 == len(
        rows("select from ledger.answer join corpus.chunk on answer_key = key where text like 'A berth%%'")
    )


def test_an_index_in_the_making_keeps_what_was_bought_for_it(tools, run, model_server, ingest, inbox, rows):
    """Whoever goes live, is cut off, goes back and tries again pays once, and can publish ever after."""
    ingest()
    live = _with_dimensions(tools, model_server, 64)
    plan = scan_source(live, run, folder=str(inbox))
    for shard in plan["shards"]:
        prepare_documents(live, run, ingestion_id=plan["ingestion_id"], shard=shard)
    (inbox / "hours.md").write_text("# Opening hours\n\nFrom nine to five.\n")
    ingest()
    model_server.reset()

    ingest(tools=live)

    assert 1 == model_server.meter()["inputs"]
    assert [] == rows("select from corpus.chunk where answer_key not in (select key from ledger.answer)")


def test_a_better_detection_embeds_anew_what_it_changes_and_no_more(ingest, model_server, rows, monkeypatch):
    """What is sent otherwise than before has another key; its chunk keeps its id and gets the new vector."""
    before = ingest()
    model_server.reset()
    monkeypatch.setattr(Minimiser, "minimise", lambda _, text: text.replace("taxi", "[vehicle]"))
    monkeypatch.setattr(scanning, "PIPELINE", "the next one")

    after = ingest()

    assert (before["chunks"], 0, 0) == (after["chunks_kept"], after["chunks_added"], after["chunks_removed"])
    assert 1 == model_server.meter()["inputs"] == after["embedded"]
    vectors = "corpus.chunk left join corpus.embedding_1 as vector using (chunk_id, answer_key)"
    assert [] == rows(f"select from {vectors} where vector.chunk_id is null")
    made = "select from lineage.edge where effect_kind = 'vector'"
    assert before["chunks"] + 1 == len(rows(made))


def test_a_run_that_is_cleared_and_repeated_books_its_cost_once(tools, run, inbox):
    """The second time it buys nothing, and says so."""
    load(tools, run, folder=str(inbox))
    first = summarise(tools, run, dag_run_id=run.dag_run_id)
    (inbox / "prices.txt").touch()
    load(tools, run, folder=str(inbox))

    second = summarise(tools, run, dag_run_id=run.dag_run_id)

    assert first["embedded"] == first["chunks"] > 0
    assert (0, 0, 0) == (second["embedded"], second["requests"], second["tokens"])


def test_a_file_that_was_too_much_for_its_reader_is_tried_again_after_a_day(
    ingest, inbox, scratch, database, monkeypatch
):
    """The machine may have been busy; until then it is refused without reading it."""
    real, read = readers.extract, []

    def strained(content, kind, path):
        read.append(path)
        if path == "prices.txt":
            raise Unreadable("timeout", "Reading it took more than 30 seconds.")
        return real(content, kind, path)

    monkeypatch.setattr(readers, "extract", strained)
    assert 1 == ingest()["refused"]
    read.clear()
    assert 1 == ingest()["refused"]
    assert [] == read
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute("update corpus.refused_document set tried_at = now() - interval '25 hours'")

    assert 1 == ingest()["refused"]
    assert ["prices.txt"] == read
    read.clear()
    monkeypatch.setattr(readers, "extract", real)
    assert 1 == ingest()["refused"]
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute("update corpus.refused_document set tried_at = now() - interval '25 hours'")

    assert (0, 1) == ((mended := ingest())["refused"], mended["stored"])


def test_a_retired_index_is_left_where_somebody_reads(tools, run, model_server, ingest, scratch, database):
    """Dropping it would wait for the reader, and hold up every search behind it."""
    ingest()
    other = _with_dimensions(tools, model_server, 64)
    summary = ingest(tools=other)
    with psycopg.connect(scratch.url(database, "app")) as reader:
        reader.execute("select count(*) from corpus.chunk")
        busy = build_search_indexes(other, run, ingestion_id=summary["ingestion_id"])

    done = build_search_indexes(other, run, ingestion_id=summary["ingestion_id"])

    assert (0, 1) == (busy["dropped"], done["dropped"])


def tools_connection(tools: Tools):
    """The same database, for a process of its own."""
    return Connection(kind="postgres", **_address(tools))


def _address(tools: Tools) -> dict[str, object]:
    parts = psycopg.conninfo.conninfo_to_dict(tools.db._conninfo)
    return {
        "host": parts["host"],
        "port": int(parts["port"]),
        "schema": parts["dbname"],
        "login": parts["user"],
        "password": parts["password"],
    }


def _with_dimensions(tools: Tools, model_server, dimensions: int) -> Tools:
    extra = {"embedding_model": "local-wordllama", "dimensions": dimensions, "idempotent": True}
    provider = Connection(kind="openai", host=f"{model_server.url}/v1", password="test", extra=extra)
    return dataclasses.replace(tools, provider=provider)
