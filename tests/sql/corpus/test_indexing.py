"""Another index beside the one in force: planned, built, compared, swapped and brought back, and nothing paid twice."""

from __future__ import annotations

import dataclasses
import json

import psycopg
import pytest

from plumbline.core import db
from plumbline.core.connections import Connection
from plumbline.core.receipts import Run
from plumbline.corpus import indexing, renewing, swapping
from plumbline.corpus.comparing import NotComparable, QuestionsUnusable, compare_index
from plumbline.corpus.index_plans import InForceAlready, NoIndexNamed, plan_index
from plumbline.corpus.indexing import build_index
from plumbline.corpus.planning import plan_ingestion
from plumbline.corpus.preparing import Superseded, prepare_documents
from plumbline.corpus.publishing import build_search_indexes
from plumbline.corpus.renewing import drop_retired_indexes, renew_worn_graph
from plumbline.corpus.scanning import scan_source
from plumbline.corpus.search import prepare, rank, search
from plumbline.corpus.swapping import (
    NotCompared,
    NotToBeSwapped,
    bring_back,
    drop_index,
    previous_index,
    swap_index,
)
from plumbline.corpus.versions import NoSuchIndex, list_versions, version_of
from plumbline.provenance.history import history
from plumbline.provenance.recording import recorded

QUESTIONS = [
    {"id": "taxi", "text": "When may I take a taxi?", "relevant": ["handbook.md"]},
    {"id": "berth", "text": "What does a berth cost?", "relevant": ["prices.txt"]},
    {"id": "hours", "text": "When does the office open?", "relevant": ["hours.md"]},
    {"id": "elsewhere", "text": "Who repairs the crane?", "relevant": ["crane.md"]},
]


@pytest.fixture
def golden(tmp_path):
    """Questions about the small inbox, and one about a document that is not there."""
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(question) for question in QUESTIONS), encoding="utf-8")
    return str(file)


@pytest.fixture
def swapped(tools, run, ingest, golden):
    """An index of 128 dimensions in force, beside the one of 256 that the Connection names."""
    ingest()
    build_index(tools, run, dimensions=128)
    compare_index(tools, run, queries=golden)
    with recorded(tools.db, run):
        return swap_index(tools, run)


@pytest.fixture
def wear(scratch, database):
    """Have the index in force look as if it had a graph, and much of that were dead."""

    def once():
        with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
            admin.execute(
                "update corpus.vector_index set graph_rows = 5, removed = 5, removed_since = now() "
                "where state = 'in_force'"
            )

    return once


def states(rows):
    """The versions by their numbers."""
    return {row["index_id"]: row["state"] for row in rows("select index_id, state from corpus.vector_index")}


def whole(rows, index_id):
    """Whether the version has one vector, and the chunks its key, for every chunk."""
    found = rows(
        "select count(*) filter (where vector.chunk_id is null or chunk.text is null) as bad, count(*) as n from "
        f"corpus.chunk full join corpus.embedding_{index_id} as vector using (chunk_id, answer_key)"
    )[0]
    return found["n"] > 0 and found["bad"] == 0


def test_a_plan_says_what_a_build_then_buys_and_costs_nothing(tools, run, ingest, model_server, rows):
    """Priced beforehand, to the token."""
    ingest()
    model_server.reset()
    before = rows("select count(*) as n from corpus.vector_index")

    plan = plan_index(tools, run, dimensions=128)

    assert 0 == model_server.meter()["requests"]
    assert before == rows("select count(*) as n from corpus.vector_index")
    built = build_index(tools, run, dimensions=128)
    assert (plan["to_buy"], plan["tokens"]) == (built["bought"], built["tokens"])
    assert plan["missing"] == plan["chunks"] == built["given"] > 0
    again = plan_index(tools, run, dimensions=128)
    assert (0, 0, 0) == (again["missing"], again["to_buy"], again["tokens"])


def test_a_build_in_batches_buys_nothing_singly_and_goes_on_where_it_was_broken_off(
    tools, run, ingest, model_server, rows, monkeypatch
):
    """Whoever breaks off the wait finds the batch again: one batch, and one vector for every chunk."""
    ingest()
    model_server.reset()
    model_server.fault("batch_hold", state="in_progress")

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("time.sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_index(tools, run, dimensions=128, in_batches=True)
    model_server.clear_faults()

    built = build_index(tools, run, dimensions=128, in_batches=True)

    assert rows("select count(*) as n from corpus.chunk")[0]["n"] == built["given"]
    assert ({"settled": 1}, 0) == (built["lines"], built["bought"])
    meter = model_server.meter()
    assert (0, 1, 0) == (meter["requests"], sum(meter["batches"].values()), meter["files"]["count"])
    assert meter["batch"]["local-wordllama"]["inputs"] == built["reused"] > 0


def test_a_plan_names_the_price_in_batches_beside_the_other(tools, run, ingest, scratch, database):
    """Half of it, where the provider says so."""
    ingest()
    with psycopg.connect(scratch.url(database, "owner")) as owner:
        for service, price in (("standard", "0.02"), ("batch", "0.01")):
            owner.execute(
                "insert into ledger.price values ('local-wordllama', %s, 'input', '2026-02-01', %s, 'tests')",
                [service, price],
            )

    plan = plan_index(tools, run, dimensions=128)

    assert plan["cost_usd"] == 2 * plan["cost_batch_usd"] > 0


def test_a_plan_for_a_model_without_a_price_says_so(tools, run, ingest, model_server):
    """Such a model is never called."""
    ingest()
    connected = _connected(tools, model_server, "text-embedding-3-small", 64)

    plan = plan_index(connected, run, model="some-other-model", dimensions=64)

    assert plan["cost_usd"] is None
    assert "has no price" in plan["remark"]


def test_a_build_leaves_searches_and_ingestions_with_the_index_in_force(tools, run, ingest, inbox, rows):
    """It is beside, until somebody swaps."""
    ingest()
    build_index(tools, run, dimensions=128)
    (inbox / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")

    summary = ingest()

    assert {1: "in_force", 2: "building"} == states(rows)
    assert (256, 1) == (summary["dimensions"], summary["embedded"])
    assert search(tools, run, "What is the tug called?").complete
    assert 1 == build_index(tools, run)["bought"]


def test_a_build_in_pages_goes_on_where_it_broke_off(tools, run, ingest, model_server, monkeypatch):
    """Each page is kept by a transaction of its own; a publication in between sweeps none of what was bought."""
    first = ingest()
    monkeypatch.setattr(indexing, "PAGE", 1)
    pages = []

    def break_off(doing):
        if doing.startswith("embedding"):
            pages.append(doing)
            if len(pages) == 2:
                raise KeyboardInterrupt

    model_server.reset()
    with pytest.raises(KeyboardInterrupt):
        build_index(tools, run, dimensions=128, progress=break_off)
    assert 2 == list_versions(tools, run)[1]["vectors"]

    build_index(tools, run)

    assert first["embedded"] == model_server.meter()["inputs"]


def test_what_was_bought_and_not_kept_is_not_swept_by_a_publication(
    tools, run, ingest, inbox, model_server, monkeypatch
):
    """A build that dies between buying and keeping pays once all the same."""
    first = ingest()
    real = indexing.db.on_embeddings

    model_server.reset()
    with monkeypatch.context() as patched:
        patched.setattr(indexing.db, "on_embeddings", lambda name, table: real(_replaced(name), table))
        with pytest.raises(psycopg.Error):
            build_index(tools, run, dimensions=128)
    bought = model_server.meter()["inputs"]
    (inbox / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    ingest()

    build_index(tools, run)

    assert first["embedded"] == bought
    assert bought + 2 == model_server.meter()["inputs"]


def test_a_comparison_shows_both_and_is_kept(tools, run, ingest, golden, rows):
    """Asked through the function that searches use; the index in force stays in force."""
    ingest()
    build_index(tools, run, dimensions=128)

    shown = compare_index(tools, run, queries=golden)

    assert (3, 1) == (shown["questions"], shown["questions_left_out"])
    assert 1.0 == shown["hit_5"] == shown["against_hit_5"]
    kept = rows("select index_id, against_id, questions, hit_5 from corpus.index_comparison")
    assert [{"index_id": 2, "against_id": 1, "questions": 3, "hit_5": 1.0}] == kept
    assert {1: "in_force", 2: "building"} == states(rows)


def test_a_comparison_searches_the_version_that_it_names_and_a_search_does_not(
    tools, run, ingest, scratch, database
):
    """The vectors of the other version decide, through the same function; nobody else's search can reach them."""
    ingest()
    build_index(tools, run, dimensions=128)
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute(
            "update corpus.embedding_2 set embedding = (select embedding from corpus.embedding_2 limit 1)"
        )
    with tools.db.transaction("main") as session:
        version = version_of(session, 2)
    named = {**version, "instead_of_model": "local-wordllama", "instead_of_dimensions": 256}
    query = prepare(tools, run, "When may I take a taxi?", named)

    with tools.db.transaction("main") as session:
        db.run(session, "corpus/set_compared_index", index_id=2)
        found = rank(session, "main", query, 10)

    assert 3 == len(found)
    assert 1 == len({row["vector"] for row in found})
    with (
        pytest.raises(psycopg.errors.SerializationFailure),
        tools.db.transaction("main") as session,
    ):
        rank(session, "main", query, 10)


def test_questions_about_nothing_that_is_there_compare_nothing(tools, run, ingest, tmp_path):
    """A figure that means nothing must not open the way to a swap."""
    ingest()
    build_index(tools, run, dimensions=128)
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps(QUESTIONS[3]), encoding="utf-8")

    with pytest.raises(QuestionsUnusable, match="None of the documents"):
        compare_index(tools, run, queries=str(file))
    file.write_text('{"id": "x"}', encoding="utf-8")
    with pytest.raises(QuestionsUnusable, match="Line 1"):
        compare_index(tools, run, queries=str(file))


def test_a_version_that_is_not_complete_is_not_compared(tools, run, ingest, golden, inbox):
    """What it lacks it cannot find."""
    ingest()
    build_index(tools, run, dimensions=128)
    (inbox / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    ingest()

    with pytest.raises(NotComparable, match="lacks 1 vectors"):
        compare_index(tools, run, queries=golden)


def test_a_swap_asks_for_a_comparison(tools, run, ingest, rows):
    """Unless somebody says that none is needed."""
    ingest()
    build_index(tools, run, dimensions=128)

    with pytest.raises(NotCompared):
        swap_index(tools, run)
    assert not swap_index(tools, run, wanted=False)["swapped"]
    assert {1: "in_force", 2: "building"} == states(rows)

    assert swap_index(tools, run, without_comparison=True)["swapped"]
    assert {1: "retired", 2: "in_force"} == states(rows)


def test_a_swap_catches_up_with_what_was_published_since(
    tools, run, ingest, inbox, golden, rows, model_server
):
    """Nothing that is searchable before is missing after."""
    ingest()
    build_index(tools, run, dimensions=128)
    compare_index(tools, run, queries=golden)
    (inbox / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    (inbox / "hours.md").unlink()
    ingest()
    model_server.reset()

    done = swap_index(tools, run)

    assert (1, 1) == (done["given"], model_server.meter()["inputs"])
    assert whole(rows, 2)
    assert [{"compared_by": True}] == rows(
        "select compared_by is not null as compared_by from corpus.vector_index where index_id = 2"
    )


def test_chunks_published_while_the_rest_is_bought_make_the_swap_begin_again(
    tools, run, ingest, inbox, rows, monkeypatch
):
    """Looked at once more under the lock, and bought outside of it."""
    ingest()
    build_index(tools, run, dimensions=128)
    real, published = swapping.complete, []

    def complete_and_be_overtaken(*given):
        done = real(*given)
        if len(published) < 2:
            (inbox / f"{len(published)}.md").write_text(f"# Boat {len(published)}\n\nThe tug Marianne.\n")
            published.append(ingest())
        return done

    monkeypatch.setattr(swapping, "complete", complete_and_be_overtaken)

    assert 2 == swap_index(tools, run, without_comparison=True)["given"]
    assert whole(rows, 2)


def test_a_swap_that_is_always_overtaken_says_so_and_changes_nothing(
    tools, run, ingest, inbox, rows, monkeypatch
):
    """So often, and not for ever."""
    ingest()
    build_index(tools, run, dimensions=128)
    real, published = swapping.complete, []

    def complete_and_be_overtaken(*given):
        done = real(*given)
        (inbox / f"{len(published)}.md").write_text(f"# Boat {len(published)}\n\nThe tug Marianne.\n")
        published.append(ingest())
        return done

    monkeypatch.setattr(swapping, "complete", complete_and_be_overtaken)

    with pytest.raises(indexing.Overtaken):
        swap_index(tools, run, without_comparison=True)
    assert {1: "in_force", 2: "building"} == states(rows)


def test_after_a_swap_ingestions_plans_and_searches_go_on_with_the_new_model(
    tools, run, swapped, ingest, inbox, rows, model_server
):
    """Although the Connection still names the old one."""
    assert "local-wordllama (256)" == swapped["instead_of"]
    (inbox / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    model_server.reset()

    plan = plan_ingestion(tools, run, folder=str(inbox))
    summary = ingest()

    assert (1, 0, 128) == (plan["to_buy"], plan["chunks_to_rebuild"], plan["dimensions"])
    assert (1, 128) == (summary["embedded"], summary["dimensions"])
    assert {1: "retired", 2: "in_force"} == states(rows)
    found = search(tools, run, "What is the tug called?")
    assert ("boats.md", True) == (found.hits[0].path, found.complete)
    assert whole(rows, 2)


def test_a_connection_that_names_a_third_model_leads_to_its_index(tools, swapped, ingest, rows, model_server):
    """That automatic way stays as it was."""
    summary = ingest(tools=_connected(tools, model_server, "local-wordllama", 64))

    assert 64 == summary["dimensions"]
    assert {1: "retired", 2: "retired", 3: "in_force"} == states(rows)
    assert 0 == ingest(tools=_connected(tools, model_server, "local-wordllama", 64))["embedded"]


def test_a_connection_that_names_the_new_model_changes_nothing(tools, swapped, ingest, rows, model_server):
    """It is the one in force."""
    named = _connected(tools, model_server, "local-wordllama", 128)

    assert 0 == ingest(tools=named)["embedded"]
    assert {1: "retired", 2: "in_force"} == states(rows)
    assert search(named, _reader(), "When may I take a taxi?").complete


def test_every_vector_of_a_swapped_index_has_its_lineage(tools, run, swapped, rows):
    """As a publication writes it: chunk, vector, and the answer that was paid."""
    for chunk in rows("select chunk_id from corpus.chunk"):
        vectors = history(tools, run, str(chunk["chunk_id"])).effects
        assert ["corpus.embedding_2"] == [vector.name for vector in vectors]
        assert ["answer"] == [node.kind for node in vectors[0].related]


def test_an_index_is_brought_back_for_what_it_lacks(tools, run, swapped, ingest, inbox, rows, model_server):
    """Its vectors, and what was bought for them, were kept; what was removed meanwhile is gone from it too."""
    (inbox / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    (inbox / "hours.md").unlink()
    summary = ingest()
    build_search_indexes(tools, run, ingestion_id=summary["ingestion_id"])
    plan = plan_index(tools, run, index_id=previous_index(tools, run)["index_id"])
    model_server.reset()

    done = bring_back(tools, run)

    assert (1, 1, 1) == (plan["missing"], plan["to_buy"], done["given"])
    assert 2 == model_server.meter()["inputs"]  # one of them proves that the model answers
    assert {1: "in_force", 2: "retired"} == states(rows)
    assert whole(rows, 1)
    assert [] == rows("select from corpus.chunk where answer_key not in (select key from ledger.answer)")
    assert (0, 256) == ((after := ingest())["embedded"], after["dimensions"])
    assert search(tools, run, "What is the tug called?").complete
    assert 0 == swap_and_count(tools, run, model_server)


def swap_and_count(tools, run, model_server):
    """Go back once more, to where we came from, and count what was bought beside the proof."""
    model_server.reset()
    bring_back(tools, run)
    return model_server.meter()["inputs"] - 1


def test_a_retired_index_holds_nothing_of_what_was_removed(tools, swapped, ingest, inbox, rows):
    """Personal data goes from every table in the same commit, and what was bought for it too."""
    of_hours = (
        "select chunk_id from corpus.chunk join corpus.document using (document_id) where path = 'hours.md'"
    )
    gone = [row["chunk_id"] for row in rows(of_hours)]
    (inbox / "hours.md").unlink()

    ingest()

    assert [] == rows("select from corpus.embedding_1 where chunk_id = any(%s)", gone)
    assert [] == rows(
        "select from ledger.answer where use = 'embed_chunk' and key not in (select answer_key from corpus.embedding_1 "
        "union all select answer_key from corpus.embedding_2)"
    )


def test_a_retired_index_is_dropped_when_its_time_is_over(tools, run, swapped, scratch, database, rows):
    """Kept for thirty days, and not for ever."""
    assert 0 == drop_retired_indexes(tools, run)
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute("update corpus.vector_index set kept_until = kept_until - interval '30 days'")

    with pytest.raises(NoSuchIndex):
        bring_back(tools, run)
    assert 1 == drop_retired_indexes(tools, run)
    assert [2] == [version["index_id"] for version in list_versions(tools, run)]


@pytest.mark.parametrize("taken", ["dropped by hand", "outlived"])
def test_an_index_that_goes_while_it_is_brought_back_does_not_come_back_without_its_table(
    tools, run, swapped, scratch, database, rows, monkeypatch, taken
):
    """It stays retired: nothing lists an index in the making that has no table, and an ingestion would take it up."""
    real = swapping.previous_index

    def found_and_then_taken(*given):
        version = real(*given)
        if taken == "outlived":
            with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
                admin.execute("update corpus.vector_index set kept_until = now() where index_id = 1")
        else:
            drop_index(tools, run, index_id=1)
        return version

    monkeypatch.setattr(swapping, "previous_index", found_and_then_taken)

    with pytest.raises(NoSuchIndex, match="cannot be brought back"):
        bring_back(tools, run)
    assert {1: "retired", 2: "in_force"} == states(rows)


def test_an_index_that_was_being_brought_back_is_brought_back_by_the_next_attempt(
    tools, run, swapped, rows, monkeypatch
):
    """It is in the making, and no longer retired."""
    with monkeypatch.context() as patched:
        patched.setattr(swapping, "complete", _die)
        with pytest.raises(KeyboardInterrupt):
            bring_back(tools, run)
    assert {1: "building", 2: "in_force"} == states(rows)

    assert bring_back(tools, run)["swapped"]
    assert {1: "in_force", 2: "retired"} == states(rows)


def test_a_comparison_holds_when_the_graph_in_force_was_built_anew(tools, run, ingest, golden, wear, rows):
    """However often: the vectors are the same, and so are the results."""
    ingest()
    build_index(tools, run, dimensions=128)
    compared = compare_index(tools, run, queries=golden)
    for _ in range(2):
        wear()
        assert renew_worn_graph(tools, run, least=1)

    done = swap_index(tools, run)

    assert (compared["comparison_id"], 4) == (done["compared_by"], done["retired"])
    wear()
    assert renew_worn_graph(tools, run, least=1)
    shown = list_versions(tools, run)[-1]
    assert (5, "in_force", compared["hit_5"]) == (shown["index_id"], shown["state"], shown["hit_5"])


def test_a_comparison_with_what_is_not_in_force_any_more_does_not_hold(
    tools, run, ingest, golden, wear, model_server
):
    """Another model took over: nobody knows how the two compare."""
    ingest()
    build_index(tools, run, dimensions=128)
    compare_index(tools, run, queries=golden)
    ingest(tools=_connected(tools, model_server, "local-wordllama", 64))
    wear()
    renew_worn_graph(tools, run, least=1)

    with pytest.raises(NotCompared):
        swap_index(tools, run, index_id=2)


def test_a_swap_between_the_two_transactions_of_a_renewal_ends_it(
    tools, run, ingest, wear, rows, monkeypatch
):
    """What was to be renewed is not in force any more: its copy goes, and the way back is open."""
    ingest()
    build_index(tools, run, dimensions=128)
    wear()
    real, locked = renewing.db.run, []

    def swap_before_the_second(session, name, /, **given):
        if name == "corpus/lock_tenant":
            locked.append(name)
            if len(locked) == 2:
                swap_index(tools, run, index_id=2, without_comparison=True)
        return real(session, name, **given)

    with monkeypatch.context() as patched:
        patched.setattr(renewing.db, "run", swap_before_the_second)
        assert 0 == renew_worn_graph(tools, run, least=1)

    assert {1: "retired", 2: "in_force", 3: "retired"} == states(rows)
    assert 1 == drop_retired_indexes(tools, run)
    assert 1 == bring_back(tools, run)["index_id"]


def test_a_swap_after_a_renewal_that_died_leaves_nothing_of_it(tools, run, ingest, wear, rows, monkeypatch):
    """Nobody else would take the empty copy up, and it would bar the way back."""
    ingest()
    build_index(tools, run, dimensions=128)
    wear()
    with monkeypatch.context() as patched:
        real = renewing.db.value
        patched.setattr(
            renewing.db,
            "value",
            lambda session, name, /, **given: (_die if name == "corpus/renew_index" else real)(
                session, name, **given
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            renew_worn_graph(tools, run, least=1)
    assert {1: "in_force", 2: "building", 3: "building"} == states(rows)

    swap_index(tools, run, index_id=2, without_comparison=True)

    assert {1: "retired", 2: "in_force", 3: "retired"} == states(rows)
    assert 1 == bring_back(tools, run)["index_id"]
    assert 1 == drop_retired_indexes(tools, run)


def test_a_copy_that_somebody_drops_meanwhile_ends_its_renewal(tools, run, ingest, wear, rows, monkeypatch):
    """The worn graph stays in force, and is renewed after the next publication."""
    ingest()
    wear()
    real, locked = renewing.db.run, []

    def drop_before_the_second(session, name, /, **given):
        if name == "corpus/lock_tenant":
            locked.append(name)
            if len(locked) == 2:
                drop_index(tools, run, index_id=2)
        return real(session, name, **given)

    with monkeypatch.context() as patched:
        patched.setattr(renewing.db, "run", drop_before_the_second)
        assert 0 == renew_worn_graph(tools, run, least=1)

    assert renew_worn_graph(tools, run, least=1)
    assert {1: "retired", 2: "retired", 3: "in_force"} == states(rows)


def test_an_index_that_is_not_in_force_can_be_dropped(tools, run, ingest, model_server, inbox, rows):
    """A going-live that failed leaves one behind, which nothing else drops."""
    ingest()
    live = _connected(tools, model_server, "local-wordllama", 64)
    scan_source(live, run, folder=str(inbox))
    assert {1: "in_force", 2: "building"} == states(rows)

    drop_index(tools, run, index_id=2)

    assert [1] == [version["index_id"] for version in list_versions(tools, run)]
    with pytest.raises(NotToBeSwapped):
        drop_index(tools, run, index_id=1)
    with pytest.raises(NoSuchIndex):
        drop_index(tools, run, index_id=9)
    assert 64 == ingest(tools=live)["dimensions"]


def test_an_ingestion_under_way_begins_anew_after_a_swap(tools, run, ingest, inbox, rows):
    """It was to fill the other index; nothing of it is published into the wrong one."""
    ingest()
    build_index(tools, run, dimensions=128)
    (inbox / "boats.md").write_text("# Boats\n\nThe tug is called Marianne.\n")
    plan = scan_source(tools, run, folder=str(inbox))

    assert 1 == swap_index(tools, run, without_comparison=True)["ingestions_begun_anew"]

    with pytest.raises(Superseded):
        prepare_documents(tools, run, ingestion_id=plan["ingestion_id"], shard=0)
    assert (1, 128) == ((summary := ingest())["stored"], summary["dimensions"])
    assert whole(rows, 2)


def test_a_build_whose_index_is_dropped_meanwhile_says_so(tools, run, ingest, monkeypatch):
    """Somebody gave it up while somebody else was at it."""
    ingest()
    monkeypatch.setattr(indexing, "PAGE", 1)

    def drop(doing):
        if doing.startswith("embedding"):
            drop_index(tools, run, index_id=2)

    with pytest.raises(NoSuchIndex, match="was dropped"):
        build_index(tools, run, dimensions=128, progress=drop)
    assert 3 == build_index(tools, run, dimensions=128)["index_id"]


def test_a_publication_counts_what_it_takes_from_a_graph(ingest, inbox, rows, scratch, database):
    """In the same commit; what a graph was not built of is not counted."""
    ingest()
    count = "select removed, removed_since is not null as dated from corpus.vector_index"
    (inbox / "hours.md").unlink()
    ingest()
    assert [{"removed": 0, "dated": False}] == rows(count)
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute("update corpus.vector_index set graph_rows = 2")

    (inbox / "prices.txt").write_text("A berth costs 50 euros a night.\n")
    ingest()

    assert [{"removed": 1, "dated": True}] == rows(count)


def test_it_is_said_which_index_is_meant(tools, run, ingest):
    """A build without a name completes the one in the making; with none there, it asks."""
    ingest()
    with pytest.raises(NoIndexNamed):
        build_index(tools, run)
    with pytest.raises(InForceAlready):
        build_index(tools, run, dimensions=256)
    with pytest.raises(NoSuchIndex):
        swap_index(tools, run)


def _replaced(name):
    """A statement that fails, in place of the one that keeps a page."""
    return "corpus/count_staged_keys" if name == "corpus/insert_missing_vectors" else name


def _die(*_given, **_named):
    raise KeyboardInterrupt


def _reader():
    return Run(tenant="main", job="search")


def _connected(tools, model_server, model, dimensions):
    extra = {"embedding_model": model, "dimensions": dimensions, "idempotent": True}
    provider = Connection(kind="openai", host=f"{model_server.url}/v1", password="test", extra=extra)
    return dataclasses.replace(tools, provider=provider)
