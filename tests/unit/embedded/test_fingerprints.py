"""A start can tell whether what runs took in other code, packages or settings than those of now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plumbline.embedded.fingerprints import changed, taken_in

SETTINGS = {
    "PLUMBLINE_TENANT": "main",
    "AIRFLOW_CONN_PLUMBLINE_OPENAI": "sk-walk-secret",
    "HOME": "/home/ada",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one file in each folder of code."""
    for name in ("include/plumbline/area.py", "include/sql/select.sql", "plugins/part.py", "dags/work.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n")
    return tmp_path


def since(project: Path, before: dict[str, str], **settings: str) -> list[str]:
    """What has changed in the project since `before`."""
    return changed(before, taken_in(project, SETTINGS | settings, "key"))


@pytest.mark.parametrize(
    "name", ["include/plumbline/area.py", "include/sql/select.sql", "plugins/part.py", "dags/work.py"]
)
def test_edited_code_is_noticed(project: Path, name: str):
    """Parts that run would go on with the old one."""
    before = taken_in(project, SETTINGS, "key")

    (project / name).write_text("two\n")

    assert ["code"] == since(project, before)


def test_code_that_was_added_removed_or_renamed_is_noticed(project: Path):
    """A file says something by its name, too."""
    before = taken_in(project, SETTINGS, "key")

    (project / "dags" / "work.py").rename(project / "dags" / "play.py")

    assert ["code"] == since(project, before)


def test_what_leaves_the_code_as_it_was_restarts_nothing(project: Path):
    """A checkout touches files, Python compiles them, editors keep copies: a warm start stays warm."""
    before = taken_in(project, SETTINGS, "key")

    os.utime(project / "dags" / "work.py", (1, 1))
    for name in ("dags/__pycache__/work.cpython-311.pyc", "dags/.work.py.swp", "dags/work.py~"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("noise")

    assert [] == since(project, before)


def test_changed_settings_are_noticed(project: Path):
    """Another key must take effect, and another inbox; HOME and the data of tests are nothing to the parts."""
    before = taken_in(project, SETTINGS, "key")

    assert ["settings"] == since(project, before, AIRFLOW_CONN_PLUMBLINE_OPENAI="sk-other")
    assert ["settings"] == since(project, before, PLUMBLINE_INBOX="/elsewhere")
    assert [] == since(project, before, PLUMBLINE_DATA="/elsewhere", HOME="/root")


def test_settings_cannot_be_guessed_from_their_fingerprint(project: Path):
    """It is keyed: the same settings look different in every installation."""
    assert (
        taken_in(project, SETTINGS, "key")["settings"] != taken_in(project, SETTINGS, "another")["settings"]
    )


def test_nothing_is_known_of_a_first_start():
    """Then nothing has changed since."""
    assert [] == changed({}, {"code": "a", "packages": "b"})
