"""Batches under budgets: set while they are open, by the users of their lines, and without room for what expired."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from tests.sql.models.batch_provider import (
    MODEL,
    BatchProvider,
    Line,
    all_answered,
    answered,
    batch_provider,
    failed,
)
from tests.sql.models.conftest import QUICK, Book, release

from plumbline.core import db
from plumbline.core.connections import Connection
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.models import BudgetExhausted, ChatRequest, Door, Message, ledger, list_unknown
from plumbline.models.batches import (
    BatchPlan,
    Progress,
    Work,
    advance,
    give_up,
    landing,
    list_batches,
    open_plans,
    progress,
    turn,
    watch,
)
from plumbline.models.batches.ending import resubmit
from plumbline.models.batches.landing import land
from plumbline.models.batches.polling import look
from plumbline.models.batches.submitting import submit
from plumbline.models.budgets import Standing, list_budgets, remove_budgets, set_budgets, subject
from plumbline.models.endpoints import connected
from plumbline.models.errors import InBatch
from plumbline.provenance.checks import perform

USE = "classify_ticket"
PRICE = Decimal("0.0000003")
"""Of a line: 100 tokens in at 0.002 USD a million, and 10 out at 0.01."""


def question(number: int) -> ChatRequest:
    """A question whose answer may cost more than three times what it will."""
    return ChatRequest((Message("user", f"Ticket {number}"),), 100)


@dataclass(frozen=True)
class Bench:
    """A provider of batches, and a book with budgets."""

    tools: Tools
    book: Book
    provider: BatchProvider
    door: Door
    work: Work

    def plan(self, *users: str | None) -> BatchPlan:
        """Plan a question for each of these users; never one that was planned before."""
        ((before,),) = self.book.rows("select count(*) from ledger.call")
        with self.door.chat_batch(USE) as planned:
            for number, user in enumerate(users, before):
                planned.ask(question(number), user=user)
        return planned

    def limit(self, scope: str = "everything", name: str | None = None, /, **caps: Any) -> None:
        """Set budgets, in US dollars."""
        amounts: Any = {period: Decimal(cap) for period, cap in caps.items()}
        set_budgets(self.tools, "main", subject(scope, name), amounts, by="the tests")

    def standing(self, scope: str = "everything", name: str = "", period: str = "month") -> Standing:
        """Return how a budget stands."""
        found = [
            each
            for each in list_budgets(self.tools, "main")
            if (each.scope, each.name, each.period) == (scope, name, period)
        ]
        (only,) = found
        return only

    def amounts(
        self, scope: str = "everything", name: str = "", period: str = "month"
    ) -> tuple[Decimal, Decimal]:
        """Return what of a budget is spent, and what calls under way have reserved."""
        found = self.standing(scope, name, period)
        return found.spent_usd, found.open_usd

    def planned(self, where: str = "true") -> Decimal:
        """Return what calls that have not ended can cost."""
        query = (
            f"select coalesce(sum(cost_planned_usd), 0) from ledger.call where ended_at is null and {where}"
        )
        ((found,),) = self.book.rows(query)
        return Decimal(found)

    def finish(self, planned: BatchPlan) -> Progress:
        """Take turns until the plan is done."""
        for _ in range(20):
            found = advance(self.work, planned.plan_id)
            if found.done:
                return found
        raise AssertionError(f"the plan does not end: {found}")

    def broken(self) -> list[str]:
        """Return the rules of the book that are broken."""
        with self.tools.db.transaction("main") as session:
            return [result.check for result in perform(session, "ledger", {}) if not result.passed]


@pytest.fixture
def bench(tools: Tools, run: Run, book: Book) -> Iterator[Bench]:
    """Batches of at most three lines."""
    for kind, price in (("input", "0.002"), ("output", "0.01")):
        book.change(
            "insert into ledger.price values (%s, 'batch', %s, '2026-01-01', %s, 'tests')", MODEL, kind, price
        )
    with batch_provider() as provider:
        extra = {"chat_model": MODEL, "batch_requests": 3}
        endpoint = connected(Connection(kind="openai", host=provider.url, password="sk-tests", extra=extra))
        door = Door(tools, run, endpoint=endpoint, policy=QUICK)
        yield Bench(tools, book, provider, door, Work.of(tools, run.tenant, endpoint, QUICK))


def test_a_budget_set_while_a_batch_is_open_counts_it(bench: Bench) -> None:
    """What may still be billed is reserved in it, and booked in it as the lines land."""
    planned = bench.plan(None, None, None, None)
    worst = bench.planned()

    bench.limit(day=1, month=1)
    bench.limit("use", USE, month=1)
    bench.limit("project", "another", month=1)

    assert bench.amounts() == bench.amounts(period="day") == bench.amounts("use", USE) == (0, worst)
    assert bench.amounts("project", "another") == (0, 0)
    assert [] == bench.broken()

    bench.finish(planned)

    assert [] == bench.broken()
    assert bench.amounts() == bench.amounts(period="day") == bench.amounts("use", USE) == (4 * PRICE, 0)
    assert bench.amounts("project", "another") == (0, 0)
    assert [] == bench.broken()


def test_a_budget_set_below_what_an_open_batch_can_cost_is_over_and_refuses(bench: Bench) -> None:
    """The batch goes on: it is paid for already.  Nothing more is planned."""
    planned = bench.plan(None, None)
    worst = bench.planned()

    bench.limit(month=worst / 2)

    assert worst / 2 == bench.standing().over_usd
    with pytest.raises(BudgetExhausted):
        bench.plan(None)
    bench.finish(planned)
    assert (2 * PRICE, 0) == bench.amounts()


def test_a_budget_set_in_the_midst_of_a_landing_counts_what_landed_and_what_is_to_land(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets it waits for the page that is being written; the next page finds it."""
    monkeypatch.setattr(landing, "PAGE", 1)
    bench.limit(month=1)
    planned = bench.plan(None, None, None)
    batch_id = planned.parts[0].batch_id
    submit(bench.work, batch_id)
    look(bench.work, batch_id)
    end, setting = landing._Landing.end, []

    def ended(self: Any, *given: Any) -> None:
        end(self, *given)
        if not setting:
            setting.append(threading.Thread(target=bench.limit, args=("use", USE), kwargs={"month": 1}))
            with self.held.transaction() as session:
                db.row(session, "batches/lock_batch", batch_id=batch_id)
                setting[0].start()
                while setting[0].is_alive() and not bench.book.rows("select from pg_locks where not granted"):
                    pass
            setting[0].join()

    monkeypatch.setattr(landing._Landing, "end", ended)
    land(bench.work, batch_id)
    bench.finish(planned)

    assert bench.amounts("use", USE) == bench.amounts() == (3 * PRICE, 0)
    assert [] == bench.broken()


def test_lines_planned_while_a_budget_was_removed_count_when_it_is_set_again(bench: Bench) -> None:
    """Removing and setting is no way around a wall, in batches either; nothing counts twice."""
    bench.limit(month=1)
    first = bench.plan(None, None)
    remove_budgets(bench.tools, "main", subject("everything", None), ["month"], by="the tests")
    second = bench.plan(None)
    worst = bench.planned()

    bench.limit(month=1)

    assert (0, worst) == bench.amounts()
    assert [] == bench.broken()
    bench.finish(first)
    bench.finish(second)
    assert (3 * PRICE, 0) == bench.amounts()
    assert [] == bench.broken()


def test_what_landed_while_a_budget_was_removed_counts_when_it_is_set_again(bench: Bench) -> None:
    """What was reserved in it was booked in it meanwhile."""
    bench.limit(month=1)
    first = bench.plan(None, None)
    remove_budgets(bench.tools, "main", subject("everything", None), ["month"], by="the tests")
    second = bench.plan(None)
    bench.finish(first)
    bench.finish(second)

    bench.limit(month=1)

    assert (3 * PRICE, 0) == bench.amounts()
    assert [] == bench.broken()


@pytest.mark.parametrize("billed", [True, False])
def test_a_lost_line_counts_in_a_budget_that_is_set_before_somebody_decides(
    bench: Bench, *, billed: bool
) -> None:
    """The batch has landed; the line may have been billed all the same."""
    bench.provider.answer = lambda lines: ([answered(line) for line in lines[1:]], [], "completed")
    bench.finish(bench.plan(None, None, None))
    (lost,) = list_unknown(bench.tools)

    bench.limit(month=1)
    assert (2 * PRICE, lost.cost_usd) == bench.amounts()
    release(bench.tools, lost.call_id, billed)

    assert (2 * PRICE + (lost.cost_usd if billed else 0), 0) == bench.amounts()
    assert [] == bench.broken()


def test_what_expired_and_is_asked_for_again_counts_in_a_budget_set_meanwhile(bench: Bench) -> None:
    """The expired line cost nothing, and the new one is reserved where the first was."""
    bench.provider.answer = lambda lines: (
        [answered(line) for line in lines[1:]],
        [failed(line, "batch_expired") for line in lines[:1]],
        "expired",
    )
    planned = bench.plan("u-1", "u-2", "u-3")
    bench.limit("user", "u-1", month=1)
    bench.limit(month=1)

    bench.finish(planned)

    assert bench.amounts()[1] == 0
    assert bench.book.rows("select sum(cost_usd) from ledger.call") == [(bench.amounts()[0],)]
    assert bench.book.rows("select coalesce(sum(cost_usd), 0) from ledger.call where user_ref = 'u-1'") == [
        (bench.amounts("user", "u-1")[0],)
    ]
    assert [] == bench.broken()


def by_user(bench: Bench) -> Mapping[str, tuple[Decimal, Decimal]]:
    """Return what of each budget by user is spent, and what is reserved."""
    return {
        each.name: (each.spent_usd, each.open_usd)
        for each in list_budgets(bench.tools, "main")
        if each.scope == "user"
    }


@pytest.mark.parametrize("before", [True, False])
def test_a_budget_by_user_counts_the_lines_of_that_user(bench: Bench, *, before: bool) -> None:
    """Whether it was set before or after they were planned; those of nobody else, and not the user of the run."""
    object.__setattr__(bench.door, "_run", Run("main", "test.step", user="u-run"))
    users = ["u-1", "u-2", "u-3", "u-run"]
    if before:
        for user in users:
            bench.limit("user", user, month=1)
    planned = bench.plan("u-1", "u-2", "u-1", None)
    if not before:
        for user in users:
            bench.limit("user", user, month=1)
    one = bench.planned("user_ref = 'u-2'")

    assert {"u-1": (0, 2 * one), "u-2": (0, one), "u-3": (0, 0), "u-run": (0, one)} == by_user(bench)
    assert [] == bench.broken()
    bench.finish(planned)

    spent = {"u-1": (2 * PRICE, 0), "u-2": (PRICE, 0), "u-3": (0, 0), "u-run": (PRICE, 0)}
    assert spent == by_user(bench)
    assert [] == bench.broken()


def test_one_user_without_room_refuses_the_plan_and_nothing_stays_reserved_for_the_others(
    bench: Bench,
) -> None:
    """All of it, or nothing; the sentence names whose budget it is."""
    bench.limit("user", "u-1", month=1)
    bench.limit("user", "u-2", month=0)

    with pytest.raises(BudgetExhausted, match="budget of user u-2"):
        bench.plan("u-1", "u-2")

    assert {"u-1": (0, 0), "u-2": (0, 0)} == by_user(bench)
    assert [(0,)] == bench.book.rows("select count(*) from ledger.call")
    assert [] == bench.broken()


def test_a_batch_that_is_refused_gives_back_what_it_had_reserved(bench: Bench) -> None:
    """In every budget, also in one that was set after it was planned."""
    bench.provider.faults = [("POST /v1/batches", 400)]
    bench.limit("user", "u-1", month=1)
    planned = bench.plan("u-1", "u-2")
    bench.limit(month=1)

    bench.finish(planned)

    assert bench.amounts() == bench.amounts("user", "u-1") == (0, 0)
    assert [(0,)] == bench.book.rows("select count(*) from ledger.batch_share")
    assert [] == bench.broken()


def test_a_line_that_was_billed_above_its_worst_case_is_booked_in_all_its_budgets(bench: Bench) -> None:
    """A page books what is below and what is above it together."""

    def dear(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        output, errors, state = all_answered(lines)
        for one in output[:1]:
            one["response"]["body"]["usage"]["prompt_tokens"] = 10**9
        return output, errors, state

    bench.provider.answer = dear
    for user in ("u-1", "u-2", "u-3"):
        bench.limit("user", user, month=1)
    bench.limit(month=1)
    bench.finish(bench.plan("u-1", "u-2", "u-3"))

    assert bench.book.rows("select user_ref, cost_usd from ledger.call order by 1") == [
        (user, spent) for user, (spent, _) in sorted(by_user(bench).items())
    ]
    assert bench.standing().over_usd > 1
    assert ["No budget of today or this month is over its cap."] == bench.broken()


def test_a_page_with_a_line_that_the_database_refuses_waits_for_no_claim_in_a_circle(bench: Bench) -> None:
    """It is kept by halves and booked as a whole: periods are held before leases, whichever half wants them."""

    def odd(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        output, errors, state = all_answered(sorted(lines, key=lambda line: str(line["custom_id"])))
        output[1]["response"]["body"]["usage"]["prompt_tokens"] = 10**18
        output[2]["response"]["body"]["usage"]["prompt_tokens"] = 10**6
        return output, errors, state

    bench.provider.answer = odd
    bench.limit(month=1)
    batch_id = bench.plan(None, None, None).parts[0].batch_id
    submit(bench.work, batch_id)
    look(bench.work, batch_id)

    with psycopg.connect(bench.book.url) as claiming, ThreadPoolExecutor(1) as threads:
        claiming.execute("select from ledger.budget_period for no key update")
        landing_page = threads.submit(land, bench.work, batch_id)
        while not landing_page.done() and not bench.book.rows("select from pg_locks where not granted"):
            pass
        claiming.execute("select from ledger.lease for update")
        claiming.rollback()
        landing_page.result()

    assert bench.book.rows("select state, count(*) from ledger.call group by state order by 1") == [
        ("failed", 1),
        ("settled", 2),
    ]
    assert [] == bench.broken()


def test_a_wall_of_the_book_that_does_not_hold_stops_the_landing_and_no_answer_is_thrown_away(
    bench: Bench,
) -> None:
    """It is nothing that a line says: once the book is mended, the same answers come home."""
    bench.limit(month=1)
    planned = bench.plan(None, None)
    bench.book.change(
        f"alter table ledger.lease add constraint torn check (spent_usd = 0 or spent_usd > {2 * PRICE:f})"
    )

    with pytest.raises(psycopg.errors.CheckViolation):
        advance(bench.work, planned.plan_id)

    assert {"sent": 2} == bench.book.states()
    bench.book.change("alter table ledger.lease drop constraint torn")
    assert {"settled": 2} == bench.finish(planned).lines
    assert [] == bench.broken()


def test_batches_that_land_while_budgets_are_set_lose_no_line_and_wait_for_nobody_in_a_circle(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four workers bring plans home, a fifth sets and removes budgets of every kind."""
    monkeypatch.setattr(landing, "PAGE", 1)
    users = [f"u-{number}" for number in range(3)]
    bench.limit(day=1)
    bench.limit(month=1)
    plans = [bench.plan(*users * 2) for _ in range(4)]
    kinds: list[tuple[str, str | None]] = [
        ("everything", None),
        ("use", USE),
        *(("user", user) for user in users),
    ]
    landed = threading.Event()

    def set_all() -> None:
        while not landed.is_set():
            for scope, name in kinds:
                bench.limit(scope, name, month=1, day=1)
            remove_budgets(bench.tools, "main", subject("use", USE), ["day"], by="the tests")

    with ThreadPoolExecutor(5) as threads:
        setting = threads.submit(set_all)
        try:
            for found in list(threads.map(bench.finish, plans)):
                assert {"settled": 6} == found.lines
        finally:
            landed.set()
        setting.result()
    bench.limit("use", USE, day=1)

    for period in ("day", "month"):
        assert (24 * PRICE, 0) == bench.amounts(period=period) == bench.amounts("use", USE, period)
        for user in users:
            assert (8 * PRICE, 0) == bench.amounts("user", user, period)
    assert [] == bench.broken()


def one_expires(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
    """Answer all lines of a batch but the first."""
    return [answered(line) for line in lines[1:]], [failed(lines[0], "batch_expired")], "expired"


def test_what_expired_waits_for_room_in_a_budget_and_what_landed_does_not_wait_for_it(bench: Bench) -> None:
    """Files are deleted, answers kept, nothing of the plan is lost; whoever starts again when there is room goes on."""
    bench.provider.answer = one_expires
    planned = bench.plan("u-1", "u-2", "u-3")
    bench.limit(month=0)

    for _ in range(2):
        with pytest.raises(BudgetExhausted, match=rf"plumbline batches give-up {planned.parts[0].batch_id}"):
            turn(bench.work, [planned.plan_id])

    assert {} == bench.provider.files
    assert {"settled": 2, "expired": 1} == bench.book.states()
    assert {"settled": 2, "expired": 1} == progress(bench.work, planned.plan_id).lines
    assert bench.standing().refused
    assert (2, [1]) == (
        bench.book.answers,
        [batch.waiting for batch in list_batches(bench.tools.db, "main")],
    )
    assert [planned.plan_id] == open_plans(bench.tools.db, "main", bench.door.endpoint.for_chat(), USE)
    with pytest.raises(BudgetExhausted):
        bench.plan(None)

    bench.provider.answer = all_answered
    bench.limit(month=1)
    assert turn(bench.work, [planned.plan_id])["done"]

    assert {"settled": 3, "expired": 1} == bench.book.states()
    assert (3 * PRICE, 0) == bench.amounts()
    assert [] == list_batches(bench.tools.db, "main")
    assert [] == bench.broken()


def test_a_person_gives_up_what_waits_for_room(bench: Bench) -> None:
    """The plan is done, and whoever needs the answers may buy them anew."""
    bench.provider.answer = one_expires
    planned = bench.plan("u-1", "u-2")
    batch_id = planned.parts[0].batch_id
    bench.limit(month=0)
    with pytest.raises(BudgetExhausted):
        advance(bench.work, planned.plan_id)
    keys = [bytes(key) for (key,) in bench.book.rows("select key from ledger.batch_key")]
    with bench.tools.db.transaction("main") as session, pytest.raises(InBatch, match="room in a budget"):
        ledger._require_no_batch(session, keys)

    assert (1, 0) == (give_up(bench.work, batch_id), give_up(bench.work, batch_id))

    assert turn(bench.work, [planned.plan_id])["done"]
    assert [(0,)] == bench.book.rows("select count(*) from ledger.batch_key")
    remove_budgets(bench.tools, "main", subject("everything", None), ["month"], by="the tests")
    with bench.door.chat_batch(USE) as again:
        for number in range(2):
            again.ask(question(number))
    assert (1, 1) == (again.lines, again.answered)


def test_while_other_batches_are_under_way_nothing_fails_for_want_of_room(bench: Bench) -> None:
    """They may cost less than is reserved for them, and then there is room."""
    bench.provider.answer = one_expires
    first, second = bench.plan(None, None, None, None), bench.plan(None)
    submit(bench.work, first.parts[0].batch_id)
    look(bench.work, first.parts[0].batch_id)
    bench.provider.ready = False
    # As much as two lines have cost, and two others may cost.
    bench.limit(month=2 * PRICE + bench.planned() / 5 * 2)

    assert not turn(bench.work, [first.plan_id, second.plan_id])["done"]
    assert {"settled": 2, "expired": 1, "sent": 2} == bench.book.states()
    assert not watch(bench.work, first.plan_id)
    with pytest.raises(BudgetExhausted):
        resubmit(bench.work, first.parts[0].batch_id)

    bench.provider.answer = all_answered
    bench.provider.ready = True
    assert watch(bench.work, first.plan_id)
    assert turn(bench.work, [first.plan_id, second.plan_id])["done"]
    assert {"settled": 5, "expired": 1} == bench.book.states()
    assert [] == bench.broken()


@pytest.mark.parametrize(
    "change",
    [
        # An end that forgot the budget.
        "delete from ledger.batch_line where call_id = (select min(call_id::text)::uuid from ledger.batch_line)",
        "update ledger.batch_line set left_as = 'expired'",
        # A budget that forgot the lines, or another batch's.
        "delete from ledger.batch_share",
        "update ledger.batch_share set reserved_usd = reserved_usd * 2",
    ],
)
def test_a_reservation_of_a_batch_without_its_lines_is_found_by_the_checks(bench: Bench, change: str) -> None:
    """Also where leases and shares agree with each other."""
    bench.limit(month=1)
    bench.plan("u-1", "u-2")
    assert [] == bench.broken()

    bench.book.change("delete from ledger.batch_key")
    bench.book.change(change)

    assert any("what its open lines can cost" in check for check in bench.broken())
