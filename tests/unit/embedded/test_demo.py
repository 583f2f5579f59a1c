"""The demo says in few words how far it is, and ends with its figures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plumbline.embedded.demo import demo_record, is_later, last_error, reads, task_line


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

    assert {**figures, "seconds": {"ingest": 12.5}} == demo_record(
        {**figures, "source": "samples"}, {"ingest": 12.5}
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
