"""The bootstrap runs on a bare Python, and what is in the way is said in one sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.embedded import installing, processes
from plumbline.embedded.home import Home
from plumbline.embedded.installing import Environment
from plumbline.embedded.parts import Part, end_parts

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the bootstrap needs of the project."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    (tmp_path / "samples" / "documents").mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "include" / "plumbline", tmp_path / "include" / "plumbline", ignore=ignored)
    return tmp_path


def bare(project: Path) -> dict[str, str]:
    """The least environment that a command needs."""
    return {"PATH": os.environ["PATH"], "HOME": str(project / "home"), "PIP_CONFIG_FILE": "/dev/null"}


def run(project: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project with a bare environment."""
    return subprocess.run(
        command,
        cwd=project,
        env={**bare(project), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_terminal_that_was_closed_is_no_fault_of_ours(project: Path):
    """What cannot be said any more is left unsaid: no trace is written anywhere."""
    ours, theirs = os.openpty()
    os.close(ours)

    with os.fdopen(theirs, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "plumbline.embedded", "down"],
            cwd=project,
            env={**bare(project), "PYTHONPATH": "include"},
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )

    assert (1, "") == (done.returncode, done.stderr)


def test_it_needs_nothing_but_the_standard_library(project: Path):
    """`-S` hides everything that was ever installed; the index is one where nobody answers."""
    command = [sys.executable, "-S", "-m", "plumbline.embedded.bootstrap", "demo"]

    done = run(project, *command, PYTHONPATH="include", PIP_INDEX_URL="http://127.0.0.1:9/simple")

    assert 1 == done.returncode
    assert "download at most" in done.stdout.splitlines()[1]
    assert "127.0.0.1 does not answer" in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_a_full_disk_is_seen_beforehand(project: Path):
    """More is needed than any disk has, and nothing was begun."""
    lock = project / "requirements.txt"
    lock.write_text("# size: 1 MB to download, 999999999 MB installed\n" + lock.read_text())

    done = run(project, sys.executable, "-m", "plumbline.embedded.bootstrap", "demo", PYTHONPATH="include")

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "Not enough room" in done.stderr
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_make_says_in_one_sentence_that_no_python_will_do(project: Path, version: str):
    """The last line is make's own."""
    programs = project / "programs"
    programs.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        fake = programs / name
        fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo Python {version}.1 && exit 0\nexit 1\n')
        fake.chmod(0o755)

    done = run(project, "make", "demo", PATH=f"{programs}:/usr/bin:/bin")

    first, *rest = done.stderr.splitlines()
    assert f"needs Python 3.11, 3.12 or 3.13 (found: Python {version}.1)" in first
    assert ["make"] == [line.split(":")[0] for line in rest]
    assert 2 == done.returncode


def test_make_says_what_there_is(project: Path):
    """Every command a person may type, with its reason."""
    said = run(project, "make").stdout

    assert {"demo", "test", "open", "down", "clean", "doctor", "check", "lock"} <= {
        line.split()[1] for line in said.splitlines()
    }


def test_a_folder_that_is_not_there_is_said_before_anything_is_downloaded(project: Path):
    """A slip of the keyboard costs no minute."""
    done = run(
        project, "make", "demo", "DOCUMENTS=/does/not/exist", PIP_INDEX_URL="http://127.0.0.1:9/simple"
    )

    assert "/does/not/exist does not exist: name one" in done.stderr.splitlines()[0]
    assert "" == done.stdout
    assert not (project / ".venv").exists()


def test_a_connection_that_cannot_be_read_is_said_before_anything_is_downloaded(project: Path):
    """In one sentence, without the key in it."""
    (project / ".env").write_text('AIRFLOW_CONN_PLUMBLINE_OPENAI=\'{"password": "sk-secret"\'\n')

    done = run(project, "make", "demo", PIP_INDEX_URL="http://127.0.0.1:9/simple")

    assert "AIRFLOW_CONN_PLUMBLINE_OPENAI cannot be read" in done.stderr.splitlines()[0]
    assert "sk-secret" not in done.stdout + done.stderr
    assert 2 == len(done.stderr.splitlines())


def test_down_in_a_fresh_checkout_has_nothing_to_stop(project: Path):
    """That is no fault, and leaves nothing behind."""
    done = run(project, "make", "down")

    assert (0, "Nothing runs from here.\n") == (done.returncode, done.stdout)
    assert not (project / ".plumbline").exists()


@pytest.fixture
def sleeper(project: Path) -> Iterator[Part]:
    """A part that runs, while somebody has deleted the environment; its state folder is named in .env."""
    (project / ".env").write_text("PLUMBLINE_HOME=state\n")
    home = Home(project / "state")
    home.make()
    part = Part(home, "model-server")
    part.start(["/bin/sleep", "600"], os.environ, project)
    yield part
    end_parts([part], 0)


def test_what_runs_is_found_and_ended_without_the_environment(project: Path, sleeper: Part):
    """The state folder says what runs, and any Python can read it."""
    done = run(project, "make", "down")

    assert "stop: model-server" in done.stdout
    assert not sleeper.running()


def test_clean_ends_what_runs_and_removes_the_state_folder_that_env_names(project: Path, sleeper: Part):
    """A second installation begins with nothing of the first."""
    process = sleeper.process()
    (project / ".venv").mkdir()

    done = run(project, "make", "clean")

    assert 0 == done.returncode
    assert process is not None
    assert not processes.alive(process)
    assert [False, False] == [(project / name).exists() for name in ("state", ".venv")]


def test_clean_removes_no_folder_that_is_not_ours(project: Path):
    """PLUMBLINE_HOME may name the wrong one."""
    treasure = project / "home" / "treasure.txt"
    treasure.parent.mkdir()
    treasure.touch()

    done = run(project, "make", "clean", PLUMBLINE_HOME=str(treasure.parent))

    assert (2, True) == (done.returncode, treasure.exists())
    assert "is left alone" in done.stderr.splitlines()[0]


def test_clean_lets_an_installation_that_is_under_way_end_first(project: Path):
    """Or it would go on filling the folder that is being removed."""
    with installing.alone(Environment(project)):
        clean = subprocess.Popen(
            ["make", "clean"], cwd=project, env=bare(project), stdout=subprocess.PIPE, text=True
        )
        first = clean.stdout.readline() if clean.stdout else ""
        assert (project / ".venv" / "lock").exists()

    said, _ = clean.communicate(timeout=60)
    assert "Another command is at work on .venv: waiting for it to end.\n" == first
    assert said.startswith("Removed ")
    assert not (project / ".venv").exists()


def test_clean_in_a_fresh_checkout_has_nothing_to_remove(project: Path):
    """Twice is as good as once."""
    done = run(project, "make", "clean")

    assert (0, "There was nothing to remove.\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize("command", ["open", "doctor"])
def test_commands_that_need_the_environment_say_how_to_get_it(project: Path, command: str):
    """The first line; the second is make's own."""
    assert "run make demo first" in run(project, "make", command).stderr.splitlines()[0]


@pytest.mark.parametrize("command", ["open", "doctor"])
def test_an_environment_that_is_half_made_counts_as_none(project: Path, command: str):
    """An installation that was interrupted leaves an interpreter that knows nothing of us."""
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)

    assert "run make demo first" in run(project, "make", command).stderr.splitlines()[0]


@pytest.mark.parametrize("command", ["open", "doctor"])
def test_an_environment_that_was_made_elsewhere_is_not_used(project: Path, command: str):
    """A checkout that was moved would run what lies, or no longer lies, at its old place."""
    programs = project / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "plumbline").write_text("#!/bin/sh\necho ran\n")
    (programs / "plumbline").chmod(0o755)
    stamp = project / ".venv" / "plumbline.json"

    stamp.write_text(json.dumps({"project": f"{project}-old"}))
    moved = run(project, "make", command)
    stamp.write_text(json.dumps({"project": str(project.resolve())}))
    here = run(project, "make", command, PYTHONPATH="include")

    assert "was made for another folder: run make demo first" in moved.stderr.splitlines()[0]
    assert "another folder" not in here.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "demo|"),
        (["DOCUMENTS=~/hand book"], "demo --documents ~/hand book|"),
        (["DOCUMENTS="], "demo --documents |"),
    ],
)
def test_make_hands_on_the_folder_that_was_named_and_no_other(project: Path, words: list[str], told: str):
    """Which one is read without a name, the demo knows."""
    python = project / "python"
    python.write_text('#!/bin/sh\nshift 2\necho "$*|"\nexit 1\n')
    python.chmod(0o755)

    done = run(project, "make", f"PYTHON={python}", "demo", *words)

    assert told == done.stdout.strip()
