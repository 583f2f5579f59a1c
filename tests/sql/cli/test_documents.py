"""The command line about documents: plan, ingest, search, sources, duplicates."""

from __future__ import annotations

import json
import re

import psycopg


def test_a_folder_is_planned_ingested_searched_and_traced(plumbline, folder, model_server):
    """The way of a newcomer, in JSON: the plan costs nothing and is what the run then spends."""
    plan = json.loads(plumbline("plan", "ingest", str(folder), "--json").stdout)
    assert 0 == model_server.meter()["requests"]

    summary = json.loads(plumbline("ingest", str(folder), "--json").stdout)
    found = json.loads(plumbline("search", "What does a night in the harbour cost?", "--json").stdout)
    traced = plumbline("lineage", found["hits"][0]["chunk_id"])
    status = json.loads(plumbline("status", "--json").stdout)

    assert (plan["to_buy"], plan["tokens"]) == (summary["embedded"], summary["tokens"])
    assert (2, 1) == (summary["documents"], summary["refused"])
    assert "berths.md" == found["hits"][0]["path"]
    assert "local-wordllama" == found["model"]
    assert "source version berths.md" in traced.stdout
    assert [2] == [source["documents"] for source in status["sources"]]


def test_a_search_can_be_narrowed_to_what_documents_say_of_themselves(plumbline, ingested, folder):
    """Numbers and switches as in JSON, all else as text; several at once must all hold."""
    (folder / "rules.md").write_text(
        '---\naudience: staff\nyear: 2026\ndraft: false\nedition: "7"\ntags: [pier, fire]\n---\nNo fires on the pier.\n'
    )
    ingested(folder)

    def found(*entries: str) -> list[str]:
        options = [word for entry in entries for word in ("--metadata", entry)]
        done = plumbline("search", "fires, berths and leave", "--json", *options)
        assert 0 == done.returncode, done.stderr
        return sorted(hit["path"] for hit in json.loads(done.stdout)["hits"])

    assert ["berths.md", "leave.md", "rules.md"] == found()
    assert ["rules.md"] == found("audience=staff", "year=2026", "draft=false")
    assert ["rules.md"] == found('edition="7"') == found('tags=["fire"]')
    assert [] == found("audience=staff", "year=2025") == found("edition=7")


def test_a_search_narrowed_to_a_source_takes_its_name_or_its_folder(plumbline, ingested, folder):
    """A wrong name finds nothing and says so; before the first ingestion there is nothing to be wrong about."""
    empty = plumbline("search", "leave", "--source", "handbook")
    assert (0, True) == (empty.returncode, "Nothing has been ingested yet." in empty.stdout)
    ingested(folder, "handbook")

    by_name = json.loads(plumbline("search", "leave", "--source", "handbook", "--json").stdout)
    by_folder = json.loads(plumbline("search", "leave", "--source", str(folder), "--json").stdout)
    wrong = plumbline("search", "leave", "--source", "handbok")

    assert by_name["hits"] == by_folder["hits"] != []
    assert 1 == wrong.returncode
    assert "There is no source 'handbok'. The sources of the tenant main are:\n  handbook\n" in wrong.stderr


def test_a_source_is_forgotten_after_a_yes_and_not_listed_any_more(plumbline, ingested, folder):
    """What a moved folder left behind can go; without a terminal nobody is asked, and nothing goes."""
    ingested(folder, "handbook")

    unasked = plumbline("forget", "handbook")
    unknown = plumbline("forget", "handbok", "--yes")
    assert (1, 1) == (unasked.returncode, unknown.returncode)
    assert "Nothing was forgotten. There is no terminal to ask at: give --yes" in unasked.stderr
    assert "  handbook\n" in unknown.stderr
    assert "handbook" in plumbline("status").stdout

    done = plumbline("forget", "handbook", "--yes")

    assert 0 == done.returncode, done.stderr
    assert "handbook is forgotten: 2 documents and 2 chunks are gone." in done.stdout
    assert [] == json.loads(plumbline("status", "--json").stdout)["sources"]
    assert "Nothing has been ingested yet" in plumbline("status").stdout


def test_at_a_terminal_a_person_is_asked_before_a_source_is_forgotten(ingested, on_terminal, folder):
    """Told how much would go; an end of input is no yes."""
    ingested(folder, "handbook")

    answered = [on_terminal("forget", "handbook", typed=typed) for typed in ("n\r", "\x04", "y\r")]

    assert all("handbook has 2 documents in 2 chunks. Forget all of it?" in screen for _, screen in answered)
    assert [1, 1, 0] == [code for code, _ in answered]
    assert [1, 1, 0] == [screen.count("Nothing was forgotten.") for _, screen in answered]
    assert "2 documents and 2 chunks are gone" in answered[-1][1]


def test_documents_are_listed_with_what_was_refused_and_what_changed(plumbline, tmp_path):
    """For a person, and as JSON for a program; nothing is cut in silence."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "hours.md").write_text("# Hours\n\nFrom eight to six.\n")
    (folder / "berths.md").write_text("# Berths\n\nForty euros.\n")
    (folder / "old.doc").write_bytes(b"old")
    plumbline("ingest", str(folder))
    (folder / "hours.md").write_text("# Hours\n\nFrom nine to five.\n")
    plumbline("ingest", str(folder))

    listed, cut = plumbline("documents"), plumbline("documents", "-n", "1")
    refused, changed = plumbline("documents", "refused"), plumbline("documents", "changes", "--since", "1h")
    diff = plumbline("documents", "diff", "hours.md")
    as_json = [
        json.loads(plumbline("documents", *words, "--json").stdout) for words in ((), ("diff", "hours.md"))
    ]

    assert ["berths.md  Berths", "hours.md  Hours"] == listed.stdout.splitlines()[0:4:2]
    assert "1 document, and more: --limit shows them." in cut.stdout
    assert "Files ending in .doc are not supported; save a copy as .docx." in refused.stdout
    assert ["changed", "added", "added", "refused"] == [
        line.split()[2] for line in changed.stdout.splitlines()[:4]
    ]
    assert "-From eight to six." in diff.stdout.splitlines()
    assert (2, True) == (len(as_json[0]["documents"]), as_json[0]["complete"])
    assert 64 == len(as_json[1]["newer"]["text_sha256"])


def test_what_is_in_twice_is_listed_in_groups_that_fit_a_terminal(plumbline, on_terminal, tmp_path):
    """The command that ingests also compares; paths are whole, whatever the titles; and an empty list says so."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    rules = " ".join(
        f"Berth {number} is kept for boats of at most {number * 3} metres." for number in range(40)
    )
    (folder / "rules.md").write_text(f"# Rules of the harbour{', which are long' * 9}\n\n{rules}\n")
    plumbline("ingest", str(folder))
    nothing = plumbline("documents", "duplicates")
    (folder / "rules-of-last-year.md").write_text(
        (folder / "rules.md").read_text().replace("Berth 30 is", "Berth 30 was")
    )
    (folder / "copy.md").write_text((folder / "rules.md").read_text())
    plumbline("ingest", str(folder))

    code, screen = on_terminal("documents", "duplicates")
    strict = plumbline("documents", "duplicates", "--at-least", "1", "--source", str(folder))
    listed = json.loads(plumbline("documents", "duplicates", "--json").stdout)

    assert "No two documents are 80 % the same.\n" == nothing.stdout
    assert 0 == code
    assert "3 documents, each at least 97 % the same as another" in screen
    assert re.search(r"rules-of-last-year\.md .*\n +97 % the same as the first · since 2", screen)
    assert "3 documents in 1 group." in screen
    assert [] == [line for line in screen.split("\n") if len(line) > 80]
    assert strict.stdout.startswith("2 identical documents\n")
    assert "identical to the first" in strict.stdout
    [group] = listed["groups"]
    assert [None, True, False] == [row["like"] and row["identical"] for row in group["documents"]]
    assert (True, 0) == (listed["complete"], listed["uncompared"])


def test_what_was_only_read_anew_is_listed_if_asked_for(plumbline, tmp_path, scratch, database):
    """A new version of Plumbline reads every file; a list of all of them would hide what has changed."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "hours.md").write_text("# Hours\n\nFrom eight to six.\n")
    plumbline("ingest", str(folder))
    with psycopg.connect(scratch.server.admin_url(database)) as admin:
        admin.execute("update corpus.document set pipeline = 'an older one'")
    plumbline("ingest", str(folder))

    usual, everything = (plumbline("documents", "changes", *words) for words in ((), ("--all",)))

    assert ["added"] == [line.split()[2] for line in usual.stdout.splitlines()[:-1]]
    assert ["reread", "added"] == [line.split()[2] for line in everything.stdout.splitlines()[:-1]]
