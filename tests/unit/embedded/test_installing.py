"""What the installer says becomes progress while it works and one sentence when it fails."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plumbline.embedded import installing
from plumbline.embedded.installing import Environment, how_far, is_complete, sentence, summary


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "error: Failed to download `x`\n  Caused by: No space left on device (os error 28)",
            "The disk is full",
        ),
        (
            "error: Failed to fetch: `https://a/simple/b/`\n  Caused by: dns error: failed to lookup",
            "does not answer",
        ),
        ("error: Request failed after 3 retries\n  Caused by: operation timed out", "does not answer"),
        ("  cause: invalid peer certificate: UnknownIssuer", "certificate"),
        ("error: Hash mismatch for `a==1`", "not the one in the lock"),
        ("HTTP status client error (401 Unauthorized) for url (https://a/simple/b/)", "refuses us"),
        ("error: failed to create file: Permission denied (os error 13)", "belongs to another user"),
        ("error: something new", "could not be installed: something new"),
        ("", "no reason given"),
    ],
)
def test_a_failure_of_the_installer_becomes_one_sentence(said: str, expected: str):
    """Whatever uv says, the person reads one sentence with a remedy."""
    found = sentence(said)

    assert expected in found
    assert 1 == len(found.splitlines())


def test_progress_tells_what_is_being_done():
    """Downloads first, then linking, then compiling."""
    assert "12 MB unpacked, last numpy" == how_far(
        "Resolved 9 packages\n Downloaded pandas\n Downloaded numpy\n", 12_000_000
    )
    assert "put them in place" == how_far("Prepared 9 packages in 1s\n", 1)
    assert "compile them" == how_far("Prepared 9 packages in 1s\nInstalled 9 packages in 1s\n", 1)
    assert "" == how_far("", 0)


def test_the_last_line_counts_packages():
    """One package is the project itself and needs no count."""
    assert "216 packages" == summary("Installed 216 packages in 524ms")
    assert "" == summary("Installed 1 package in 2ms")


def test_an_environment_with_more_than_is_wanted_is_complete():
    """The test tools do not make the demo install again."""
    assert is_complete({"requirements.txt": "a", "requirements-dev.txt": "b"}, {"requirements.txt": "a"})
    assert not is_complete({"requirements.txt": "a"}, {"requirements.txt": "a", "requirements-dev.txt": "b"})
    assert not is_complete({"requirements.txt": "old"}, {"requirements.txt": "new"})


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An environment with a stamp, as after an installation."""
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    made = Environment(tmp_path)
    (made.folder / "bin").mkdir(parents=True)
    made.python.symlink_to(sys.executable)
    stamp = {**made.wanted(dev=True), "python": str(made.python.resolve())}
    (made.folder / "plumbline.json").write_text(json.dumps(stamp))
    return made


def test_an_unchanged_lock_leaves_nothing_to_do(environment: Environment):
    """The second run is at once ready."""
    assert environment.complete(dev=True)
    assert environment.complete(dev=False)


def test_a_changed_lock_leaves_something_to_do(environment: Environment):
    """One byte is enough."""
    (environment.project / "requirements.txt").write_text("changed")

    assert not environment.complete(dev=False)


def test_an_environment_whose_interpreter_is_gone_is_not_complete(environment: Environment):
    """After an upgrade of the system the packages belong to another Python."""
    environment.python.unlink()

    assert {} == environment.stamp()


def test_an_environment_that_was_moved_is_not_complete(environment: Environment, tmp_path: Path):
    """Its programs name the old place."""
    moved = Environment(environment.project.rename(tmp_path.parent / f"{tmp_path.name}-moved"))

    assert not moved.complete(dev=False)


def test_an_interrupted_environment_has_no_stamp(environment: Environment):
    """The stamp is written last."""
    (environment.folder / "plumbline.json").write_text('{"requirements.txt": ')

    assert not environment.complete(dev=False)


def test_who_waited_for_a_folder_that_was_removed_begins_a_new_one(tmp_path: Path, monkeypatch):
    """A lock in a folder that is gone would keep nobody away."""
    environment, waits = Environment(tmp_path), threading.Event()
    monkeypatch.setattr(installing, "say", lambda _: waits.set())

    def holds_what_is_there() -> bool:
        with installing.alone(environment) as held:
            return os.path.samestat(os.fstat(held), (environment.folder / "lock").stat())

    with ThreadPoolExecutor() as pool:
        with installing.alone(environment):
            found = pool.submit(holds_what_is_there)
            assert waits.wait(10)
            shutil.rmtree(environment.folder)
        assert found.result(10)
