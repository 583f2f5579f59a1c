"""The demo says in few words how far it is, ends with its figures, and leaves nothing half done when it cannot."""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from plumbline.core.env_files import read_env_file
from plumbline.core.settings import PROJECT_ROOT
from plumbline.embedded import demo
from plumbline.embedded.demo import (
    RunFailed,
    RunStill,
    chosen_documents,
    demo_record,
    is_later,
    last_error,
    reads,
    run_demo,
    task_line,
    was_rejected,
)
from plumbline.embedded.home import Home
from plumbline.embedded.services import Installation
from plumbline.embedded.terminal import Progress


def a_task(name: str, state: str | None, index: int = -1) -> dict[str, object]:
    """Return a task instance as Airflow tells it."""
    return {"task_id": name, "state": state, "map_index": index}


def test_progress_counts_tasks_and_names_those_at_work():
    """Mapped tasks count one by one and are named once."""
    tasks = [
        a_task("scan", "success"),
        a_task("prepare", "running", 0),
        a_task("prepare", "running", 1),
        a_task("check", None),
    ]

    assert "1 of 4 tasks done; at work: prepare" == task_line(tasks)


def test_progress_names_tasks_in_trouble():
    """A task that waits for its next try is no secret."""
    assert "0 of 1 tasks done; in trouble: scan" == task_line([a_task("scan", "up_for_retry")])
    assert "waiting for the scheduler" == task_line([])


def test_a_run_that_waits_for_a_person_says_so_and_one_that_was_rejected_is_known():
    """Whoever watches the terminal learns what the run waits for, and why nothing came of it."""
    waiting = [a_task("approve_spend", "awaiting_input"), a_task("scan_source", None)]
    rejected = [a_task("approve_spend", "success"), a_task("scan_source", "skipped")]

    assert "0 of 2 tasks done; waiting for your approval" == task_line(waiting)
    assert [False, True] == [was_rejected(tasks) for tasks in (waiting, rejected)]
    assert not was_rejected([a_task("approve_spend", "success"), a_task("scan_source", "success")])


def test_the_record_of_a_demo_holds_its_figures_and_nothing_else():
    """Programs read it."""
    figures = {
        "documents": 46,
        "chunks": 76,
        "embedded": 76,
        "refused": 3,
        "requests": 1,
        "tokens": 9,
        "cost_usd": 0.0,
    }

    assert {**figures, "door": None, "seconds": {"ingest": 12.5}} == demo_record(
        {**figures, "source": "samples"}, {"ingest": 12.5}, None
    )


def test_the_last_error_of_a_task_is_told_in_its_own_words():
    """The log holds one JSON object a line, and other things."""
    log = "\n".join(
        [
            "plain words",
            json.dumps({"level": "info", "event": "begin"}),
            json.dumps(
                {
                    "level": "error",
                    "event": "Task failed",
                    "error_detail": [{"exc_type": "InboxMissing", "exc_value": "no folder"}],
                }
            ),
            json.dumps({"level": "info", "event": "end"}),
        ]
    )

    assert "InboxMissing: no folder" == last_error(log)
    assert "" == last_error("plain words")


def test_the_alert_after_an_error_does_not_hide_its_cause():
    """It speaks of the task, and of errors that are not ours it says the type alone."""
    raised = [
        {"exc_type": "AirflowFailException", "exc_value": "The inbox is empty."},
        {"exc_type": "Emptied"},
    ]
    log = "\n".join(
        json.dumps(entry)
        for entry in (
            {"level": "error", "event": "Task failed with exception", "error_detail": raised},
            {
                "level": "error",
                "event": "ingest_documents failed at scan_source. See the log.",
                "error_detail": [],
            },
        )
    )

    assert "The inbox is empty." == last_error(log)
    assert "it died" == last_error(json.dumps({"level": "critical", "event": "it died"}))


def test_a_moment_to_come_is_later_than_now():
    """None means that nothing is planned."""
    now = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)

    assert [True, False, False] == [
        is_later(moment, now) for moment in ("2026-11-01T13:00:00Z", "2026-11-01T12:00:00Z", None)
    ]


@pytest.mark.parametrize(
    ("conf", "inbox", "ours"),
    [
        ({"folder": "/handbook"}, None, True),
        ({"folder": "/other"}, "/handbook", False),
        ({}, "/handbook", True),
        ({}, "/other", False),
        (None, None, True),
    ],
)
def test_a_run_that_was_under_way_counts_only_when_it_reads_this_folder(
    conf: dict[str, str] | None, inbox: str | None, ours: bool
):
    """One that was interrupted goes on; one of another folder is no answer to this demo."""
    assert ours == reads({"conf": conf}, Path("/handbook"), inbox)


def test_a_folder_that_was_named_is_read():
    """The samples are one like any other."""
    assert ("~/handbook", "") == chosen_documents("~/handbook", "/other")
    assert "samples/documents" == chosen_documents("samples/documents", "/other")[0]


def test_without_a_name_the_folder_of_the_last_time_is_read_and_that_is_said():
    """The hourly runs read it, too: they do not move to the samples, and buy those, because of a second `make demo`."""
    folder, why = chosen_documents(None, "/handbook")

    assert "/handbook" == folder
    assert "as the last time: `make demo DOCUMENTS=samples/documents` goes back" in why


@pytest.mark.parametrize("kept", [None, "", "samples/documents", str(PROJECT_ROOT / "samples" / "documents")])
def test_the_first_time_the_samples_are_read(kept: str | None):
    """And the person reads how to name another folder."""
    folder, why = chosen_documents(None, kept)

    assert "samples/documents" == folder
    assert "`make demo DOCUMENTS=folder` reads yours" in why


class Rehearsal(Installation):
    """An installation whose parts are names."""

    ended: ClassVar[list[str]] = []

    def end(self, names: object) -> None:
        """Note what is ended, and that nothing can interrupt it."""
        assert [signal.SIG_IGN] * 3 == [
            signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        ]
        self.ended.extend(names)

    def keep_settings(self, **further: str) -> None:
        """Keep the settings without those of a database."""
        self.home.env_file.write_text("".join(f"{name}={value}\n" for name, value in further.items()))

    def check_alive(self, log_begins: object = None) -> None:
        """All of them live."""


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    """An installation in which starting means to name a part."""
    made = Rehearsal(Home(tmp_path / "home"))
    Rehearsal.ended = []
    monkeypatch.setattr(demo.Installation, "here", lambda: made)
    monkeypatch.setattr(demo, "_start", lambda _, started: started.append("postgres") or {})
    monkeypatch.setattr(demo.outcome, "provider", lambda _: None)
    monkeypatch.setattr(
        demo.outcome, "opened", lambda _: _Opened(SimpleNamespace(announce_spending=lambda _: None))
    )
    monkeypatch.setattr(demo, "show_address", lambda _: 0)
    return made


class _Opened:
    def __init__(self, found: object) -> None:
        self.found = found

    def __enter__(self) -> object:
        return self.found

    def __exit__(self, *_: object) -> None:
        return None


def fails(error: BaseException):
    """Something that does nothing but fail."""

    def fail(*_: object) -> str:
        raise error

    return fail


def test_what_was_started_is_ended_when_nobody_listens_any_more(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
):
    """`make demo | tee log` and Ctrl-C: tee dies first, and a database must not stay behind unseen."""
    reading, writing = os.pipe()
    os.close(reading)
    dead = os.fdopen(writing, "w", buffering=1)
    before = signal.getsignal(signal.SIGHUP)
    monkeypatch.setattr(demo, "say", lambda _: None)
    monkeypatch.setattr(demo, "_ingest", fails(KeyboardInterrupt()))
    monkeypatch.setattr(sys, "stdout", dead)

    with pytest.raises(KeyboardInterrupt):
        run_demo()

    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        dead.close()
    assert (["postgres"], before) == (rehearsal.ended, signal.getsignal(signal.SIGHUP))


def test_a_run_that_failed_leaves_the_pages_that_show_why(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
):
    """The message names their address."""
    monkeypatch.setattr(demo, "_ingest", fails(RunFailed("see http://127.0.0.1:8080")))

    with pytest.raises(RunFailed):
        run_demo()

    assert [] == rehearsal.ended


class Airflow:
    """Stands for Airflow's API: one look at the tasks after the other, then the run has succeeded."""

    address = "http://127.0.0.1:8080"

    def __init__(self, *looks: str) -> None:
        self.looks = list(looks)

    def run(self, *_: str) -> dict[str, str]:
        """How the run is."""
        return {"state": "running" if self.looks else "success"}

    def tasks(self, *_: str) -> list[dict[str, object]]:
        """How its only task is."""
        state = self.looks.pop(0) if self.looks else "success"
        return [{**a_task("prepare", state), "try_number": 1}]


@pytest.fixture
def an_hour_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by fifty minutes whenever the demo waits."""
    now = [0.0]

    def wait(_: float) -> None:
        now[0] += 3000.0

    monkeypatch.setattr(demo, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=wait))


def test_a_large_folder_may_take_as_long_as_it_takes(rehearsal: Rehearsal, an_hour_a_look: None):
    """While its tasks come on."""
    airflow = Airflow("scheduled", "queued", "running", "queued", "running")

    with Progress("run") as progress:
        demo._follow(rehearsal, airflow, "r", progress)

    assert [] == airflow.looks


def test_a_run_that_waits_for_a_person_names_the_page_once(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A silent terminal would look as if it hung."""
    monkeypatch.setattr(demo, "_LOOK_SECONDS", 0.0)

    with Progress("run") as progress:
        demo._follow(rehearsal, Airflow("awaiting_input", "awaiting_input", "running"), "r", progress)

    page = "http://127.0.0.1:8080/dags/ingest_documents/runs/r/tasks/prepare/required_actions"
    assert 1 == capsys.readouterr().out.count(page)


def test_a_run_that_stands_still_for_an_hour_is_said_so(rehearsal: Rehearsal, an_hour_a_look: None):
    """With the address of its page."""
    with Progress("run") as progress, pytest.raises(RunStill, match=r"127\.0\.0\.1:8080/dags/.*/runs/r"):
        demo._follow(rehearsal, Airflow(*["queued"] * 9), "r", progress)


def test_the_inbox_that_is_kept_moves_with_the_project(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch):
    """A checkout that is moved still finds its samples; any other folder is kept by its whole name."""
    monkeypatch.setattr(demo, "_find_dags", fails(KeyboardInterrupt()))
    monkeypatch.setattr(Rehearsal, "api", Airflow())
    rehearsal.home.make()
    kept = []
    for folder in (PROJECT_ROOT / "samples" / "documents", Path("/handbook")):
        with pytest.raises(KeyboardInterrupt):
            demo._ingest(rehearsal, folder)
        kept.append(read_env_file(rehearsal.home.env_file)["PLUMBLINE_INBOX"])

    assert ["samples/documents", "/handbook"] == kept
