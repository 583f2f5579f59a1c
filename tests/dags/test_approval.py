"""A run that would spend much waits for a person; whatever the answer is, it leads where it should."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.configuring import Configuration, add_source
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer

RunDag = Callable[..., Any]
Session = psycopg.Connection[Any]
PLAN: dict[str, Any] = {
    "cost_usd": 12.5,
    "cost_batch_usd": None,
    "calls": 1200,
    "tokens": 3_000_000,
    "to_buy": 90_000,
    "price_usd": "12.5",
    "does": "read 40,000 new or changed files of `/inbox`",
    "answered_by": "m",
    "approve_above_usd": "5",
    "refused_by": [{"says": "The budget of everything has no room."}],
}
STORED = "select (select count(*) from corpus.ingestion), (select count(*) from ledger.call)"


@pytest.fixture
def session(scratch: Scratch, database: str) -> Iterator[Session]:
    """The administrator's view of the database, in which the embedded model costs something."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as opened:
        opened.execute(
            "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
            "values ('local-wordllama', 'standard', 'input', current_date - 1, 1000, 'a test')"
        )
        yield opened


@pytest.fixture
def inbox(installation: Path) -> Path:
    """An inbox with one document."""
    (installation / "leave.md").write_text("# Leave\n\nEverybody has thirty days.\n", encoding="utf-8")
    return installation


@pytest.fixture(scope="module")
def api(airflow: None) -> Any:
    """Airflow's API server, as the person `boss` sees it, signed in."""
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    app = create_app(apps="core")
    token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="boss", role="admin"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def answering(api: Any) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Answer the next question in Airflow's API, as its page does for a person; return what was asked."""
    stop, threads = threading.Event(), []

    def begin(option: str, by: str | None = "boss") -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []
        answer = partial(_answer_next, api, option) if by else partial(_stay_silent, option)
        threads.append(threading.Thread(target=answer, args=(asked, stop), daemon=True))
        threads[-1].start()
        return asked

    yield begin
    stop.set()
    for thread in threads:
        thread.join(10)


def _answer_next(api: Any, option: str, asked: list[dict[str, Any]], stop: threading.Event) -> None:
    waiting = "/api/v2/dags/~/dagRuns/~/hitlDetails"
    while not stop.wait(0.2) and not asked:
        found = api.get(waiting, params={"response_received": False, "state": "awaiting_input"}).json()
        for detail in found["hitl_details"]:
            instance = detail["task_instance"]
            page = f"/api/v2/dags/{instance['dag_id']}/dagRuns/{quote(instance['dag_run_id'])}/taskInstances"
            answer = {"chosen_options": [option], "params_input": {}}
            answered = api.patch(f"{page}/{instance['task_id']}/-1/hitlDetails", json=answer)
            assert answered.json()["responded_by"]["name"] == "boss"
            asked.append({"task": instance["task_id"], **{key: detail[key] for key in ("subject", "body")}})


def _stay_silent(option: str, asked: list[dict[str, Any]], stop: threading.Event) -> None:
    """Let the time of the next question run out, as the scheduler does."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import handle_event_submit
    from airflow.sdk import timezone
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    waiting = (
        select(TaskInstance)
        .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(TaskInstance.state == "awaiting_input", HITLDetail.responded_at.is_(None))
        .with_for_update(of=TaskInstance)
    )
    while not stop.wait(0.2) and not asked:
        with create_session() as session:
            for instance in session.scalars(waiting):
                detail = session.get(HITLDetail, instance.id)
                assert detail is not None
                asked.append({"task": instance.task_id, "subject": detail.subject, "body": detail.body})
                detail.responded_by = None
                detail.responded_at = timezone.utcnow()
                detail.chosen_options, detail.params_input = [option], {}
                event = TriggerEvent(detail.as_resume_event_payload())
                handle_event_submit(event, task_instance=instance, session=session)


def queue(session: Session) -> list[tuple[Any, ...]]:
    """What was asked of people, and what they decided."""
    return session.execute("select kind, reason, summary, decision, decided_by from review.item").fetchall()


def states(done: Any) -> dict[str, str]:
    """How each task of a run ended."""
    return {instance.task_id: str(instance.state) for instance in done.get_task_instances()}


def receipt_of(done: Any) -> dict[str, Any]:
    """The plan, as Airflow shows it."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        values = session.scalars(
            select(XComModel).where(XComModel.run_id == done.run_id, XComModel.task_id == "plan_spend")
        )
        return {value.key: value.value for value in values}


@pytest.mark.usefixtures("inbox")
def test_a_plan_alone_buys_nothing_writes_nothing_and_ends_green(
    run_dag: RunDag, session: Session, model_server: RunningServer
) -> None:
    """Everything after the plan is skipped; the plan is the receipt of its task."""
    done = run_dag("ingest_documents", plan_only=True)

    assert str(done.state) == "success"
    found = states(done)
    assert "success" == found.pop("plan_spend")
    assert {"skipped"} == set(found.values())
    assert (0, 0) == session.execute(STORED).fetchone()
    assert 0 == model_server.meter()["requests"]
    receipt = receipt_of(done)
    assert (1, 1) == (receipt["calls"], receipt["to_buy"])
    assert receipt["cost_usd"] > 0


@pytest.mark.usefixtures("inbox")
def test_an_approved_run_goes_on_and_spends_what_it_said(
    run_dag: RunDag, session: Session, answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person sees calls, tokens, prices and the price above which one is asked."""
    from plumbline_airflow.approval import amount

    monkeypatch.setenv("PLUMBLINE_APPROVE_ABOVE_USD", "0.000001")
    asked = answering("Approve")

    done = run_dag("ingest_documents")

    assert str(done.state) == "success"
    assert {"success"} == set(states(done).values())
    [question] = asked
    [cost] = session.execute("select sum(cost_usd) from ledger.call").fetchone() or ()
    said = amount(str(cost))
    assert ("approve_spend", f"May this run spend ${said} on 1 embedding?") == (
        question["task"],
        question["subject"],
    )
    assert queue(session) == [
        (
            "spend_approval",
            "above_limit",
            f"{question['subject']} Answer it in Airflow: Required Actions.",
            "approve",
            "boss",
        )
    ]
    [context, runs] = (
        session.execute(
            "select context, (select count(*) from lineage.run where run.run_id = item.run_id) from review.item"
        ).fetchone()
        or ()
    )
    assert (context["calls"], context["to_buy"], context["cost_usd"], runs) == (1, 1, float(cost), 1)
    for line in (
        "| Calls | 1 |",
        "| Tokens | ",
        f"one by one** | **${said}** |",
        "asked above | $0.000001 |",
    ):
        assert line in question["body"]


@pytest.mark.usefixtures("inbox")
def test_a_rejected_run_buys_nothing_and_ends_green(
    run_dag: RunDag,
    session: Session,
    answering: Any,
    model_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing failed: a person said no."""
    monkeypatch.setenv("PLUMBLINE_APPROVE_ABOVE_USD", "0.000001")
    asked = answering("Reject")

    done = run_dag("ingest_documents")

    assert str(done.state) == "success"
    assert 1 == len(asked)
    found = states(done)
    assert ("success", "success") == (found.pop("plan_spend"), found.pop("approve_spend"))
    assert {"skipped"} == set(found.values())
    assert (0, 0) == session.execute(STORED).fetchone()
    assert 0 == model_server.meter()["requests"]
    assert [("refuse", "boss")] == [item[-2:] for item in queue(session)]


@pytest.mark.parametrize(("answer", "ends"), [("Approve", "success"), ("Reject", "skipped")])
@pytest.mark.usefixtures("inbox")
def test_a_rebuilding_waits_for_a_person_too(
    run_dag: RunDag,
    session: Session,
    answering: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    answer: str,
    ends: str,
) -> None:
    """Another index may cost more than a year of ingestions; in batches, the price in batches counts."""
    golden = tmp_path / "golden.jsonl"
    golden.write_text('{"id": "q", "text": "How many days of leave?", "relevant": ["leave.md"]}')
    monkeypatch.setenv("PLUMBLINE_QUESTIONS", str(golden))
    assert str(run_dag("ingest_documents").state) == "success"
    monkeypatch.setenv("PLUMBLINE_APPROVE_ABOVE_USD", "0.000001")
    asked = answering(answer)

    done = run_dag("rebuild_index", dimensions=128)

    assert str(done.state) == "success"
    found = states(done)
    assert ("success", "success") == (found.pop("plan_spend"), found.pop("approve_spend"))
    assert {ends} == set(found.values())
    [question] = asked
    assert "chunks of the tenant `main` a vector of 128 dimensions, and buy" in question["body"]
    assert "No budget refuses it." in question["body"]
    [made] = session.execute("select count(*) from corpus.vector_index").fetchone() or ()
    assert made == (2 if answer == "Approve" else 1)


def test_a_source_waits_for_a_person_as_a_folder_does(
    run_dag: RunDag,
    session: Session,
    answering: Any,
    monkeypatch: pytest.MonkeyPatch,
    tools: Tools,
    run: Run,
    inbox: Path,
) -> None:
    """What `ingest_sources` starts is a run of `ingest_documents`, which asks."""
    add_source(tools, run, Configuration("notes", "folder", str(inbox), owner="sea"))
    monkeypatch.setenv("PLUMBLINE_APPROVE_ABOVE_USD", "0.000001")
    asked = answering("Reject")

    done = run_dag("ingest_documents", source="notes", refreshed=True, tenant="main")

    assert str(done.state) == "success"
    assert [str(inbox) in question["body"] for question in asked] == [True]
    assert (0, 0) == session.execute(STORED).fetchone()


@pytest.mark.usefixtures("inbox")
def test_a_run_that_costs_less_asks_nobody(
    run_dag: RunDag, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hourly run goes on by itself as long as it is cheap."""
    monkeypatch.setenv("PLUMBLINE_APPROVE_ABOVE_USD", "100")

    done = run_dag("ingest_documents")

    assert {"success"} == set(states(done).values())
    assert receipt_of(done)["needs_approval"] is False
    assert queue(session) == []


@pytest.mark.usefixtures("inbox")
def test_silence_is_a_no_in_the_queue_too(
    run_dag: RunDag, session: Session, answering: Any, monkeypatch: Any
) -> None:
    """Nobody is named who said nothing."""
    monkeypatch.setenv("PLUMBLINE_APPROVE_ABOVE_USD", "0.000001")
    answering("Reject", by=None)

    run_dag("ingest_documents")

    assert [("refuse", "ingest_documents.approve_spend")] == [item[-2:] for item in queue(session)]
    assert [("Nobody answered in time.",)] == session.execute("select note from review.item").fetchall()


@pytest.mark.usefixtures("airflow")
def test_a_task_that_comes_again_and_needs_no_approval_leaves_no_question(
    session: Session, tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit was raised, or the price has fallen: nobody could answer it any more."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    from plumbline_airflow import approval

    monkeypatch.setattr(approval, "_run_of", lambda _: run)
    monkeypatch.setattr(approval, "tools_of_airflow", lambda: nullcontext(tools))
    monkeypatch.setattr(ApprovalOperator, "execute", lambda *_: None)
    plan = {**PLAN, "plan_only": False, "needs_approval": True}

    def execute(try_number: int, **changed: object) -> None:
        instance = SimpleNamespace(dag_id="d", run_id="r", task_id="approve_spend", try_number=try_number)
        task = approval.ApproveSpend(task_id="approve_spend", plan=plan | changed)
        task.execute({"ti": instance})  # type: ignore[typeddict-item]

    execute(1)
    execute(2, needs_approval=False)

    assert session.execute("select state, note from review.item").fetchall() == [
        ("withdrawn", "The task came again, and what it would spend needs no approval.")
    ]


def test_a_price_that_is_the_same_either_way_is_not_marked(airflow: None) -> None:
    """Bold says which one this run would pay."""
    from plumbline_airflow.approval import question

    _, same = question({**PLAN, "cost_batch_usd": 12.5})
    _, dearer = question({**PLAN, "cost_batch_usd": 6.25})

    assert "**Price" not in same
    assert "| **Price, one by one** | **$12.50** |" in dearer


def test_a_person_is_told_of_budgets_that_have_no_room_and_of_a_missing_price_in_batches(
    airflow: None,
) -> None:
    """Whoever approves knows when the run would fail all the same; nobody who is silent has said yes."""
    from plumbline_airflow.approval import LONGEST_WAIT, ApproveSpend, question

    subject, body = question(PLAN)
    task = ApproveSpend(task_id="approve_spend", plan=PLAN)

    assert subject == "May this run spend $12.50 on 90,000 embeddings?"
    assert "**The budget of everything has no room.** The run would fail there." in body
    assert "| Calls | 1,200 |" in body
    assert "| Price, in batches | the model has none |" in body
    assert (["Reject"], LONGEST_WAIT) == (task.defaults, task.response_timeout)
