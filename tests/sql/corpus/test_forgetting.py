"""A source that is forgotten leaves nothing behind but its lineage."""

from __future__ import annotations

import dataclasses
import uuid

import pytest

from plumbline.core.connections import Connection
from plumbline.corpus.ingesting import forget
from plumbline.corpus.scanning import forget_source, scan_source
from plumbline.corpus.search import search
from plumbline.corpus.sources import UnknownSource, known_source, known_sources

LEFT = """
select
    (select count(*) from corpus.document) as documents,
    (select count(*) from corpus.chunk) as chunks,
    (select count(*) from corpus.chunk_terms) as words,
    (select count(*) from corpus.term) as terms,
    (select count(*) from corpus.embedding_1) as vectors,
    (select count(*) from corpus.refused_document) as refusals,
    (select count(*) from corpus.staged_document) as staged,
    (select count(*) from ledger.answer where use = 'embed_chunk') as answers,
    (select count(*) from corpus.document_version where text is not null or title is not null) as texts
"""


@pytest.fixture
def forgotten(tools, run):
    """Forget a source, as a run of its own."""

    def once(source):
        return forget(tools, dataclasses.replace(run, dag_run_id=f"test__{uuid.uuid4()}"), source=str(source))

    return once


def test_a_forgotten_source_is_gone_with_all_that_was_made_of_it(
    ingest, forgotten, inbox, rows, tools, run, model_server
):
    """Documents, words, vectors, bought answers and refusals; its fingerprints stay, for lineage."""
    (inbox / "empty.md").write_text("")
    before = ingest()
    model_server.reset()

    summary = forgotten(f"folder:{inbox}")

    assert (3, 3, 0, 0) == tuple(summary[name] for name in ("found", "removed", "documents", "chunks"))
    assert (before["chunks"], "published") == (summary["chunks_removed"], summary["state"])
    assert {0} == set(rows(LEFT)[0].values())
    assert 0 == model_server.meter()["requests"]
    versions = rows("select removed_at, source_sha256 from corpus.document_version")
    assert [True] * 3 == [bool(version["removed_at"] and version["source_sha256"]) for version in versions]
    assert "Nothing has been ingested yet." in search(tools, run, "How many days of leave?").remark


def test_forgetting_one_source_leaves_the_others_and_their_answers(ingest, forgotten, inbox, tmp_path, rows):
    """Two folders that hold the same file share the answers that were bought for it."""
    moved = tmp_path / "moved"
    inbox.rename(moved)
    inbox.mkdir()
    (inbox / "hours.md").write_text((moved / "hours.md").read_text())
    ingest(moved)
    ingest(inbox)

    summary = forgotten(f"folder:{moved}")

    assert 3 == summary["removed"]
    left = rows(LEFT)[0]
    assert (1, left["chunks"], left["chunks"]) == (left["documents"], left["vectors"], left["answers"])
    assert 0 == ingest(inbox)["stored"]


def test_a_forgotten_source_is_none_until_it_is_read_again(ingest, forgotten, inbox, tools, run):
    """Its row stays for the lineage; nobody is shown it."""
    ingest()
    forgotten(inbox)
    assert {} == known_sources(tools, run)
    with pytest.raises(UnknownSource):
        forgotten(inbox)

    assert 3 == ingest()["stored"]
    assert [f"folder:{inbox}"] == list(known_sources(tools, run))


def test_forgetting_that_was_cut_off_is_not_yet_forgotten(ingest, inbox, tools, run, forgotten):
    """Only the publication forgets; until then everything is searchable, and a second try goes through."""
    ingest()
    forget_source(tools, run, source=f"folder:{inbox}")

    assert [f"folder:{inbox}"] == list(known_sources(tools, run))
    assert search(tools, run, "How many days of leave?").hits
    assert 3 == forgotten(inbox)["removed"]


def test_a_source_of_refused_files_only_can_be_forgotten(ingest, forgotten, tmp_path, rows):
    """There is nothing to remove but the refusals."""
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "empty.md").write_text("")
    ingest(tmp_path / "scans")

    summary = forgotten(tmp_path / "scans")

    assert (0, 0) == (summary["found"], summary["removed"])
    assert [] == rows("select path from corpus.refused_document")


def test_a_source_that_never_came_to_be_published_can_be_forgotten(tools, run, inbox, forgotten, rows):
    """Its first run failed: what it had staged goes too."""
    plan = scan_source(tools, run, folder=str(inbox))
    from plumbline.corpus.preparing import prepare_documents

    prepare_documents(tools, run, ingestion_id=plan["ingestion_id"], shard=0)

    forgotten(inbox)

    assert [] == rows("select document_id from corpus.staged_document")
    assert {} == known_sources(tools, run)


def test_forgetting_asks_no_model_whichever_is_connected_now(ingest, inbox, tools, run, rows):
    """It takes from the index that searches use; the one of the other model is not even begun."""
    ingest()
    unreachable = Connection(kind="openai", host="http://127.0.0.1:1/v1", password="sk-none")
    other = dataclasses.replace(tools, provider=unreachable)

    summary = forget(other, dataclasses.replace(run, dag_run_id="test__other"), source=str(inbox))

    assert 3 == summary["removed"]
    assert [("local-wordllama", "in_force")] == [
        (index["model"], index["state"]) for index in rows("select model, state from corpus.vector_index")
    ]


def test_a_source_is_found_by_its_name_or_its_folder_and_an_unknown_one_lists_the_others(
    ingest, tools, run, inbox, tmp_path
):
    """Nobody types `folder:` and a path by heart."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    ingest()
    ingest(other, source="boats")

    assert f"folder:{inbox}" == known_source(tools, run, str(inbox)).name
    assert "boats" == known_source(tools, run, "boats").name == known_source(tools, run, str(other)).name
    with pytest.raises(UnknownSource) as unknown:
        known_source(tools, run, "bots")
    assert (
        f"There is no source 'bots'. The sources of the tenant main are:\n  boats\n  folder:{inbox}"
        == str(unknown.value)
    )
    with pytest.raises(UnknownSource, match="are: none"):
        known_source(tools, dataclasses.replace(run, tenant="acme"), "boats")
