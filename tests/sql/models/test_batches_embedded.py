"""Batches at the embedded model server, which lives their life as the provider does: its bill is our book."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.sql.models.conftest import QUICK, Book, release

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import (
    BudgetExhausted,
    ChatRequest,
    Door,
    Message,
    Schema,
    Standing,
    list_budgets,
    list_unknown,
    set_budgets,
    subject,
)
from plumbline.models.batches import Progress, Work, advance, cancel, sweep
from plumbline.models.batches.landing import land
from plumbline.models.batches.polling import look
from plumbline.models.batches.submitting import submit
from plumbline.models.calls import About
from plumbline.models.endpoints import Endpoint
from plumbline.models.unfinished import NotUnfinished
from plumbline.provenance.checks import perform
from plumbline.review import AlreadyEnded, ask_about_unknown_calls, decide, list_all, release_lines
from plumbline.review import release_call as release_one

KILLED = Path(__file__).parent / "killed_batch.py"
USE = "classify_ticket"
SCHEMA = Schema(
    "summary",
    {
        "type": "object",
        "properties": {"summary": {"type": "string"}},
        "required": ["summary"],
        "additionalProperties": False,
    },
)

Plan = Callable[[int], UUID]

STEP = Run(tenant="main", job="tests")


def invoice(number: int) -> ChatRequest:
    """A question like the others."""
    said = f"The invoice {number} of May is wrong: it names 30 seats. Please send another one."
    return ChatRequest((Message("user", said),), 200, SCHEMA)


@pytest.fixture
def endpoint(tools: Tools, run: Run) -> Endpoint:
    """The embedded server; parts of four lines, looked at as often as can be."""
    found = Door(tools, run).endpoint
    return dataclasses.replace(found, batches=dataclasses.replace(found.batches, requests=4, look_every=0.01))


@pytest.fixture
def work(tools: Tools, run: Run, endpoint: Endpoint) -> Work:
    """Whoever works on the batches."""
    return Work.of(tools, run.tenant, endpoint, QUICK)


@pytest.fixture
def plan(tools: Tools, run: Run, endpoint: Endpoint, book: Book) -> Plan:
    """Plan so many questions."""
    for kind in ("input", "output"):
        book.change(
            "update ledger.price set usd_per_million = 1 where model = 'local-extractive' and service = 'batch' "
            "and kind = %s",
            kind,
        )

    def made(count: int) -> UUID:
        with Door(tools, run, endpoint=endpoint, policy=QUICK).chat_batch(USE) as planned:
            for number in range(count):
                planned.ask(invoice(number))
        return planned.plan_id

    return made


def finish(work: Work, plan_id: UUID) -> Progress:
    """Take turns until the plan is done."""
    for _ in range(2_000):
        found = advance(work, plan_id)
        if found.done:
            return found
    raise AssertionError(f"the plan does not end: {found}")


def bill(book: Book) -> tuple[int, int, int]:
    """What the book says was billed: settled calls, tokens in and out."""
    return book.rows(
        "select count(*) filter (where state = 'settled'), coalesce(sum(tokens_in), 0)::int, "
        "coalesce(sum(tokens_out), 0)::int from ledger.call"
    )[0]


def metered(server: RunningServer) -> tuple[int, ...]:
    """What the server has billed."""
    meter = server.meter()["batch"].get("local-extractive", {})
    return tuple(meter.get(name, 0) for name in ("requests", "prompt_tokens", "completion_tokens"))


def test_the_bill_at_the_server_is_the_book(
    plan: Plan, work: Work, model_server: RunningServer, book: Book
) -> None:
    """Ten lines in three batches."""
    found = finish(work, plan(10))

    assert {"settled": 10} == found.lines
    assert metered(model_server) == bill(book)
    assert 0 == model_server.call("GET", "/_meter")["files"]["count"]


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        ({"kind": "batch_lose", "lines": 1}, {"settled": 3, "unknown": 1}),
        ({"kind": "batch_double", "lines": 2}, {"settled": 4}),
        ({"kind": "batch_lines", "percent": 100, "what": "500"}, {"failed": 4}),
        ({"kind": "batch_fail", "code": "invalid_request"}, {"failed": 4}),
        ({"kind": "batch_expire", "lines": 1}, {"settled": 4}),
    ],
    ids=lambda given: given.get("kind", ""),
)
def test_every_line_has_one_end_whatever_the_provider_does(
    fault: dict[str, object],
    ends: dict[str, int],
    plan: Plan,
    work: Work,
    model_server: RunningServer,
    book: Book,
) -> None:
    """Lost, doubled, failed, and expired and asked for again."""
    model_server.fault(**fault)  # type: ignore[arg-type]

    found = finish(work, plan(4))

    assert ends == found.lines
    if "unknown" not in ends:
        assert metered(model_server) == bill(book)


def test_a_cancelled_batch_keeps_what_was_answered(
    plan: Plan, work: Work, model_server: RunningServer, book: Book
) -> None:
    """The lines that the provider did not come to have failed, unbilled."""
    model_server.fault("batch_hold", state="in_progress", lines=2)
    plan_id = plan(4)
    advance(work, plan_id)
    (batch_id,) = book.rows("select batch_id from ledger.batch")[0]

    assert cancel(work, batch_id)
    found = finish(work, plan_id)

    assert 4 == sum(found.lines.values())
    assert {"settled", "failed"} >= found.lines.keys()
    assert metered(model_server) == bill(book)


def kill(boundary: str, plan_id: UUID, scratch: object, database: str, model_server: RunningServer) -> int:
    """Let a worker at a plan that dies at a boundary, and return how it ended."""
    url = scratch.url(database, "app")  # type: ignore[attr-defined]
    return subprocess.run(
        [sys.executable, str(KILLED), boundary, str(plan_id), url, f"{model_server.url}/v1"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=120,
        check=False,
    ).returncode


@pytest.mark.parametrize(
    "boundary",
    [
        "before upload",
        "after upload",
        "before create",
        "after create",
        "within landing",
        "before landed",
        "after landed",
    ],
)
def test_a_worker_that_is_killed_leaves_nothing_paid_twice(
    boundary: str,
    plan: Plan,
    work: Work,
    tools: Tools,
    model_server: RunningServer,
    book: Book,
    scratch: object,
    database: str,
) -> None:
    """The next one goes on: one batch at the server, its bill is the book, no file is left."""
    plan_id = plan(4)
    assert -signal.SIGKILL == kill(boundary, plan_id, scratch, database, model_server)

    if boundary == "before create":
        assert not advance(work, plan_id).done
        book.change("update ledger.batch set intended_at = intended_at - interval '1 hour'")
    found = finish(work, plan_id)
    sweep(work)

    assert {"settled": 4} == found.lines
    assert metered(model_server) == bill(book)
    assert 1 == sum(model_server.meter()["batches"].values())
    assert 0 == model_server.meter()["files"]["count"]
    assert tools.settings


@pytest.mark.parametrize("boundary", ["before mended", "within mending", "after mended"])
def test_a_worker_that_is_killed_over_answers_to_put_right_has_them_put_right_once(
    boundary: str,
    plan: Plan,
    work: Work,
    model_server: RunningServer,
    book: Book,
    scratch: object,
    database: str,
) -> None:
    """Two batches at the server, one line each an answer; its bill is the book."""
    model_server.fault("batch_lines", percent=100, what="break_schema")
    plan_id = plan(4)
    killed = kill(boundary, plan_id, scratch, database, model_server)
    assert -signal.SIGKILL == killed

    found = finish(work, plan_id)
    sweep(work)

    assert {"settled": 4} == found.lines
    assert (8, metered(model_server)) == (bill(book)[0], bill(book))
    assert [("answered", True, 4)] == book.rows(
        "select outcome, mended, count(*) from ledger.answer group by 1, 2"
    )
    assert 2 == sum(model_server.meter()["batches"].values())
    assert 0 == model_server.meter()["files"]["count"]


def test_a_budget_hears_of_what_is_put_right(
    plan: Plan, work: Work, tools: Tools, model_server: RunningServer, book: Book
) -> None:
    """What the second calls can cost is reserved until they have landed."""
    limit(tools, "1")
    model_server.fault("batch_lines", percent=100, what="break_schema")
    model_server.fault("batch_hold", state="in_progress", lines=0, after=1)
    plan_id = plan(4)
    while not book.rows("select from ledger.batch where parent is not null and state = 'submitted'"):
        advance(work, plan_id)
    planned = book.rows("select cost_planned_usd from ledger.batch where parent is not null")[0][0]
    assert standing(tools).open_usd == planned > 0

    model_server.clear_faults()
    finish(work, plan_id)

    found = standing(tools)
    assert (found.open_usd, broken(tools)) == (0, [])
    assert [(found.spent_usd,)] == book.rows("select sum(cost_usd) from ledger.call")


def test_what_no_budget_has_room_for_waits_to_be_put_right(
    plan: Plan, work: Work, tools: Tools, model_server: RunningServer, book: Book
) -> None:
    """What has landed stays; the next turn that finds room goes on."""
    model_server.fault("batch_lines", percent=100, what="break_schema")
    plan_id = plan(4)
    (batch_id,) = book.rows("select batch_id from ledger.batch")[0]
    while book.rows("select state from ledger.batch") != [("landed",)]:
        _step(work, batch_id)
    limit(tools, "0.000001")

    with pytest.raises(BudgetExhausted):
        advance(work, plan_id)
    assert [("landed", 4)] == book.rows("select state, settled from ledger.batch")
    assert [(4,)] == book.rows("select count(*) from ledger.batch_line where left_as = 'invalid'")

    limit(tools, "1")
    assert {"settled": 4} == finish(work, plan_id).lines
    assert [(4,)] == book.rows("select count(*) from ledger.answer where mended")


def _step(work: Work, batch_id: UUID) -> None:
    submit(work, batch_id)
    look(work, batch_id)
    land(work, batch_id)


def limit(tools: Tools, cap: str) -> None:
    """Set a budget for everything, by the month."""
    set_budgets(tools, "main", subject("everything", None), {"month": Decimal(cap)}, by="the tests")


def standing(tools: Tools) -> Standing:
    """Return how it stands."""
    (found,) = list_budgets(tools, "main")
    return found


def broken(tools: Tools) -> list[str]:
    """Return the rules of the book that are broken."""
    with tools.db.transaction("main") as session:
        return [result.check for result in perform(session, "ledger", {}) if not result.passed]


def test_a_batch_is_reserved_in_budgets_until_its_lines_have_landed(
    plan: Plan, work: Work, tools: Tools, book: Book
) -> None:
    """At the price of batches: the worst case first, then what they cost, and nothing stays reserved."""
    limit(tools, "1")
    plan_id = plan(10)

    planned = book.rows("select sum(cost_planned_usd) from ledger.batch")[0][0]
    assert (standing(tools).open_usd, standing(tools).spent_usd, broken(tools)) == (planned, 0, [])

    finish(work, plan_id)

    cost = book.rows("select sum(cost_usd) from ledger.call")[0][0]
    found = standing(tools)
    assert (found.open_usd, found.spent_usd, broken(tools)) == (0, cost, [])
    assert 0 < cost < planned


def test_a_batch_that_a_budget_has_no_room_for_is_not_planned(
    plan: Plan, tools: Tools, model_server: RunningServer, book: Book
) -> None:
    """All of it or nothing: no call, no line, no claim of a key, no reservation."""
    limit(tools, "0.001")

    with pytest.raises(BudgetExhausted):
        plan(10)

    assert (standing(tools).open_usd, standing(tools).refused, broken(tools)) == (0, True, [])
    for table in ("call", "batch", "batch_line", "batch_key"):
        assert book.rows(f"select count(*) from ledger.{table}") == [(0,)]
    assert metered(model_server) == (0, 0, 0)


def test_what_expires_is_reserved_anew_and_what_is_unknown_until_it_is_decided(
    plan: Plan, work: Work, tools: Tools, model_server: RunningServer, book: Book
) -> None:
    """Whatever becomes of a line, a budget hears of it once."""
    limit(tools, "1")
    model_server.fault("batch_expire", lines=2)
    model_server.fault("batch_lose", lines=1)
    finish(work, plan(8))
    (unknown,) = list_unknown(tools)

    run = STEP
    asked = [ask_about_unknown_calls(tools, run) for _ in range(2)]
    assert asked == [{"unknown_calls": 1, "withdrawn": 0}] * 2
    found = standing(tools)
    assert found.open_usd == unknown.cost_usd
    assert broken(tools) == ["No call waits for a person to decide whether it was billed."]
    cost = release(tools, unknown.call_id, billed=True)

    found = standing(tools)
    assert (cost, found.open_usd, broken(tools)) == (unknown.cost_usd, 0, [])
    assert [(found.spent_usd,)] == book.rows("select sum(cost_usd) from ledger.call")


def asked(tools: Tools) -> list[tuple[str, str | None, str | None]]:
    """What stands in the queue: the state of each item, its decision, and who made it."""
    with tools.db.transaction("main") as session:
        return [(item.state, item.decision, item.decided_by) for item in list_all(session)]


@pytest.mark.parametrize(("billed", "decision"), [(True, "billed"), (False, "not_billed")])
def test_all_lines_of_a_batch_that_are_in_doubt_are_released_at_once(
    billed: bool,
    decision: str,
    plan: Plan,
    work: Work,
    tools: Tools,
    model_server: RunningServer,
    book: Book,
) -> None:
    """Each with its row in the queue; what another batch has in doubt, and what was decided before, stays as it is."""
    limit(tools, "1")
    model_server.fault("batch_lose", times=2, lines=3)
    finish(work, plan(8))
    first, other = (row[0] for row in book.rows("select batch_id from ledger.batch order by part"))
    assert 6 == len(list_unknown(tools))
    ask_about_unknown_calls(tools, STEP)
    before = next(call for call in list_unknown(tools) if call.batch_id == str(first))
    release_one(tools, STEP, before.call_id, billed=True, by="grace")

    released, booked = release_lines(tools, STEP, first, billed=billed, by="ada")

    doubtful = [call for call in list_unknown(tools) if call.batch_id == str(other)]
    assert (2, 3) == (released, len(doubtful)) == (2, len(list_unknown(tools)))
    assert [("decided", "billed", "grace")] + 2 * [("decided", decision, "ada")] == sorted(
        (one for one in asked(tools) if one[0] == "decided"), key=lambda one: str(one[2]), reverse=True
    )
    assert 3 == sum(one[0] == "open" for one in asked(tools))
    calls = book.rows(
        """
        select tokens_in, tokens_out, cost_usd, cost_planned_usd from ledger.call
        where call_id::text in (select subject_id from review.item where decided_by = 'ada')
        """
    )
    assert 2 == len(calls)
    assert booked == sum(call[2] for call in calls) == (sum(call[3] for call in calls) if billed else 0)
    assert all((call[0] > 0, call[1] > 0) == (billed, billed) for call in calls)
    found = standing(tools)
    assert found.open_usd == sum(call.cost_usd for call in doubtful)
    assert [(found.spent_usd,)] == book.rows("select sum(cost_usd) from ledger.call")
    with pytest.raises(NotUnfinished, match=str(first)):
        release_lines(tools, STEP, first, billed=billed, by="ada")


def test_a_release_of_a_batch_that_dies_in_between_leaves_everything_as_it_was(
    plan: Plan,
    work: Work,
    tools: Tools,
    model_server: RunningServer,
    book: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One transaction: the lines, the budgets and the queue."""
    model_server.fault("batch_lose", lines=3)
    finish(work, plan(4))
    (batch_id,) = book.rows("select batch_id from ledger.batch")[0]
    ask_about_unknown_calls(tools, STEP)
    decided: list[object] = []

    def die(session: Any, *_: object) -> None:
        # The items are decided by then: nobody waits for them behind the leases that a booking holds.
        decided.extend(session.execute("select from review.item where state = 'decided'").fetchall())
        raise KeyboardInterrupt

    monkeypatch.setattr("plumbline.review.calls.release_locked_lines", die)
    with pytest.raises(KeyboardInterrupt):
        release_lines(tools, STEP, batch_id, billed=True, by="ada")

    assert 3 == len(decided) == len(list_unknown(tools))
    assert [("open", None, None)] * 3 == asked(tools)


def test_of_those_who_decide_about_the_lines_of_a_batch_at_once_each_line_hears_one(
    plan: Plan, work: Work, tools: Tools, model_server: RunningServer, book: Book
) -> None:
    """One releases the batch, one the calls, and one decides the items: none waits for another for ever."""
    limit(tools, "1")
    model_server.fault("batch_lose", times=3, lines=4)
    finish(work, plan(12))
    ask_about_unknown_calls(tools, Run(tenant="main", job="tests"))
    batches = [row[0] for row in book.rows("select batch_id from ledger.batch")]
    with tools.db.transaction("main") as session:
        items = [item.item_id for item in list_all(session)]
    calls = [call.call_id for call in list_unknown(tools)]
    odd: list[BaseException] = []

    def each(of: Sequence[UUID], act: Callable[[UUID], object]) -> None:
        for one in of:
            try:
                act(one)
            except (NotUnfinished, AlreadyEnded):
                continue
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                odd.append(error)

    def decided(item: UUID) -> None:
        with tools.db.transaction("main") as session:
            decide(session, item, "billed", "grace")

    people = [
        threading.Thread(target=each, args=given)
        for given in (
            (batches, lambda one: release_lines(tools, STEP, one, billed=False, by="ada")),
            (calls[::-1], lambda one: release_one(tools, STEP, one, billed=False, by="alan")),
            (items, decided),
        )
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(60)

    assert [] == odd
    assert [] == list_unknown(tools)
    states = [state for state, _, _ in asked(tools)]
    assert (12, {"decided"}) == (states.count("decided"), set(states) - {"withdrawn"})
    found = standing(tools)
    assert (found.open_usd, broken(tools)) == (0, [])
    assert [(found.spent_usd, 12)] == book.rows("select sum(cost_usd), count(ended_at) from ledger.call")


def test_a_plan_says_apart_what_others_buy_and_what_is_in_doubt(
    tools: Tools,
    run: Run,
    endpoint: Endpoint,
    plan: Plan,
    work: Work,
    book: Book,
    model_server: RunningServer,
) -> None:
    """A lost line, and a single call whose process has died, wait for a person; a batch only takes its time."""
    model_server.fault("batch_lose", lines=1)
    finish(work, plan(4))
    plan(6)
    dead = Door(tools, run, endpoint=endpoint, policy=QUICK).chats(USE)
    with dead:
        claimed = dead._ledger.claim(
            USE, [dead._questions.input(invoice(6))], dead._prices(), About(tokens_out=200)
        )
    assert claimed.call

    door = Door(tools, run, endpoint=endpoint, policy=QUICK)
    with door.chat_batch(USE) as planned:
        for number in range(8):
            planned.ask(invoice(number))

    assert ({"under_way": 2, "in_doubt": 2}, 1, 3) == (
        planned.left_to_others,
        planned.lines,
        planned.answered,
    )
    assert planned.requested == planned.answered + planned.under_way + planned.lines
    keys = book.rows("select unnest(keys) from ledger.intent")
    held = Door(tools, run, endpoint=endpoint.for_chat()).in_doubt([bytes(key) for (key,) in keys])
    assert 1 == held == len(keys)
