"""The command line when something is wrong: one sentence, an exit code, and lines that stay whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


def test_what_is_printed_for_a_person_has_no_colours_in_a_pipe_and_names_the_model(plumbline, folder):
    """Colours are for terminals; the stand-in is never mistaken for more."""
    done = plumbline("ingest", str(folder))

    assert 0 == done.returncode, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "by local-wordllama, the embedded stand-in" in done.stdout
    assert "empty.txt: The file is empty (0 bytes)." in done.stdout


def test_screens_fit_a_terminal_of_eighty_columns_and_names_are_whole(
    plumbline, ingested, on_terminal, folder, tmp_path
):
    """What has to be typed again, a source or an id, is never cut."""
    long = tmp_path / ("a-folder-with-a-name-that-says-more-than-anybody-wants-to-know-about-it" * 2)
    folder.rename(long)
    ingested(long)
    chunk = json.loads(plumbline("search", "leave", "--json").stdout)["hits"][0]["chunk_id"]

    help_, plan, status, search, lineage = screens = [
        on_terminal(*words)
        for words in (
            ["search", "--help"],
            ["plan", "ingest", str(long)],
            ["status"],
            ["search", "leave"],
            ["lineage", chunk],
        )
    ]

    assert [0] * 5 == [code for code, _ in screens]
    assert "KEY=VALUE" in help_[1]
    assert f"folder:{long}\n" in status[1]
    assert chunk in search[1]
    assert "source version" in lineage[1]
    lines = [line for _, screen in screens for line in screen.split("\n")]
    assert {str(long), f"folder:{long}"} == {line for line in lines if len(line) > 80}
    assert not any("…" in screen for _, screen in (help_, plan, status, search))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["search", "x", "--kind", "word"], 2, "'word' is none of markdown, text, html, pdf"),
        (["search", "x", "--metadata", "audience"], 2, "'audience' is not KEY=VALUE."),
        (["search", "x", "--metadata", "=staff"], 2, "'=staff' is not KEY=VALUE."),
        (["search", "x", "--metadata", "a=1", "--metadata", "a=2"], 2, "'a' is given twice."),
        (["search", "x", "--path", "\udcff"], 2, "\\xff has bytes in it that are not UTF-8."),
        (["ingest", "~nobody-of-this-name/x"], 1, "cannot be opened: no such file or directory."),
        (
            ["forget", "handbook", "--yes"],
            1,
            "There is no source 'handbook'. The sources of the tenant main are: none",
        ),
        (["ingest", "/no/such/folder"], 1, "cannot be opened: no such file or directory."),
        (["lineage", "nonsense"], 1, "is no id"),
        (["check", "corpus/nothing"], 1, "corpus/nothing"),
        (["calls", "release", "9b2f6c1e-0000-4000-8000-000000000000", "--billed"], 1, "nothing to decide"),
        (["calls", "release", "--billed"], 2, "Name either a call or, with --batch, a batch."),
        (
            ["calls", "release", "--batch", "9b2f6c1e-0000-4000-8000-000000000000", "--billed"],
            1,
            "No line of batch 9b2f6c1e-0000-4000-8000-000000000000 is in doubt",
        ),
        (["ingest"], 2, "Say what to read"),
        (["serach", "x"], 2, "No such command"),
    ],
)
def test_a_mistake_gets_one_sentence_and_an_exit_code(plumbline, words, code, said):
    """No trace: the sentence says what is wrong."""
    done = plumbline(*words)

    assert code == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_installation_the_command_says_what_is_missing(tmp_path):
    """Instead of a trace from the depths."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PLUMBLINE_HOME": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-m", "plumbline", "status"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert 1 == done.returncode
    assert "The connection plumbline_db is not set: `make demo` sets it up" in done.stderr


@pytest.mark.parametrize("words", [("ingest", ""), ("plan", "ingest", " "), ("ingest", "", "--json")])
def test_the_name_of_a_folder_that_is_empty_is_a_mistake(plumbline, words):
    """A shell variable that is not set must not take in the current folder."""
    done = plumbline(*words)

    assert (2, "") == (done.returncode, done.stdout)
    assert "The name of the folder is empty" in done.stderr


@pytest.mark.parametrize("command", [("search", "x"), ("ingest", "."), ("status",)])
def test_a_name_that_cannot_be_a_tenant_is_said_in_a_sentence(plumbline, command):
    """The database would refuse it half-way, with its own words."""
    done = plumbline(*command, "--tenant", "Acme Ltd")

    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("plumbline: 'Acme Ltd' cannot be a tenant")


def test_lines_stay_whole_in_a_pipe(environment, plumbline, tmp_path):
    """Whoever searches a log looks for a sentence, not for its halves, and not for the blanks behind it."""
    del environment["COLUMNS"]
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / ("long-name-" * 12 + ".xyz")).write_text("no document")

    done = plumbline("ingest", str(folder))

    assert "long-name" in done.stdout
    assert ["  long-name-"] == [line[:12] for line in done.stdout.splitlines() if "supported" in line]
    assert [] == [line for line in done.stdout.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("documents", "duplicates", "--at-least", "0.5"), 1, "ask for 0.8 to 1, not for 0.5"),
        (("documents", "changes", "--since", "yesterday"), 1, "is no moment"),
        (("documents", "diff", "nothing.md"), 1, "No document is, or was"),
        (("documents", "--kind", "word"), 2, "'word' is none of"),
        (("documents", "--source", "nobody"), 1, "There is no source 'nobody'"),
    ],
)
def test_mistakes_about_documents_are_told(plumbline, words, code, said):
    """In a sentence."""
    done = plumbline(*words)

    assert (code, "") == (done.returncode, done.stdout)
    assert said in " ".join(done.stderr.split())
