"""
A task that buys in batches, in a whole Airflow: it waits in a triggerer, and another takes over when that is killed.

The triggerers have the connections that they have in the deployed form, and no more.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.core.settings import PROJECT_ROOT
from plumbline.embedded import ports
from plumbline.embedded.airflow_parts import COMPONENTS, command_of
from plumbline.embedded.home import Home
from plumbline.embedded.parts import Part, end_parts
from plumbline.embedded.processes import send, wait_until
from plumbline.embedded.services import AIRFLOW, MODEL, Installation
from plumbline.embedded.starting import Start
from plumbline.embedded.terminal import Progress
from plumbline.localmodel.testing import RunningServer

DAG, TASK, LINES = "ask_in_batches", "plan_questions", 3
TRIGGERER = "triggerer"
NOT_OF_A_TRIGGERER = ("AIRFLOW_CONN_PLUMBLINE_KEEPER", "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS")
SECONDS = 120.0
"""Until a fact that is waited for must have come true."""


class WithOurDag(Installation):
    """The embedded form, with a DAG of the tests, whose triggerers are quickly missed."""

    def airflow_environment(self) -> dict[str, str]:
        """Return the environment of Airflow's components."""
        return {
            **super().airflow_environment(),
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).with_name("dags_with_batches")),
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
        }

    def triggerer_environment(self) -> dict[str, str]:
        """Return the environment of a triggerer."""
        found = self.airflow_environment()
        return {name: value for name, value in found.items() if name not in NOT_OF_A_TRIGGERER}


class StartWithOurDag(Start):
    """Its start."""

    def _airflow(self) -> None:
        assert isinstance(self.installation, WithOurDag)
        port, all_of_it = self.installation.port(AIRFLOW), self.installation.airflow_environment()
        for name in COMPONENTS:
            environment = self.installation.triggerer_environment() if name == TRIGGERER else all_of_it
            self._start(name, command_of(name, port), environment)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithOurDag]:
    """All parts, at work."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.make()
    home.ports_file.write_text(json.dumps({AIRFLOW: ports.any_free(), MODEL: ports.any_free()}))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    made = WithOurDag(home, PROJECT_ROOT, inherited)
    try:
        with Progress("start", StringIO()) as progress:
            StartWithOurDag(made, progress, []).run()
        assert wait_until(lambda: made.api.dag(DAG) is not None, SECONDS), made.api.import_errors()
        made.api.unpause(DAG)
        yield made
    finally:
        end_parts([Part(home, f"{TRIGGERER}-2")], 1)
        made.down()


@pytest.fixture
def model(installation: WithOurDag) -> RunningServer:
    """The model server, which has forgotten what was; a batch is held until its faults are cleared."""
    server = RunningServer(ports.LOOPBACK, installation.port(MODEL), process=None)  # type: ignore[arg-type]
    server.reset()
    server.fault("batch_hold")
    return server


@pytest.fixture
def rows(installation: WithOurDag) -> Callable[[str, str], list[tuple[Any, ...]]]:
    """Return what reads a database: its name, and a query."""

    def read(database: str, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(installation.server.admin_url(database)) as session:
            return session.execute(query.encode()).fetchall()

    return read


Rows = Callable[[str, str], list[tuple[Any, ...]]]


def started(installation: WithOurDag, first: int) -> Callable[[], str]:
    """Start a run; return what says how its task stands."""
    run_id = installation.api.trigger(DAG, {"first": first})

    def state() -> str:
        [task] = installation.api.tasks(DAG, run_id)
        return str(task["state"])

    assert wait_until(lambda: state() == "deferred", SECONDS), state()
    return state


def triggerers(rows: Rows) -> set[int]:
    """Return the triggerers that Airflow knows to be at work."""
    found = rows("airflow", "select id from job where job_type = 'TriggererJob' and state = 'running'")
    return {job for (job,) in found}


def holder(rows: Rows) -> int | None:
    """Return the triggerer that has the one trigger."""
    [(found,)] = rows("airflow", "select triggerer_id from trigger")
    return None if found is None else int(found)


def in_the_book(rows: Rows) -> Counter[str]:
    """Return how many calls there are in which state."""
    return Counter(dict(rows("plumbline", "select state, count(*) from ledger.call group by state")))  # type: ignore[arg-type]


def test_a_task_waits_in_the_triggerer_goes_on_and_finishes(
    installation: WithOurDag, model: RunningServer, rows: Rows
) -> None:
    """Deferred while the provider works, resumed when it is done."""
    before, state = in_the_book(rows), started(installation, 0)
    assert wait_until(lambda: holder(rows) in triggerers(rows), SECONDS)
    model.clear_faults()

    assert wait_until(lambda: state() in ("success", "failed"), SECONDS)

    assert state() == "success"
    assert in_the_book(rows) - before == {"settled": LINES}
    assert model.meter()["batch"]["local-extractive"]["requests"] == LINES


def test_when_its_triggerer_is_killed_another_takes_over_and_nothing_is_bought_twice(
    installation: WithOurDag, model: RunningServer, rows: Rows
) -> None:
    """Kill -9, of the triggerer and all that it has started, while the provider works."""
    before, state = in_the_book(rows), started(installation, LINES)
    assert wait_until(lambda: holder(rows) is not None, SECONDS)
    [first] = triggerers(rows)
    another = Part(installation.home, f"{TRIGGERER}-2")
    another.start(
        command_of(TRIGGERER, installation.port(AIRFLOW)),
        installation.triggerer_environment(),
        installation.project,
    )
    assert wait_until(lambda: len(triggerers(rows)) > 1, SECONDS), another.last_line()
    assert holder(rows) == first

    for process in Part(installation.home, TRIGGERER).members():
        send(process, signal.SIGKILL)
    assert wait_until(lambda: holder(rows) in triggerers(rows) - {first}, SECONDS), another.last_line()
    assert state() == "deferred"
    model.clear_faults()

    assert wait_until(lambda: state() in ("success", "failed"), SECONDS)
    assert state() == "success"
    assert in_the_book(rows) - before == {"settled": LINES}
    assert model.meter()["batch"]["local-extractive"]["requests"] == LINES
