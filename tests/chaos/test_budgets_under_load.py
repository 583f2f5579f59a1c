"""Fifty to two hundred callers in four processes, a cap worth fifty calls: a hundred rounds, none of which leaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch
from plumbline.models import list_budgets, set_budgets, subject
from plumbline.provenance.checks import perform

PROCESSES = 4
CALLERS = (13, 25, 48)
"""In each process: 52, 100 or 192 at once."""
GROUPS = [0] * 80 + [1] * 10 + [2] * 10
"""Who plays which round: one group after the other, because the server has no room for the sessions of all."""
ROUNDS = len(GROUPS)


@pytest.fixture
def workers(scratch: Scratch, database: str) -> Iterator[list[list[subprocess.Popen[str]]]]:
    """Processes full of callers, in groups of each size."""
    script = str(Path(__file__).with_name("budget_callers.py"))
    url = scratch.url(database, "app")
    groups = [
        [
            subprocess.Popen(
                [sys.executable, script, url, f"{size}-{number}", str(size)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(PROCESSES)
        ]
        for size in CALLERS
    ]
    yield groups
    for worker in [worker for group in groups for worker in group]:
        worker.kill()
        worker.communicate()


def play(group: list[subprocess.Popen[str]], round_: str, *, last: bool) -> int:
    """
    Let all processes of a group play a round at once; return what they bought, in half dollars.

    Until their last round they keep their connections, to open which takes longer than to play.
    """
    for worker in group:
        assert worker.stdin
        worker.stdin.write(f"{round_} {'last' if last else 'more'}\n")
        worker.stdin.flush()
    bought = 0
    for worker in group:
        assert worker.stdout
        bought += int(worker.stdout.readline())
    return bought


def test_no_round_of_a_hundred_goes_over_its_cap_or_keeps_a_reservation(
    tools: Tools, scratch: Scratch, database: str, workers: list[list[subprocess.Popen[str]]]
) -> None:
    """And the cap is used: whoever was refused had no room, as nothing was leased but calls under way."""
    for number in range(ROUNDS):
        round_ = f"round-{number}"
        caps = {"day": Decimal(50), "month": Decimal(50 + number % 2)}
        set_budgets(tools, "main", subject("project", round_), caps, by="the tests")  # type: ignore[arg-type]

        last = number + 1 == ROUNDS or GROUPS[number] != GROUPS[number + 1]
        bought = Decimal(play(workers[GROUPS[number]], round_, last=last)) / 2

        # What was under way when the last one was refused may have cost half of what it might.
        assert Decimal("24.5") <= bought <= 50, round_
        stand = [each for each in list_budgets(tools, "main") if each.name == round_]
        assert [(each.spent_usd, each.reserved_usd, each.over_usd) for each in stand] == [(bought, 0, 0)] * 2

    with psycopg.connect(scratch.url(database, "owner")) as session:
        left = session.execute("select count(*) from ledger.lease").fetchone()
    with tools.db.transaction("main") as session:
        broken = [result.check for result in perform(session, "ledger", {}) if not result.passed]
    assert (left, broken) == ((0,), [])
