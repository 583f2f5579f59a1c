"""A search finds what is there now, for its own tenant, by words and by meaning, and says how it did."""

from __future__ import annotations

import dataclasses
import json
import math
import uuid

import psycopg
import pytest

from plumbline.core import db
from plumbline.core.connections import Connection
from plumbline.corpus.search import Filters, QueryRefused, prepare, rank, search

TREES = ("oak", "elm", "ash", "yew", "fir", "larch", "beech", "maple", "cedar", "birch")


@pytest.fixture
def grove(inbox, ingest):
    """Three dozen documents in two languages, two kinds and two folders, besides the harbour's."""
    for number in range(30):
        folder = inbox / ("tall" if number % 2 else "small")
        folder.mkdir(exist_ok=True)
        tree, other = TREES[number % 10], TREES[(3 * number + 1) % 10]
        words = " ".join([tree] * (number % 4 + 1))
        text = f"Tree number {number} is the {words}. It stands beside the {other}. "
        quiet = "The forest is quiet. " * (number % 7)
        (folder / f"tree-{number:02}.md").write_text(f"# Tree {number}\n\n{text}{quiet}\n")
    for number in range(6):
        (inbox / f"baum-{number}.txt").write_text(
            f"Baum Nummer {number} ist eine alte Eiche. "
            "Sie steht im Wald neben der Birke, und der Wald ist sehr still.\n"
        )
    ingest()
    return inbox


def paths(results):
    """Where the hits are, best first."""
    return [hit.path for hit in results.hits]


def test_the_right_document_comes_first_with_an_exact_span(ingest, tools, run, rows):
    """A citation that is off by one is no citation."""
    ingest()

    found = search(tools, run, "When may I take a taxi?")

    best = found.hits[0]
    version = rows("select text from corpus.document_version where version_id = %s", best.version_id)[0][
        "text"
    ]
    assert ("handbook.md", True) == (best.path, found.complete)
    assert best.text == version[best.start : best.end]
    assert "A taxi is paid only after ten at night" in best.excerpt
    assert best.excerpt == " ".join(version[best.excerpt_start : best.excerpt_end].split())
    assert "local-wordllama" == best.model == found.model
    assert "embedded stand-in" in found.remark
    assert "handbook.md" == json.loads(json.dumps(found.as_json()))["hits"][0]["path"]


def test_scores_fall_from_hit_to_hit_and_stay_below_one(grove, tools, run):
    """They are shown to people and compared with thresholds."""
    scores = [hit.score for hit in search(tools, run, "an oak beside a birch", limit=20).hits]

    assert sorted(scores, reverse=True) == scores
    assert all(-1 <= score <= 1 for score in scores)


def test_the_lexical_score_is_bm25(grove, tools, run, rows):
    """Held against a second implementation that shares nothing with the first but the rows."""
    stored = rows("select chunk_id, length, lexeme, positions from corpus.chunk_terms, unnest(terms)")
    lengths = {row["chunk_id"]: row["length"] for row in stored}
    mean = sum(lengths.values()) / len(lengths)
    query = dataclasses.replace(prepare(tools, run, "oak birch forest beside wald quiet"), vector=None)
    expected: dict[object, float] = {}
    for term in {form for forms in query.terms for form in forms.split(" ")}:
        holders = {row["chunk_id"]: len(row["positions"] or [1]) for row in stored if row["lexeme"] == term}
        rarity = math.log(1 + (len(lengths) - len(holders) + 0.5) / (len(holders) + 0.5))
        for chunk, count in holders.items():
            norm = 1.2 * (1 - 0.75 + 0.75 * lengths[chunk] / mean)
            expected[chunk] = expected.get(chunk, 0) + rarity * count * 2.2 / (count + norm)

    with tools.db.transaction("main") as session:
        found = {row["chunk_id"]: row["lexical"] for row in rank(session, "main", query, 500)}

    assert expected.keys() == found.keys()
    assert pytest.approx(expected, abs=1e-9) == found


def test_another_tenants_rows_never_appear(grove, ingest, tools, run):
    """Not even when they would be the best answer."""
    (grove / "secret.md").write_text(
        "# Vault\n\nThe combination of the vault is written under the blue anchor.\n"
    )
    ingest(tenant="other")
    (grove / "secret.md").unlink()
    ingest()

    assert "secret.md" not in paths(search(tools, run, "combination of the vault", limit=100))
    other = dataclasses.replace(run, tenant="other")
    assert "secret.md" == paths(search(tools, other, "combination of the vault", limit=100))[0]
    ours = {hit.chunk_id for hit in search(tools, run, "oak", limit=100).hits}
    assert ours.isdisjoint(hit.chunk_id for hit in search(tools, other, "oak", limit=100).hits)


def test_a_tenant_other_than_the_transactions_is_refused(ingest, tools):
    """The function belongs to the owner, so it holds the line itself."""
    ingest()
    for asked in ("other", None, ""):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), tools.db.transaction("main") as session:
            session.execute("select * from corpus.search_chunks(%s, null, array['oak'], 10)", [asked])


def test_without_a_tenant_nothing_is_searched(ingest, tools):
    """A forgotten tenant is an error, not an empty result."""
    ingest()
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tools.db.transaction(None) as session:
        session.execute("select * from corpus.search_chunks('main', null, array['oak'], 10)")


@pytest.mark.parametrize("role", ["keeper", "reporter", "auditor", "restorer"])
def test_roles_that_do_not_search_are_refused(scratch, database, role):
    """Only the application was granted the function."""
    with psycopg.connect(scratch.url(database, role)) as session:
        session.execute("select set_config('plumbline.tenant', 'main', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select * from corpus.search_chunks('main', null, array['oak'], 10)")


@pytest.mark.parametrize("role", ["app", "reporter", "auditor", "restorer"])
def test_roles_that_build_nothing_are_refused(scratch, database, role):
    """Building indexes is the keeper's."""
    with psycopg.connect(scratch.url(database, role)) as session:
        session.execute("select set_config('plumbline.tenant', 'main', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select corpus.build_search_indexes('main')")


def test_a_filter_finds_all_that_passes_and_nothing_else(grove, tools, run):
    """Filtered means searched within, not thinned out afterwards."""
    question = "the forest with the oak, der Wald mit der Eiche"
    everything = search(tools, run, question, limit=100).hits
    assert len(everything) > 36

    for filters, passes in (
        (Filters(language="de"), lambda hit: hit.language == "de"),
        (Filters(language=["de", "en"]), lambda hit: hit.language in {"de", "en"}),
        (Filters(path_prefix="tall/"), lambda hit: hit.path.startswith("tall/")),
        (Filters(path_prefix="tall/tree-1%"), lambda hit: False),
        (Filters(kind="text"), lambda hit: hit.path.endswith(".txt")),
        (Filters(kind="markdown", path_prefix="small/"), lambda hit: hit.path.startswith("small/")),
        (Filters(source=everything[0].source), lambda hit: True),
        (Filters(source="nowhere"), lambda hit: False),
        (Filters(metadata={"no": "such"}), lambda hit: False),
    ):
        found = search(tools, run, question, limit=100, filters=filters)
        expected = {hit.chunk_id for hit in everything if passes(hit)}
        assert (filters, expected) == (filters, {hit.chunk_id for hit in found.hits})


def test_a_filter_does_not_starve_the_result(grove, tools, run):
    """Ten results are ten where ten exist, although a hundred others would rank before them."""
    found = search(tools, run, "oak", limit=6, filters=Filters(language="de"))

    assert [f"baum-{number}.txt" for number in range(6)] == sorted(paths(found))


def test_what_the_document_says_of_itself_can_be_asked_for(inbox, ingest, tools, run):
    """Front matter is metadata."""
    (inbox / "crane.md").write_text("---\nteam: cranes\n---\n# Crane\n\nThe crane lifts twelve tonnes.\n")
    ingest()

    assert ["crane.md"] == paths(
        search(tools, run, "what is there", filters=Filters(metadata={"team": "cranes"}))
    )


def test_what_left_its_source_is_not_found_again(ingest, inbox, tools, run):
    """Neither by its words nor by its meaning."""
    ingest()
    assert "prices.txt" == paths(search(tools, run, "price of a berth"))[0]
    (inbox / "prices.txt").unlink()
    (inbox / "hours.md").write_text("# Opening hours\n\nThe harbour office never closes.\n")
    ingest()

    found = search(tools, run, "a berth costs 40 euros a night, opens at eight", limit=100)

    assert "prices.txt" not in paths(found)
    assert not any("opens at eight" in hit.text for hit in found.hits)


def test_without_the_model_the_words_are_searched_and_the_reader_is_told(ingest, tools, run, model_server):
    """Half a search is better than none, unless it pretends to be whole."""
    ingest()
    nowhere = {**tools.settings.values, "PLUMBLINE_LOCAL_MODEL_URL": "http://127.0.0.1:9/v1"}
    away = dataclasses.replace(tools.settings, values=nowhere)

    found = search(dataclasses.replace(tools, settings=away), run, "when may I take a taxi")

    assert "handbook.md" == paths(found)[0]
    assert (None, False) == (found.model, found.complete)
    assert found.remark.endswith("Only the words were searched.")
    assert all(0 == hit.vector for hit in found.hits)


def test_vectors_of_another_model_are_not_compared(ingest, tools, run):
    """A cosine between two models is a random number."""
    ingest()
    other = Connection(kind="openai", host="http://127.0.0.1:9/v1", password="k", extra={"dimensions": 256})

    found = search(dataclasses.replace(tools, provider=other), run, "when may I take a taxi")

    assert "handbook.md" == paths(found)[0]
    assert not found.complete
    assert "ingest again" in found.remark


def test_a_question_of_stop_words_is_searched_by_meaning(ingest, tools, run):
    """It still means something, and the reader is told."""
    ingest()

    found = search(tools, run, "who is it that will be there")

    assert "by meaning alone" in found.remark
    assert len(found.hits) > 0
    assert all(0 == hit.lexical for hit in found.hits)


def test_absurd_questions_get_an_answer_and_not_an_error(ingest, tools, run):
    """People paste anything."""
    ingest()

    for text in ("", "   ", "???", "\0", "\ud800", "😀", "-- __", "\u0301"):
        assert (text, []) == (text, search(tools, run, text).hits)
    for text in (
        "a" * 50_000,
        "oak " * 5_000,
        "'; drop table corpus.chunk; --",
        "oak & | ! <-> :* ()",
        "'oak' \\ \"oak\" \\\\",
        "%s %(tenant)s {0}",
        "\n\r\t oak \x07",
        "橡",
        "ก",
        " ".join(f"word{number}" for number in range(300)),
    ):
        found = search(tools, run, text)
        assert len(found.hits) > 0
        assert found.complete or "by meaning alone" in found.remark


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_an_absurd_limit_is_refused_in_words(tools, run, limit):
    """It would otherwise come back as an error of the database."""
    with pytest.raises(QueryRefused, match="1 to 500"):
        search(tools, run, "oak", limit=limit)


def test_an_empty_knowledge_base_says_so(tools, run):
    """Nothing found and nothing there are not the same."""
    found = search(tools, run, "oak")

    assert ([], "Nothing has been ingested yet.") == (found.hits, found.remark)


def test_a_language_that_no_document_is_in_is_named(grove, tools, run):
    """Whoever mistypes a code would take silence for an empty knowledge base."""
    found = search(tools, run, "oak", filters=Filters(language="zz"))
    told = search(tools, run, "oak", filters=Filters(language=["zz", "de"]))

    assert [] == found.hits
    assert found.remark.startswith("Nothing is in zz: the documents are in de, en. ")
    assert told.hits
    assert "Nothing is in" not in told.remark


def test_a_question_is_found_in_a_language_that_it_does_not_look_like(grove, tools, run):
    """Short questions are taken for the wrong language; every language of the tenant is tried."""
    assert paths(search(tools, run, "Eichen", limit=1))[0].startswith("baum-")
    assert paths(search(tools, run, "oaks", limit=1))[0].startswith(("tall/", "small/"))


def test_the_same_question_has_the_same_answer(grove, tools, run):
    """Ties are broken by id, not by chance."""
    answers = {
        tuple(hit.chunk_id for hit in search(tools, run, "the quiet forest", limit=30).hits) for _ in range(3)
    }

    assert 1 == len(answers)


def test_a_run_that_failed_to_publish_changes_no_answer(ingest, inbox, tools, run):
    """Searches see the published index."""
    from plumbline.corpus.preparing import prepare_documents
    from plumbline.corpus.scanning import scan_source

    ingest()
    (inbox / "crane.md").write_text("# Crane\n\nThe crane lifts twelve tonnes.\n")
    this = dataclasses.replace(run, dag_run_id=f"test__{uuid.uuid4()}")
    scanned = scan_source(tools, this, folder=str(inbox))
    prepare_documents(tools, this, ingestion_id=scanned["ingestion_id"], shard=scanned["shards"][0])

    assert "crane.md" not in paths(search(tools, run, "crane"))
    with tools.db.transaction("main") as session:
        assert [] == [
            row for row in db.rows(session, "corpus/search_state", tenant="other") if row["languages"]
        ]
