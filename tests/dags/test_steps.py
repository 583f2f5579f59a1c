"""The adapter that makes a task of a domain function, on a real Airflow."""

from __future__ import annotations

import inspect
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from plumbline.core.clock import now
from plumbline.core.errors import Fatal, Later, Passing
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch


def greet(tools: Tools, run: Run, *, name: str, greeting: str = "hello") -> Receipt:
    """Greet somebody."""
    return {"said": f"{greeting} {name}", "tenant": run.tenant}


@pytest.fixture
def context(airflow: None, installation: Path) -> dict[str, Any]:
    """What Airflow tells a task about itself."""
    instance = SimpleNamespace(
        id=uuid4(), dag_id="greetings", run_id="manual", task_id="greet", map_index=-1, try_number=2
    )
    instance.get_first_reschedule_date = lambda _: None
    return {"ti": instance, "dag": SimpleNamespace(dag_id="greetings")}


def test_a_task_has_the_name_the_page_and_the_inputs_of_its_function(airflow: None) -> None:
    """Airflow hands a task what its signature asks for, and no more."""
    from plumbline_airflow.steps import step

    made = step(greet)

    assert made.kwargs["task_id"] == "greet"
    assert made.kwargs["doc_md"] == "Greet somebody."
    assert list(inspect.signature(made.function).parameters) == ["name", "greeting"]


def test_inputs_are_read_as_airflow_renders_them() -> None:
    """Text is all that a template gives: nothing counts as not given, and `False` is not true."""
    from plumbline_airflow.steps import given

    def work(tools: Tools, run: Run, *, folder: str | None = None, sure: bool = False) -> Receipt:
        return {}

    assert {"folder": "False", "sure": False} == given(work, {"folder": "False", "sure": "False"})
    assert {"sure": True} == given(work, {"folder": "", "sure": "True"})
    assert {"sure": True} == given(work, {"sure": True})
    assert {} == given(work, {"sure": ""})
    with pytest.raises(Fatal, match="sure must be true or false"):
        given(work, {"sure": "perhaps"})


def test_a_number_is_read_from_its_digits() -> None:
    """A template gives text for it, too."""
    from plumbline_airflow.steps import given

    def work(tools: Tools, run: Run, *, dimensions: int = 0) -> Receipt:
        return {}

    assert {"dimensions": 128} == given(work, {"dimensions": "128"})
    with pytest.raises(Fatal, match="dimensions must be a whole number"):
        given(work, {"dimensions": "many"})


def test_only_a_step_that_delivers_can_turn_pseudonyms_back(
    context: dict[str, Any], scratch: Scratch, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection may be set for all: no other task is given it."""
    from plumbline_airflow.steps import perform_work

    monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_RESTORER", scratch.url(database, "restorer"))

    def look(tools: Tools, run: Run) -> Receipt:
        return {"may": tools.restorer is not None}

    found = [perform_work(look, "look", context, {}, delivers=delivers) for delivers in (False, True)]

    assert found == [{"may": False}, {"may": True}]


def test_a_step_is_on_record_under_airflows_own_id(
    context: dict[str, Any], database: str, tools: Tools
) -> None:
    """An auditor finds the task in Airflow, and whoever looks at Airflow finds the row."""
    from plumbline_airflow.steps import perform_work

    receipt = perform_work(greet, "greet", context, {"name": "Ada", "greeting": ""})

    assert receipt == {"said": "hello Ada", "tenant": "main"}
    with tools.db.transaction("main") as session:
        kept = session.execute("select * from lineage.run").fetchone()
    assert kept is not None
    assert kept["run_id"] == context["ti"].id
    assert (kept["job"], kept["dag_run_id"], kept["try_number"]) == ("greetings.greet", "manual", 2)
    assert (kept["state"], kept["receipt"], kept["code_version"]) == ("succeeded", receipt, "test")


def test_what_trying_again_cannot_help_is_not_tried_again(context: dict[str, Any]) -> None:
    """`Fatal` ends the task; anything else is retried."""
    from airflow.sdk.exceptions import AirflowFailException

    from plumbline_airflow.steps import perform_work

    def doomed(tools: Tools, run: Run) -> Receipt:
        raise Fatal("It cannot be done.")

    def unlucky(tools: Tools, run: Run) -> Receipt:
        raise Passing("Not now.")

    with pytest.raises(AirflowFailException, match="It cannot be done"):
        perform_work(doomed, "doomed", context, {})
    with pytest.raises(Passing, match="Not now"):
        perform_work(unlucky, "unlucky", context, {})


def test_no_openai_connection_means_the_embedded_model(context: dict[str, Any]) -> None:
    """An empty variable, as an unset one in a compose file arrives, is no connection."""
    from plumbline_airflow.connections import OPENAI, look_up, tools_of_airflow

    assert look_up(OPENAI) is None
    with tools_of_airflow() as tools:
        assert tools.provider is None


def test_an_airflow_connection_reaches_the_domain_as_a_plain_value(
    context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going live is this one connection."""
    from plumbline_airflow.connections import tools_of_airflow

    monkeypatch.setenv(
        "AIRFLOW_CONN_PLUMBLINE_OPENAI",
        '{"conn_type": "openai", "password": "sk-test", "host": "https://api.openai.com/v1", '
        '"extra": {"dimensions": 256}}',
    )

    with tools_of_airflow() as tools:
        assert tools.provider is not None
        assert (tools.provider.host, tools.provider.password) == ("https://api.openai.com/v1", "sk-test")
        assert tools.provider.extra == {"dimensions": 256}


def test_a_step_that_knows_when_to_come_back_waits_without_a_worker(
    context: dict[str, Any], tools: Tools
) -> None:
    """It has not failed: nobody is told, and the row says that it waits."""
    from airflow.sdk.exceptions import AirflowRescheduleException

    from plumbline_airflow.steps import perform_work

    def busy(tools: Tools, run: Run) -> Receipt:
        raise Later("Come back.", 90)

    before = now()
    with pytest.raises(AirflowRescheduleException) as waits:
        perform_work(busy, "busy", context, {})

    assert timedelta(seconds=90) <= waits.value.reschedule_date - before < timedelta(seconds=150)
    with tools.db.transaction("main") as session:
        kept = session.execute("select state, error from lineage.run").fetchone()
    assert kept == {"state": "waiting", "error": "Come back."}


def test_a_step_that_has_waited_for_a_day_fails(context: dict[str, Any], tools: Tools) -> None:
    """Somebody has to hear of it, and Airflow's tries count again."""
    from plumbline_airflow.steps import perform_work

    def busy(tools: Tools, run: Run) -> Receipt:
        raise Later("Come back.", 90)

    context["ti"].get_first_reschedule_date = lambda _: now() - timedelta(hours=25)
    with pytest.raises(Later, match="Come back"):
        perform_work(busy, "busy", context, {})

    with tools.db.transaction("main") as session:
        assert session.execute("select state from lineage.run").fetchone() == {"state": "failed"}
