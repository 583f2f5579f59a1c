"""The command line as a person types it: output, exit codes, and mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def plumbline(
    scratch: Scratch, database: str, model_server: RunningServer, tmp_path: Path
) -> Callable[..., Done]:
    """Run `plumbline …` in a process of its own, as a program would: no terminal."""
    environment = {
        **os.environ,
        "PLUMBLINE_HOME": str(tmp_path / "home"),
        "AIRFLOW_CONN_PLUMBLINE_DB": scratch.url(database, "app"),
        "AIRFLOW_CONN_PLUMBLINE_KEEPER": scratch.url(database, "keeper"),
        "PLUMBLINE_OWNER_URL": scratch.url(database, "owner"),
        "PLUMBLINE_LOCAL_MODEL_URL": model_server.base_url,
        "PLUMBLINE_TENANT": "main",
        "COLUMNS": "120",
    }
    environment.pop("AIRFLOW_CONN_PLUMBLINE_OPENAI", None)

    def type_(*words: str) -> Done:
        command = [sys.executable, "-m", "plumbline", *words]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return type_


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


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ingest", "/no/such/folder"], 1, "cannot be opened: no such file or directory."),
        (["lineage", "nonsense"], 1, "is no id"),
        (["check", "corpus/nothing"], 1, "corpus/nothing"),
        (["calls", "release", "9b2f6c1e-0000-4000-8000-000000000000", "--billed"], 1, "nothing to decide"),
        (["ingest"], 2, "Missing argument"),
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
