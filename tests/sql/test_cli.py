"""The command line as a person types it: output, exit codes, and mistakes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.embedded.scratch import PSEUDONYMS, Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import BudgetExhausted, Door
from plumbline.models.batches import Work, advance

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def environment(
    scratch: Scratch, database: str, model_server: RunningServer, tmp_path: Path
) -> dict[str, str]:
    """What a command finds in its environment."""
    environment = {
        **os.environ,
        "PLUMBLINE_HOME": str(tmp_path / "home"),
        "AIRFLOW_CONN_PLUMBLINE_DB": scratch.url(database, "app"),
        "AIRFLOW_CONN_PLUMBLINE_KEEPER": scratch.url(database, "keeper"),
        "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": PSEUDONYMS,
        "PLUMBLINE_OWNER_URL": scratch.url(database, "owner"),
        "PLUMBLINE_LOCAL_MODEL_URL": model_server.base_url,
        "PLUMBLINE_TENANT": "main",
        "COLUMNS": "120",
    }
    environment.pop("AIRFLOW_CONN_PLUMBLINE_OPENAI", None)
    return environment


@pytest.fixture
def plumbline(environment: dict[str, str]) -> Callable[..., Done]:
    """Run `plumbline …` in a process of its own, as a program would: no terminal."""

    def type_(*words: str) -> Done:
        command = [sys.executable, "-m", "plumbline", *words]
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return type_


@pytest.fixture
def on_terminal(environment: dict[str, str]) -> Callable[..., tuple[int, str]]:
    """Run `plumbline …` on a terminal of 80 columns; return its exit code and what stood on the screen."""
    environment = {**environment, "TERM": "xterm"}
    del environment["COLUMNS"]

    def type_(*words: str, typed: str = "") -> tuple[int, str]:
        ours, theirs = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "plumbline", *words],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        seen = b""
        with contextlib.suppress(OSError):  # a terminal that nobody holds any more ends with an error
            while part := os.read(ours, 65_536):
                seen += part
        os.close(ours)
        screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()).replace("\r\n", "\n")
        return process.wait(60), screen

    return type_


@pytest.fixture
def owner(scratch: Scratch, database: str) -> Iterator[psycopg.Connection]:
    """A session of the owner."""
    with psycopg.connect(scratch.url(database, "owner"), autocommit=True) as session:
        yield session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents and an empty file."""
    made = tmp_path / "documents"
    made.mkdir()
    (made / "leave.md").write_text("# Leave\n\nEvery colleague has thirty days of leave a year.\n")
    (made / "berths.md").write_text(
        "# Berths\n\nA berth costs forty euros a night, water and power included.\n"
    )
    (made / "empty.txt").write_text("")
    return made


@pytest.fixture
def ingested(tools: Tools, run: Run) -> Callable[..., None]:
    """Ingest a folder without the command and the seconds that its suite takes to start."""

    def once(folder: Path, source: str | None = None) -> None:
        load(tools, run, folder=str(folder), source=source)

    return once


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


def test_a_plan_says_which_budgets_have_no_room_and_what_would_happen(plumbline, on_terminal, folder, owner):
    """Before anything is bought, and for an index too; without a word, `plan` says what can be planned."""
    owner.execute(
        "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
        "values ('local-wordllama', 'standard', 'input', current_date - 1, 9, 'a test')"
    )
    free = plumbline("plan", "ingest", str(folder))
    plumbline("ingest", str(folder))
    plumbline("budget", "set", "use", "embed_chunk", "--day", "0.0000001")
    (folder / "berths.md").write_text("# Berths\n\nA berth costs fifty euros a night from now on.\n")

    listed = plumbline("plan")
    said = plumbline("plan", "ingest", str(folder))
    code, screen = on_terminal("plan", "ingest", str(folder))
    plan = json.loads(plumbline("plan", "ingest", str(folder), "--json").stdout)
    index = json.loads(plumbline("plan", "index", "--dimensions", "64", "--json").stdout)

    assert "no room" not in free.stdout
    assert "1 request\n" in free.stdout
    assert 0 == listed.returncode
    assert "plumbline plan ingest" in listed.stdout
    assert "plumbline plan index" in listed.stdout
    assert "! The budget of use embed_chunk for this day has no room for it: 0.00 of" in said.stdout
    assert "A run would buy until there is no room, keep what it bought, and fail." in said.stdout
    assert 0 == code
    assert "has no room for it" in " ".join(screen.split())
    assert ["embed_chunk"] == [refusal["name"] for refusal in plan["refused_by"]]
    assert ["embed_chunk"] == [refusal["name"] for refusal in index["refused_by"]]
    assert 1 == index["calls"]


def test_what_is_printed_for_a_person_has_no_colours_in_a_pipe_and_names_the_model(plumbline, folder):
    """Colours are for terminals; the stand-in is never mistaken for more."""
    done = plumbline("ingest", str(folder))

    assert 0 == done.returncode, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "by local-wordllama, the embedded stand-in" in done.stdout
    assert "empty.txt: The file is empty (0 bytes)." in done.stdout


def test_the_published_suite_can_be_run_at_any_time(plumbline, folder):
    """An operator checks without waiting for a run."""
    plumbline("ingest", str(folder))

    done = plumbline("check", "--json")

    assert 0 == done.returncode, done.stderr
    receipt = json.loads(done.stdout)
    assert receipt["checks"] == receipt["passed"] > 0


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


def test_a_suite_about_one_ingestion_says_so(plumbline):
    """Nobody at a terminal knows its id."""
    done = plumbline("check", "corpus/candidate")

    assert (1, "") == (done.returncode, done.stdout)
    assert "The suite corpus/candidate is about one ingestion" in done.stderr


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


def test_the_customer_list_is_loaded_counted_and_never_shown(
    plumbline: Callable[..., Done], tmp_path: Path
) -> None:
    """Counts by kind, for people and for programs; a bad list says where and why, and changes nothing."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("kind,value\nname,Jane Doe\naddress,12 Harbour Street\nname,Bob Roe\n", encoding="utf-8")
    bad.write_text("kind,value\nname,Unmistakable\n", encoding="utf-8")
    none = plumbline("privacy", "names")

    loaded, refused = (plumbline("privacy", "names", "load", str(file)) for file in (good, bad))
    told, counted = plumbline("privacy", "names"), plumbline("privacy", "names", "--json")

    assert "There is no customer list" in none.stdout
    assert (0, 1) == (loaded.returncode, refused.returncode)
    assert "row 2: one word alone" in refused.stderr
    assert {"address": 1, "name": 2} == json.loads(counted.stdout)["kinds"]
    assert "3 values" in told.stdout
    shown = "".join(done.stdout + done.stderr for done in (loaded, refused, told, counted))
    assert not re.search("Jane|Doe|Harbour|Unmistakable", shown)


def test_a_budget_is_set_shown_and_removed(plumbline: Callable[..., Done], tools: Tools, run: Run) -> None:
    """In the words of whoever pays."""
    assert "There is no budget" in plumbline("budget").stdout

    done = plumbline(
        "budget", "set", "project", "shop", "--day", "5", "--month", "$100.50", "--tell-at", "80%,100"
    )
    told = json.loads(plumbline("budget", "--json").stdout)["budgets"]
    shown = plumbline("budget").stdout

    assert (done.returncode, "month of project shop: $100.50, of which $0.00 are spent" in done.stdout) == (
        0,
        True,
    )
    assert [(each["period"], each["cap_usd"], each["thresholds"]) for each in told] == [
        ("day", "5.000000000", [0.8, 1]),
        ("month", "100.500000000", [0.8, 1]),
    ]
    assert ["project", "shop", "month", "$100.50", "$0.00", "$0.00", "$100.50", "$0.00", "free"] in [
        line.split() for line in shown.splitlines()
    ]
    assert "by the day any more" in plumbline("budget", "remove", "project", "shop", "--day").stdout
    assert len(json.loads(plumbline("budget", "--json").stdout)["budgets"]) == 1


def test_a_budget_that_is_full_stops_an_ingestion_with_a_sentence(
    plumbline: Callable[..., Done], on_terminal: Callable[..., tuple[int, str]], database: str, scratch: Scratch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """It says which budget, how it stands, and what to do; raised, the next run goes on."""
    with psycopg.connect(scratch.url(database, "owner")) as session:
        session.execute(
            "insert into ledger.price values ('local-wordllama', 'standard', 'input', '2026-02-01', 9, 't')"
        )
    (tmp_path / "notes.md").write_text("# Boats\n\nBoats lie in the harbour all winter.\n", encoding="utf-8")
    plumbline("budget", "set", "everything", "--month", "0")

    refused = plumbline("ingest", str(tmp_path))
    code, screen = on_terminal("budget")
    plumbline("budget", "set", "everything", "--month", "1")
    done = plumbline("ingest", str(tmp_path))

    assert (refused.returncode, done.returncode, code) == (1, 0, 0)
    assert "The budget of everything for this month has no room: of 0.00 USD" in refused.stderr
    assert "plumbline budget set" in refused.stderr
    assert "full" in screen


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "shop", "--month", "5"), "everything, project, team, use or user, not for 'shop'"),
        (("set", "project", "shop"), "--day USD, --month USD, or both"),
        (("set", "project", "shop", "--day", "five"), "'five' is not a number"),
        (("remove", "project", "shop", "--day"), "There is no budget of project shop by the day"),
    ],
)
def test_a_mistake_about_budgets_gets_a_sentence(
    plumbline: Callable[..., Done], words: tuple[str, ...], says: str
) -> None:
    """Not a traceback, and nothing is changed."""
    done = plumbline("budget", *words)

    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr


def test_prices_are_listed_by_kind(plumbline: Callable[..., Done]) -> None:
    """One by one and in batches."""
    lines = [line.split() for line in plumbline("prices").stdout.splitlines()]

    assert ["gpt-5-mini", "standard", "0.25", "0.025", "2.00", "2025-08-07"] in lines
    assert ["gpt-4.1", "batch", "1.00", "-", "4.00", "2025-04-14"] in lines


def test_a_provider_that_is_left_alone_is_shown_and_can_be_sent_to_again(plumbline, scratch, database):
    """Since when, why, and until when, wherever a person looks first."""
    assert "No model fails.\n" == plumbline("calls", "breaker").stdout
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute(
            "insert into ledger.breaker "
            "(endpoint, model, state, failures, failed_at, opened_at, pause, next_probe_at, seen) values "
            "('https://api.example/v1', 'a-model', 'open', 10, now(), now(), 15, now() + interval '15 s', '503')"
        )

    shown = plumbline("calls", "breaker")
    status = plumbline("status")
    told = json.loads(plumbline("calls", "breaker", "--json").stdout)["failing"]
    findings = json.loads(plumbline("doctor", "--json").stdout)["findings"]
    other = plumbline("calls", "breaker", "--reset", "--model", "another")
    reset = plumbline("calls", "breaker", "--reset")

    sentence = "10 failures in a row"
    assert shown.stdout.startswith("a-model at https://api.example/v1\n  nothing is sent since ")
    assert (sentence in shown.stdout, sentence in status.stdout) == (True, True)
    assert [("open", "503")] == [(one["state"], one["seen"]) for one in told]
    [found] = [finding for finding in findings if finding["part"] == "model a-model"]
    assert (found["ok"], sentence in found["message"]) == (False, True)
    assert "plumbline calls breaker --reset" in found["remedy"]
    assert "No model fails.\n" == other.stdout
    assert "Calls to a-model at https://api.example/v1 are sent again.\n" == reset.stdout
    assert "a-model" not in plumbline("status").stdout


def test_a_used_up_rate_limit_says_when_to_come_back(
    plumbline, model_server, folder, environment, scratch, database
):
    """One sentence, and what was bought is kept; the same command goes on from there."""
    extra = {"embedding_model": "local-wordllama", "patience": 0.5}
    environment["AIRFLOW_CONN_PLUMBLINE_OPENAI"] = json.dumps(
        {"conn_type": "openai", "host": model_server.base_url, "password": "sk-tests", "extra": extra}
    )
    model_server.fault("429", times=1, retry_after=1)

    refused = plumbline("ingest", str(folder))

    assert 1 == refused.returncode
    said = " ".join(refused.stderr.split())
    assert re.search(r"there is room again in 1 s, at \d\d:\d\d:\d\d UTC\. Start the same again then", said)
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute("update ledger.bucket set closed_until = null")
    assert 0 == plumbline("ingest", str(folder)).returncode
    assert 0 == model_server.meter()["repeated_inputs"]


def test_expired_lines_that_wait_for_a_budget_are_shown_and_given_up(
    plumbline: Callable[..., Done], tools: Tools, run: Run, scratch: Scratch, database: str
) -> None:
    """By whoever decides that nobody needs them any more."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute(
            "insert into ledger.price values ('local-wordllama', 'batch', 'input', '2026-02-01', 1, 'the tests')"
        )
        with Door(tools, run).embedding_batch("embed_chunk") as planned:
            planned.add("Some text", 2)
        assert plumbline("budget", "set", "everything", "--month", "0").returncode == 0
        admin.execute("update ledger.call set state = 'expired', cost_usd = 0, ended_at = now()")
        admin.execute("update ledger.batch_line set left_as = 'expired'")
        admin.execute(
            "update ledger.batch set state = 'landed', cleaned_at = now(), cost_usd = 0, provider_batch_id = 'b', "
            "settled = 0, refused = 0, failed = 0, expired = 1, unknown = 0"
        )
    batch = str(planned.parts[0].batch_id)
    with pytest.raises(BudgetExhausted, match="expired and wait"):
        advance(Work.of(tools, run.tenant), planned.plan_id)

    assert batch in plumbline("batches").stdout
    assert "1 expired line to be asked for again" in plumbline("batches", "show", batch).stdout
    assert "1 line given up" in plumbline("batches", "give-up", batch).stdout
    assert "No batch is under way." in plumbline("batches").stdout
    with psycopg.connect(scratch.server.admin_url(database)) as admin:
        left = admin.execute("select (select count(*) from ledger.batch_key), state from ledger.batch_plan")
        assert [(0, "done")] == left.fetchall()


def test_batches_are_listed_shown_and_cancelled(
    plumbline: Callable[..., Done], tools: Tools, run: Run
) -> None:
    """As a table for people, as one object for programs; a batch that is not there has a sentence."""
    assert "No batch is under way." in plumbline("batches").stdout
    with Door(tools, run).moderation_batch("ticket") as planned:
        planned.add("Some text", 2)
    batch = str(planned.parts[0].batch_id)

    assert re.search(rf"{batch} +1 +ticket +1 +planned", plumbline("batches").stdout)
    (listed,) = json.loads(plumbline("batches", "--json").stdout)["batches"]
    assert (batch, "planned", 1) == (listed["batch_id"], listed["state"], listed["lines"])
    assert "ends with the next turn" in plumbline("batches", "cancel", batch).stdout
    assert "its end was asked for" in plumbline("batches", "show", batch).stdout

    advance(Work.of(tools, run.tenant), planned.plan_id)

    shown = plumbline("batches", "show", batch)
    assert "1 failed" in shown.stdout
    assert "It was cancelled before it was submitted. It was not billed." in shown.stdout
    assert "ended already" in plumbline("batches", "cancel", batch).stdout
    assert "None of its lines waits" in plumbline("batches", "give-up", batch).stdout
    unknown = plumbline("batches", "show", str(run.run_id))
    assert (1, True) == (unknown.returncode, "There is no batch" in unknown.stderr)
