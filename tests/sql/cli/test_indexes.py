"""The command line about indexes and checks."""

from __future__ import annotations

import json

import psycopg


def test_the_published_suite_can_be_run_at_any_time(plumbline, folder):
    """An operator checks without waiting for a run."""
    plumbline("ingest", str(folder))

    done = plumbline("check", "--json")

    assert 0 == done.returncode, done.stderr
    receipt = json.loads(done.stdout)
    assert receipt["checks"] == receipt["passed"] > 0


def test_a_suite_about_one_ingestion_says_so(plumbline):
    """Nobody at a terminal knows its id."""
    done = plumbline("check", "corpus/candidate")

    assert (1, "") == (done.returncode, done.stdout)
    assert "The suite corpus/candidate is about one ingestion" in done.stderr


def test_another_index_is_planned_built_compared_swapped_and_brought_back(
    plumbline, ingested, folder, tmp_path, model_server
):
    """As a person types it, with the embedded model shortened to 128 dimensions."""
    ingested(folder)
    golden = tmp_path / "golden.jsonl"
    golden.write_text('{"id": "q", "text": "What does a night cost?", "relevant": ["berths.md"]}\n')
    model_server.reset()

    planned = json.loads(plumbline("index", "plan", "--dimensions", "128", "--json").stdout)
    assert (0, 2) == (model_server.meter()["requests"], planned["to_buy"])
    built = plumbline("index", "build", "--dimensions", "128")
    assert "2 chunks given their vectors; 2 embeddings bought" in built.stdout, built.stderr
    assert "plumbline index compare" in plumbline("index").stdout
    refused = plumbline("index", "swap")
    assert (1, True) == (refused.returncode, "was not compared" in refused.stderr)
    compared = plumbline("index", "compare", "--queries", str(golden))
    assert "1 question; 100% of the results in common" in compared.stdout, compared.stderr
    swapped = plumbline("index", "swap")
    assert "Index 2 (local-wordllama, 128 dimensions) is in force." in swapped.stdout, swapped.stderr
    listed = plumbline("index").stdout
    assert "stands in for local-wordllama (256 dimensions)" in listed
    assert "kept until" in listed
    assert "128 dimensions" in plumbline("status").stdout

    misplaced = plumbline("index", "--tenant", "other", "back", "--yes")
    assert (2, True) == (misplaced.returncode, "Options come after the word back" in misplaced.stderr)
    unasked = plumbline("index", "back")
    assert (1, True) == (unasked.returncode, "Nothing was brought back." in unasked.stderr)
    assert 1 == json.loads(plumbline("index", "back", "--yes", "--json").stdout)["index_id"]
    assert 1 == plumbline("index", "drop", "1", "--yes").returncode
    assert (
        "Index 2 (local-wordllama, 128 dimensions) is dropped."
        in plumbline("index", "drop", "2", "--yes").stdout
    )
    assert [1] == [one["index_id"] for one in json.loads(plumbline("index", "--json").stdout)["indexes"]]


def test_an_index_whose_time_is_over_goes_as_is_said_with_the_next_ingestion_that_changes_something(
    plumbline, ingested, folder, scratch, database
):
    """One that finds everything as it was builds no indexes, and drops none."""
    ingested(folder)
    plumbline("index", "build", "--dimensions", "128")
    plumbline("index", "swap", "--without-comparison")
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute("update corpus.vector_index set kept_until = now() where index_id = 1")

    plumbline("ingest", str(folder))
    assert "dropped by the next ingestion that changes something" in plumbline("index").stdout
    (folder / "berths.md").unlink()
    plumbline("ingest", str(folder))

    assert [2] == [one["index_id"] for one in json.loads(plumbline("index", "--json").stdout)["indexes"]]


def test_the_doctor_says_what_to_do_about_an_index_in_the_making(plumbline, ingested, folder, tools):
    """A going-live that failed leaves one, and nothing but a person completes or drops it."""
    ingested(folder)
    with tools.keeper.transaction("main") as session:
        session.execute("select corpus.open_index('main', 'local-wordllama', 64)")

    found = json.loads(plumbline("doctor", "--json").stdout)["findings"]

    about = next(finding for finding in found if finding["part"] == "index 2")
    assert "in the making since" in about["message"]
    assert "plumbline index build --model local-wordllama --dimensions 64" in about["remedy"]
    assert "plumbline index drop 2" in about["remedy"]
