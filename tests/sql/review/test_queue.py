"""The queue on a real Postgres: asked once, decided once, remembered for good, tenants apart."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from plumbline import review
from plumbline.core.clock import now
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.embedded.scratch import Scratch
from plumbline.review import (
    AlreadyEnded,
    AtSomebodyElse,
    NoSuchItem,
    NotInTheRules,
    Question,
    Unsaid,
    effects,
)
from plumbline.review.items import Item
from plumbline.review.rules import kinds

if TYPE_CHECKING:
    from plumbline.core.db import Session

QUESTION = Question("flagged_input", "flagged", "input-7", "May this be sent?", {"category": "violence"})
PEOPLE = ("Ada", "Grace")


@pytest.fixture
def session(tools: Tools) -> Iterator[Session]:
    """One transaction of the tenant `main`."""
    with tools.db.transaction("main") as opened:
        yield opened


@pytest.fixture
def asked(tools: Tools, run: Run) -> uuid.UUID:
    """A question that waits."""
    with tools.db.transaction("main") as session:
        return review.ask(session, run, QUESTION)


@contextmanager
def as_role(scratch: Scratch, database: str, role: str, tenant: str = "main") -> Iterator[psycopg.Connection]:
    """A transaction of a role, which is rolled back when it fails."""
    with psycopg.connect(scratch.url(database, role)) as opened:
        opened.execute("select set_config('plumbline.tenant', %s, true)", [tenant])
        yield opened


def events(session: Session, item_id: uuid.UUID) -> list[tuple[Any, ...]]:
    """What happened to an item, without the times."""
    found, _ = review.history(session, item_id)
    return [(event["what"], event["who"], event["was"], event["became"]) for event in found]


def test_a_question_waits_with_what_a_person_needs(session: Session, run: Run) -> None:
    """Who asked, about what, why, what can be decided, by when, and who answers for it."""
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)

    item_id = review.ask(session, run, QUESTION, at=at)

    (item,) = review.list_open(session)
    assert (item.item_id, item.tenant, item.kind, item.reason) == (
        item_id,
        "main",
        "flagged_input",
        "flagged",
    )
    assert (item.subject_kind, item.subject_id, item.context) == (
        "input",
        "input-7",
        {"category": "violence"},
    )
    assert (item.run_id, item.dag_run_id, item.decisions) == (run.run_id, "test-run", ("allow", "block"))
    assert (item.created_at, item.due_at, item.addressed_to) == (at, at + timedelta(hours=24), "trust")
    assert (item.state, item.assigned_to, item.decision) == ("open", None, None)
    assert events(session, item_id) == [("asked", "test.step", None, "flagged")]


def test_the_same_is_asked_once_while_it_waits_and_again_after_a_decision(session: Session, run: Run) -> None:
    """A retry of a step finds its own question, also when somebody is at it; nothing about it is changed."""
    first = review.ask(session, run, QUESTION)
    again = review.ask(session, run, replace(QUESTION, summary="Another wording", reason="unmoderated"))
    review.take(session, first, "Ada")
    at_work = review.ask(session, run, QUESTION)
    review.decide(session, first, "allow", "Ada")
    afterwards = review.ask(session, run, QUESTION)

    assert first == again == at_work != afterwards
    assert [item.summary for item in review.list_all(session)] == ["May this be sent?"] * 2
    assert [event[0] for event in events(session, first)] == ["asked", "assigned", "decided"]


def test_other_subjects_and_other_kinds_are_other_questions(session: Session, run: Run) -> None:
    """Each waits for itself."""
    asked = {
        review.ask(session, run, QUESTION),
        review.ask(session, run, replace(QUESTION, subject_id="input-8")),
        review.ask(session, run, replace(QUESTION, kind="spend_approval", reason="above_limit")),
    }

    assert len(asked) == 3


def test_what_has_changed_is_asked_anew_and_what_has_not_stays(session: Session, run: Run) -> None:
    """A person must not decide by figures of yesterday."""
    first = review.ask_anew(session, run, QUESTION)
    again = review.ask_anew(session, run, QUESTION)
    changed = review.ask_anew(session, run, replace(QUESTION, context={"category": "hate"}))

    assert first == again != changed
    assert {(item.item_id, item.state) for item in review.list_all(session)} == {
        (first, "withdrawn"),
        (changed, "open"),
    }


def test_what_waits_in_airflow_is_not_decided_here(session: Session, run: Run) -> None:
    """A decision that moves nothing would look like one: it is refused with where to answer, and Airflow's ends it."""
    approval = replace(QUESTION, kind="spend_approval", reason="above_limit")
    waits = review.ask(session, replace(run, dag_id="ingest_documents", dag_run_id="run-7"), approval)

    with (
        pytest.raises(review.DecidedElsewhere, match="Required Actions, run run-7"),
        session.transaction(),
    ):
        review.decide(session, waits, "approve", "Ada")
    assert [item.state for item in review.list_open(session)] == ["open"]

    review.answer_waiting(session, "spend_approval", "input-7", "refuse", "boss")
    review.answer_waiting(session, "spend_approval", "input-7", "approve", "boss")
    assert [(item.decision, item.decided_by) for item in review.list_all(session)] == [("refuse", "boss")]


def test_two_steps_that_ask_at_the_same_moment_are_given_one_item(tools: Tools, run: Run) -> None:
    """The second waits for the first, and finds its item."""
    found = []

    def ask() -> None:
        with tools.db.transaction("main") as session:
            found.append(review.ask(session, run, QUESTION))

    with tools.db.transaction("main") as session:
        first = review.ask(session, run, QUESTION)
        second = threading.Thread(target=ask)
        second.start()
        assert wait_until(lambda: _waits_for_a_lock(session), 30)
        assert found == []
    second.join()

    assert found == [first]


def test_what_is_due_first_stands_on_top(session: Session, run: Run) -> None:
    """Overdue before urgent before the rest, whatever was asked first."""
    begin = now()
    asked = [
        ("late", begin - timedelta(days=3), "normal"),
        ("calm", begin, "normal"),
        ("hasty", begin, "urgent"),
    ]
    for name, at, urgency in reversed(asked):
        review.ask(session, run, replace(QUESTION, subject_id=name, urgency=urgency), at=at)

    assert [item.subject_id for item in review.list_open(session)] == ["late", "hasty", "calm"]
    assert [item.subject_id for item in review.overdue(session, begin)] == ["late"]
    assert [item.overdue(begin) for item in review.list_open(session, 2)] == [True, False]


def test_an_item_is_taken_and_given_on(session: Session, asked: uuid.UUID) -> None:
    """Nobody begins with what somebody else is at, unless it is given to them."""
    assert review.take(session, asked, "Ada").assigned_to == "Ada"
    assert review.take(session, asked, "Ada").state == "assigned"
    with pytest.raises(AtSomebodyElse, match=r"Ada is at .* assign \w{8} Grace"):
        review.take(session, asked, "Grace")
    review.assign(session, asked, "Grace", "Ada")

    assert events(session, asked)[1:] == [
        ("assigned", "Ada", None, "Ada"),
        ("assigned", "Ada", "Ada", "Grace"),
    ]


def test_a_decision_is_final_and_says_whose_it_was(session: Session, asked: uuid.UUID) -> None:
    """A second is refused with who decided, and when; so is everything else, but a remark."""
    review.decide(session, asked, "block", "Ada", "It is a threat.")

    for attempt in (
        lambda: review.decide(session, asked, "allow", "Grace"),
        lambda: review.take(session, asked, "Grace"),
        lambda: review.assign(session, asked, "Grace", "Grace"),
        lambda: review.withdraw(session, asked, "Grace"),
    ):
        with pytest.raises(
            AlreadyEnded, match=r"was decided as block by Ada at \d{4}-\d\d-\d\d \d\d:\d\d UTC"
        ):
            attempt()
    review.remark(session, asked, "The customer wrote again.", "Grace")

    item = review.find(session, str(asked))
    assert (item.decision, item.decided_by, item.note) == ("block", "Ada", "It is a threat.")
    assert events(session, asked)[1][:4] == ("decided", "Ada", "open", "block")
    assert review.history(session, asked)[1][0]["words"] == "The customer wrote again."


def test_of_two_who_decide_at_the_same_moment_one_is_told_what_the_other_did(
    tools: Tools, asked: uuid.UUID
) -> None:
    """The second waits for the first, then reads its decision."""
    refused = []

    def decide() -> None:
        try:
            with tools.db.transaction("main") as session:
                review.decide(session, asked, "allow", "Grace")
        except AlreadyEnded as error:
            refused.append(str(error))

    with tools.db.transaction("main") as session:
        review.decide(session, asked, "block", "Ada")
        second = threading.Thread(target=decide)
        second.start()
        assert wait_until(lambda: _waits_for_a_lock(session), 30)
    second.join()

    with tools.db.transaction("main") as session:
        item = review.find(session, str(asked))
        assert (item.decision, len(events(session, asked))) == ("block", 2)
    assert len(refused) == 1
    assert "by Ada" in refused[0]


@pytest.mark.parametrize("fails", ["effect", "commit"])
def test_a_decision_and_what_it_does_are_one(
    tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """A process that dies in between leaves neither."""
    done: list[str] = []

    def effect(session: Session, item: Item, decision: str, by: str) -> str:
        review.remark(session, item.item_id, f"effect of {decision}", by)
        done.append(decision)
        if fails == "effect":
            raise KeyboardInterrupt
        return "done"

    rule = replace(kinds()["flagged_input"], on_decided="try")
    monkeypatch.setattr(review.queue, "ON_DECIDED", {**effects.ON_DECIDED, "try": effect})
    monkeypatch.setattr(review.queue, "kinds", lambda: {**kinds(), "flagged_input": rule})
    with tools.db.transaction("main") as session:
        item_id = review.ask(session, run, QUESTION)

    def decide() -> None:
        with tools.db.transaction("main") as session:
            assert review.decide(session, item_id, "allow", "Ada") == "done"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decide()

    with tools.db.transaction("main") as session:
        assert review.find(session, str(item_id)).state == "open"
        assert (len(events(session, item_id)), review.history(session, item_id)[1]) == (1, [])
    assert done == ["allow"]


def test_what_needs_no_decision_any_more_is_withdrawn(session: Session, run: Run, asked: uuid.UUID) -> None:
    """It stays in the history, and the same may be asked again."""
    review.withdraw(session, asked, "test.step", "The input is gone.")

    item = review.find(session, str(asked))
    assert (item.state, item.decision, item.decided_by) == ("withdrawn", None, "test.step")
    assert review.list_open(session) == []
    assert review.ask(session, run, QUESTION) != asked


def test_mistakes_are_said_in_a_sentence(session: Session, run: Run, asked: uuid.UUID) -> None:
    """Whoever types is a person."""
    with pytest.raises(
        NotInTheRules, match=r"'yes' is no decision about \w{8}, an input .* It can be: allow, block"
    ):
        review.decide(session, asked, "yes", "Ada")
    with pytest.raises(NoSuchItem, match="No item of this tenant has an id that begins with 0000"):
        review.find(session, "0000")
    with pytest.raises(NoSuchItem, match="No item of this tenant has the id"):
        review.take(session, uuid.uuid4(), "Ada")
    with pytest.raises(Unsaid, match="The name is empty"):
        review.decide(session, asked, "allow", "  ")
    with pytest.raises(Unsaid, match="The remark is empty"):
        review.remark(session, asked, "", "Ada")
    with pytest.raises(Unsaid, match="The summary has 2,001 characters, more than 2,000"):
        review.ask(session, run, replace(QUESTION, subject_id="long", summary="x" * 2_001))
    with pytest.raises(Unsaid, match=r"U\+0000"):
        review.remark(session, asked, "a\0b", "Ada")


def test_the_beginning_of_an_id_is_enough_where_only_one_has_it(
    session: Session, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two have it, more is asked for."""
    ids = iter([uuid.UUID("ab12cd34" + "0" * 24), uuid.UUID("ab12cd35" + "f" * 24)])
    monkeypatch.setattr(review.queue.uuid, "uuid4", lambda: next(ids))
    for name in ("one", "two"):
        review.ask(session, run, replace(QUESTION, subject_id=name))

    assert review.find(session, "AB12CD34").subject_id == "one"
    assert review.find(session, "ab12-cd35").subject_id == "two"
    with pytest.raises(NoSuchItem, match="Several items begin with ab12cd3: give more"):
        review.find(session, "ab12cd3")


def test_tenants_see_their_own_questions_and_no_others(tools: Tools, run: Run, asked: uuid.UUID) -> None:
    """The same subject of another tenant is another question."""
    other = replace(run, tenant="other")
    with tools.db.transaction("other") as session:
        theirs = review.ask(session, other, QUESTION)
        assert [item.item_id for item in review.list_all(session)] == [theirs]
        for attempt in (
            lambda: review.decide(session, asked, "allow", "Eve"),
            lambda: review.remark(session, asked, "Hello.", "Eve"),
            lambda: review.find(session, str(asked)),
        ):
            with pytest.raises(NoSuchItem):
                attempt()
        assert review.history(session, asked) == ([], [])

    with tools.db.transaction(None) as session:
        assert review.list_all(session) == []


def test_a_remark_cannot_be_hung_on_an_item_of_another_tenant(
    scratch: Scratch, database: str, asked: uuid.UUID
) -> None:
    """A foreign key looks past the policies, so the tenant is part of it."""
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation),
        as_role(scratch, database, "app", "other") as session,
    ):
        session.execute(
            "insert into review.remark (remark_id, item_id, tenant, who, words) values (%s, %s, 'other', 'Eve', 'x')",
            [uuid.uuid4(), asked],
        )


@pytest.mark.parametrize("role", ["app", "keeper", "reporter", "auditor", "restorer", "owner"])
@pytest.mark.parametrize(
    "statement",
    [
        "update review.event set who = 'Eve'",
        "delete from review.event",
        "truncate review.event",
    ],
)
def test_nobody_rewrites_history(
    scratch: Scratch, database: str, asked: uuid.UUID, role: str, statement: str
) -> None:
    """Neither by a right nor as the owner; the owner alone could take the trigger away, which is a migration."""
    with (
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
        as_role(scratch, database, role) as session,
    ):
        session.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "insert into review.event (item_id, tenant, who, what) values (gen_random_uuid(), 'main', 'Eve', 'decided')",
        "delete from review.item",
        "update review.item set created_at = now()",
        "update review.item set due_at = now()",
        "update review.item set context = '{}'",
        "update review.item set decisions = array['free']",
        "update review.remark set words = 'other words'",
        "delete from review.remark",
        "insert into review.item (item_id, tenant, kind, state) values (gen_random_uuid(), 'main', 'x', 'decided')",
    ],
)
def test_the_pipelines_may_not_change_what_was_asked_or_write_history(
    scratch: Scratch, database: str, asked: uuid.UUID, statement: str
) -> None:
    """They put questions and write answers."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role(scratch, database, "app") as session:
        session.execute(statement.encode())


@pytest.mark.parametrize(
    "change",
    [
        "state = 'decided'",
        "state = 'decided', decision = 'allow', decided_by = 'Ada'",
        "state = 'decided', decision = 'allow', decided_at = now()",
        "state = 'decided', decision = 'perhaps', decided_by = 'Ada', decided_at = now()",
        "decision = 'allow'",
        "state = 'assigned'",
        "assigned_to = 'Ada'",
        "state = 'withdrawn'",
        "state = 'forgotten'",
        "changed_by = ''",
    ],
)
def test_the_table_holds_no_half_decision(
    scratch: Scratch, database: str, asked: uuid.UUID, change: str
) -> None:
    """What was decided comes with who and when, and is among what was allowed."""
    with pytest.raises(psycopg.errors.CheckViolation), as_role(scratch, database, "app") as session:
        session.execute(f"update review.item set {change}".encode())


def test_how_an_item_ended_cannot_be_changed_in_the_table_either(
    tools: Tools, scratch: Scratch, database: str, asked: uuid.UUID
) -> None:
    """A note alone may be emptied, for whoever has to erase a name in it."""
    with tools.db.transaction("main") as session:
        review.decide(session, asked, "block", "Ada", "A threat.")

    for change in ("decision = 'allow'", "decided_by = 'Eve'", "note = 'Other words.'", "state = 'open'"):
        with pytest.raises(psycopg.errors.CheckViolation), as_role(scratch, database, "owner") as session:
            session.execute(f"update review.item set {change}".encode())
    with as_role(scratch, database, "owner") as session:
        assert session.execute("update review.item set note = null").rowcount == 1


def test_due_is_after_asked(scratch: Scratch, database: str, asked: uuid.UUID) -> None:
    """Whatever wrote it."""
    with pytest.raises(psycopg.errors.CheckViolation), as_role(scratch, database, "owner") as session:
        session.execute("update review.item set due_at = created_at")


def _waits_for_a_lock(session: Session) -> bool:
    """Whether another session waits for what this one holds."""
    found = session.execute(
        "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))"
    ).fetchall()
    return bool(found)
