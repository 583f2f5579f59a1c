"""Batches: planned, submitted, landed; killed, doubled, lost and expired on the way; and paid for once."""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

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
from plumbline.core.errors import Passing
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.models import ChatRequest, Door, Message, Schema, list_unknown, uses
from plumbline.models.asked import tokens_of
from plumbline.models.batches import (
    BatchPlan,
    Progress,
    Work,
    advance,
    advancing,
    cancel,
    landing,
    mending,
    progress,
    say_lost,
    submitting,
    sweep,
    turn,
    watch,
)
from plumbline.models.batches.advancing import TransactionsMet
from plumbline.models.batches.ending import clean_up
from plumbline.models.batches.landing import land
from plumbline.models.batches.mending import mend
from plumbline.models.batches.polling import look
from plumbline.models.batches.provider import Provider
from plumbline.models.batches.submitting import submit
from plumbline.models.batches.work import end_plan
from plumbline.models.budgets import set_budgets, subject
from plumbline.models.endpoints import Endpoint, connected
from plumbline.models.errors import (
    BatchNotOurs,
    BudgetExhausted,
    InBatch,
    ProviderFailing,
    ProviderUnreachable,
    StillUnusable,
    Unreconciled,
)
from plumbline.provenance.checks import perform

SCHEMA = Schema(
    "label",
    {
        "type": "object",
        "properties": {"label": {"type": "string"}},
        "required": ["label"],
        "additionalProperties": False,
    },
)
USE = "classify_ticket"
PRICE = Decimal("0.0000003")
"""Of a line: 100 tokens in at 0.002 USD a million, and 10 out at 0.01."""


def question(number: int) -> ChatRequest:
    """A question like the others."""
    return ChatRequest((Message("user", f"Ticket {number}"),), 10, SCHEMA)


@pytest.fixture
def provider() -> Iterator[BatchProvider]:
    """A provider of batches."""
    with batch_provider() as made:
        yield made


@pytest.fixture
def endpoint(provider: BatchProvider) -> Endpoint:
    """Where it is; parts of three lines."""
    extra = {
        "embedding_model": MODEL,
        "dimensions": 4,
        "inputs_per_request": 2,
        "chat_model": MODEL,
        "moderation_model": MODEL,
        "batch_requests": 3,
    }
    return connected(Connection(kind="openai", host=provider.url, password="sk-tests", extra=extra))


@pytest.fixture
def priced(book: Book) -> Book:
    """The book, with the price of the model in batches, and one by one."""
    for service, kind, price in (
        ("batch", "input", "0.002"),
        ("batch", "output", "0.01"),
        ("standard", "input", "0.004"),
        ("standard", "output", "0.02"),
    ):
        book.change(
            "insert into ledger.price values (%s, %s, %s, '2026-01-01', %s, 'tests')",
            MODEL,
            service,
            kind,
            price,
        )
    return book


@pytest.fixture
def door(tools: Tools, run: Run, endpoint: Endpoint, priced: Book) -> Door:
    """The door to that provider."""
    assert priced
    return Door(tools, run, endpoint=endpoint, policy=QUICK)


@pytest.fixture
def work(tools: Tools, run: Run, endpoint: Endpoint) -> Work:
    """Whoever works on the batches."""
    return Work.of(tools, run.tenant, endpoint, QUICK)


@pytest.fixture
def plan(door: Door) -> Callable[..., BatchPlan]:
    """Plan so many questions."""

    def made(count: int, first: int = 0) -> BatchPlan:
        with door.chat_batch(USE) as planned:
            for number in range(first, first + count):
                planned.ask(question(number))
        return planned

    return made


def finish(work: Work, plan_id: UUID) -> Progress:
    """Take turns until the plan is done."""
    for _ in range(20):
        found = advance(work, plan_id)
        if found.done:
            return found
    raise AssertionError(f"the plan does not end: {found}")


def only_batch(book: Book) -> UUID:
    """The one batch there is."""
    ((batch_id,),) = book.rows("select batch_id from ledger.batch")
    found: UUID = batch_id
    return found


def left(book: Book) -> tuple[int, int]:
    """Lines and claims that are left."""
    return book.rows(
        "select (select count(*) from ledger.batch_line), (select count(*) from ledger.batch_key)"
    )[0]


def test_every_line_is_bought_once_at_the_batch_price_and_nothing_is_left_behind(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book, door: Door
) -> None:
    """Seven lines, three a batch: the bill at the provider is the book."""
    planned = plan(7)
    assert [3, 3, 1] == [part.lines for part in planned.parts]
    assert {"reserved": 7} == priced.states()

    found = finish(work, planned.plan_id)

    assert {"settled": 7} == found.lines == priced.states()
    assert 7 * PRICE == found.cost_usd == priced.rows("select sum(cost_usd) from ledger.call")[0][0]
    assert 7 == provider.billed == priced.answers
    assert (0, 0) == left(priced)
    assert {} == provider.files
    assert {"label": "billing"} == door.chat(USE, question(3)).content


def test_what_is_answered_or_under_way_is_not_planned_again(
    plan: Callable[..., BatchPlan], work: Work, priced: Book
) -> None:
    """The second plan finds two lines under way, the third finds them answered."""
    first = plan(2)
    second = plan(3)
    assert (2, 0, 1) == (second.under_way, second.answered, second.lines)

    finish(work, first.plan_id)
    finish(work, second.plan_id)

    assert (0, 3, 0) == ((third := plan(3)).under_way, third.answered, third.lines)
    assert progress(work, third.plan_id).done
    assert {"settled": 3} == priced.states()


def test_whoever_wants_what_another_plan_holds_waits_for_that_plan_too(
    plan: Callable[..., BatchPlan], work: Work, door: Door, priced: Book
) -> None:
    """So does the next try of a step that died when its plan was sealed: it is not done at once, with nothing."""
    first = plan(2)
    again = plan(2)
    assert ([first.plan_id, again.plan_id], 0, 0) == (again.plan_ids, again.lines, again.elsewhere)
    assert not progress(work, first.plan_id).done

    while not turn(work, again.plan_ids)["done"]:
        pass

    assert {"settled": 2} == priced.states()
    assert progress(work, first.plan_id).done
    assert [(third := plan(2)).plan_id] == third.plan_ids


def test_the_next_try_of_a_task_waits_for_what_the_first_has_planned_though_it_is_answered(
    tools: Tools, run: Run, endpoint: Endpoint, work: Work, priced: Book
) -> None:
    """A plan that has landed is not cleaned up: its files are with the provider."""
    of_task = dataclasses.replace(run, dag_id="ask", dag_run_id="today", task_id="plan")

    def planned(run: Run) -> BatchPlan:
        with Door(tools, run, endpoint=endpoint, policy=QUICK).chat_batch(USE) as made:
            made.ask(question(0))
        return made

    first = planned(of_task)
    batch_id = only_batch(priced)
    submit(work, batch_id)
    look(work, batch_id)
    land(work, batch_id)

    assert first.plan_id in planned(of_task).plan_ids
    assert first.plan_id not in planned(dataclasses.replace(of_task, dag_run_id="tomorrow")).plan_ids


def test_a_plan_counts_what_neither_it_nor_those_it_waits_for_will_bring(
    plan: Callable[..., BatchPlan], door: Door
) -> None:
    """Somebody who is still planning may yet throw it away."""
    with door.chat_batch(USE) as planning:
        planning.ask(question(0))
        planning._write()
        second = plan(2)

    assert (1, 1, [second.plan_id]) == (second.elsewhere, second.lines, second.plan_ids)
    assert {
        "elsewhere": 1,
        "under_way": 1,
        "in_doubt": 0,
        "plan_ids": [str(second.plan_id)],
    } == second.receipt


def test_a_single_call_does_not_buy_what_a_batch_is_buying(
    plan: Callable[..., BatchPlan], door: Door
) -> None:
    """It says which batch, and passes when that has landed."""
    planned = plan(1)

    with pytest.raises(InBatch, match=str(planned.parts[0].batch_id)):
        door.chat(USE, question(0))


def test_what_a_batch_is_buying_or_putting_right_is_not_planned_again_as_single_calls(
    plan: Callable[..., BatchPlan], door: Door, work: Work, provider: BatchProvider, priced: Book
) -> None:
    """It is reserved already."""
    provider.answer = nonsense_first
    planned = plan(1)
    asked = [question(0), question(1)]
    assert 1 == door.plan_chats(USE, asked).calls

    batch_id = only_batch(priced)
    submit(work, batch_id)
    look(work, batch_id)
    land(work, batch_id)
    assert 1 == door.plan_chats(USE, asked).calls

    finish(work, planned.plan_id)
    assert 1 == door.plan_chats(USE, asked).calls


def test_a_plan_that_was_cut_off_leaves_nothing_and_keeps_nobody_from_buying(
    door: Door, priced: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines go when somebody wants one of them, or plans."""
    monkeypatch.setattr("plumbline.models.batches.planning._PAGE", 1)
    dead = door.chat_batch(USE).__enter__()
    dead.ask(question(0))
    assert (1, 1) == left(priced)
    dead._session.close()  # what the end of a process does

    with door.chat_batch(USE) as planned:
        planned.ask(question(0))

    assert (1, 1) == left(priced)
    assert [("planned",)] == priced.rows("select state from ledger.batch_plan")
    assert {"reserved": 1} == priced.states()


def test_an_error_within_a_plan_leaves_nothing_of_it(door: Door, priced: Book) -> None:
    """All of it, or nothing."""
    planned = door.chat_batch(USE)
    planned.__enter__()
    planned.ask(question(0))
    planned.__exit__(ValueError, ValueError("no"), None)

    assert [(0,)] == priced.rows("select count(*) from ledger.batch_plan")
    assert {} == priced.states()


def nonsense_first(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
    """Answer with what does not fit, but where the model sees that it did."""
    return (
        [
            answered(line, "nonsense") if len(line["body"]["messages"]) == 1 else answered(line)
            for line in lines
        ],
        [],
        "completed",
    )


def test_answers_that_do_not_fit_are_put_right_once_by_a_batch_of_the_same_plan(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book, door: Door
) -> None:
    """Two of four; the model is shown its answer, and the line counts as the one that put it right."""

    def some(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        wrong = ("Ticket 1", "Ticket 3")
        said = [line["body"]["messages"] for line in lines]
        return (
            [
                answered(line, "nonsense")
                if len(messages) == 1 and messages[0]["content"] in wrong
                else answered(line)
                for line, messages in zip(lines, said, strict=True)
            ],
            [],
            "completed",
        )

    provider.answer = some
    planned = plan(4)
    found = finish(work, planned.plan_id)

    assert {"settled": 4} == found.lines
    assert {"settled": 6} == priced.states()
    assert (6, 6 * PRICE) == (provider.billed, found.cost_usd)
    assert [(0, 4), (2, 2)] == priced.rows(
        "select count(call.mends), count(*) from ledger.batch join ledger.call on call.batch_id = batch.batch_id::text "
        "group by batch.parent is null order by 1"
    )
    assert [(True, 4, 1), (False, 2, 1)] == priced.rows(
        "select parent is null, sum(lines), max(attempt) from ledger.batch group by 1 order by 1 desc"
    )
    assert [(True,)] == priced.rows("select count(*) = max(part) from ledger.batch")
    assert {"label": "billing"} == door.chat(USE, question(3)).content
    assert [("answered", False, 2), ("answered", True, 2)] == priced.rows(
        "select outcome, mended, count(*) from ledger.answer group by 1, 2 order by 2"
    )
    assert (0, 0) == left(priced)
    assert {} == provider.files
    assert 0 == plan(4).lines


def test_what_does_not_fit_a_second_time_stays_as_it_is(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """There is no third."""
    provider.answer = lambda lines: ([answered(line, "nonsense") for line in lines], [], "completed")
    assert {"settled": 2} == finish(work, plan(2).plan_id).lines

    assert [("invalid", False)] * 2 + [("invalid", True)] * 2 == priced.calls("outcome, mends is not null")
    assert [("invalid", True)] * 2 == priced.rows("select outcome, mended from ledger.answer")
    assert 0 == plan(2).lines


def test_nobody_else_puts_right_what_a_batch_is_putting_right(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book, door: Door
) -> None:
    """Its key is claimed from the first batch on, without a gap; two workers at once plan one batch."""
    provider.answer = nonsense_first
    planned = plan(1)
    submit(work, only_batch(priced))
    look(work, only_batch(priced))
    land(work, only_batch(priced))
    assert [("invalid",)] == priced.rows("select left_as from ledger.batch_line")
    assert 0 == plan(1).lines
    with pytest.raises(InBatch):
        door.chat(USE, question(0))

    first = only_batch(priced)
    made: list[Any] = []
    workers = [threading.Thread(target=lambda: made.append(mend(work, first))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert [0, 0, 0, 1] == sorted(len(one) for one in made)
    assert (1, 1) == left(priced)
    assert 0 == plan(1).lines
    with pytest.raises(InBatch):
        door.chat(USE, question(0))
    assert {"settled": 1} == finish(work, planned.plan_id).lines
    assert [("answered", True)] == priced.rows("select outcome, mended from ledger.answer")


def test_answers_are_put_right_page_by_page_and_nobody_waits_while_their_lines_are_made(
    plan: Callable[..., BatchPlan],
    work: Work,
    provider: BatchProvider,
    priced: Book,
    tools: Tools,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More than a page of them; whoever claims meanwhile, alone in the tenant, does so at once."""
    monkeypatch.setattr(mending, "_PAGE", 2)
    made, line = [], mending._line

    def claimed_meanwhile(*given: Any) -> Any:
        with tools.db.transaction("main") as session:
            session.execute("set local lock_timeout = '2s'")
            db.value(session, "ledger/lock_claims", tenant="main", model=MODEL, alone=True)
        made.append(given)
        return line(*given)

    monkeypatch.setattr(mending, "_line", claimed_meanwhile)
    provider.answer = nonsense_first

    found = finish(work, plan(3).plan_id)

    assert ({"settled": 3}, 3) == (found.lines, len(made))
    assert [(1, 3), (2, 2), (3, 1)] == priced.rows("select part, lines from ledger.batch order by part")
    assert [("answered", True)] * 3 == priced.rows("select outcome, mended from ledger.answer")
    assert (6, 6 * PRICE) == (provider.billed, found.cost_usd)
    assert (0, 0) == left(priced)


def test_lines_that_come_in_twice_in_a_transaction_are_written_once(
    door: Door, priced: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came in is taken from where it came in."""
    monkeypatch.setattr("plumbline.models.batches.planning._PAGE", 1)
    with door.chat_batch(USE) as planned, planned._session.transaction():
        planned.ask(question(0))
        planned.ask(question(1))

    assert (2, 2) == left(priced)


def test_answers_that_were_erased_while_their_lines_were_made_are_not_put_right(
    plan: Callable[..., BatchPlan],
    work: Work,
    provider: BatchProvider,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was erased is not sent again."""
    line = mending._line

    def erased_meanwhile(*given: Any) -> Any:
        priced.change("delete from ledger.answer where call_id = %s", given[0]["call_id"])
        return line(*given)

    monkeypatch.setattr(mending, "_line", erased_meanwhile)
    provider.answer = nonsense_first

    assert {"settled": 2} == finish(work, plan(2).plan_id).lines
    assert (1, 2) == (len(provider.batches), provider.billed)
    assert (0, 0) == left(priced)


def test_a_line_that_puts_right_and_expires_is_asked_for_again(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """It stays the one that puts right."""
    expired: list[int] = []

    def once(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        if len(lines[0]["body"]["messages"]) > 1 and not expired:
            expired.append(1)
            return [], [failed(line, "batch_expired") for line in lines], "expired"
        return nonsense_first(lines)

    provider.answer = once
    found = finish(work, plan(2).plan_id)

    assert {"settled": 2} == found.lines
    assert [(1, 1), (2, 1), (2, 2)] == priced.rows("select part, attempt from ledger.batch order by 1, 2")
    assert [("answered", True)] * 2 == priced.rows("select outcome, mended from ledger.answer")


@pytest.mark.parametrize("why", ["cancelled", "forgotten", "too long", "no room in a file"])
def test_what_cannot_be_put_right_stays_as_it_is_and_stops_nothing(
    why: str,
    plan: Callable[..., BatchPlan],
    work: Work,
    provider: BatchProvider,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody wanted the batch to end, the answer was erased, or the request would be too long."""
    said = "nonsense" * 2_000 if why in ("too long", "no room in a file") else "nonsense"
    provider.answer = lambda lines: ([answered(line, said) for line in lines], [], "completed")
    planned = plan(1)
    batch_id = only_batch(priced)
    submit(work, batch_id)
    look(work, batch_id)
    land(work, batch_id)
    if why == "cancelled":
        priced.change("update ledger.batch set cancel_asked_at = now()")
    elif why == "forgotten":
        priced.change("delete from ledger.answer")
    elif why == "too long":
        limits = dataclasses.replace(work.endpoint.chat.limits, tokens_an_input=500)
        chat = dataclasses.replace(work.endpoint.chat, limits=limits)
        work = dataclasses.replace(work, endpoint=dataclasses.replace(work.endpoint, chat=chat))
    else:
        limited = dataclasses.replace(work.endpoint.batches, bytes=5_000)
        work = dataclasses.replace(work, endpoint=dataclasses.replace(work.endpoint, batches=limited))

    assert {"settled": 1} == finish(work, planned.plan_id).lines

    assert {"settled": 1} == priced.states()
    assert (0, 0) == left(priced)
    assert 1 == len(provider.batches)


def test_an_answer_is_not_put_right_by_a_plan_where_that_would_pass_the_cap_of_its_use(
    plan: Callable[..., BatchPlan],
    work: Work,
    provider: BatchProvider,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It counts as answered: it was paid for, and stays as it is."""
    cap = max(tokens_of(question(number)) for number in range(3))
    monkeypatch.setattr(uses, "_uses", lambda: {USE: uses.Use(most_tokens_in=cap)})
    provider.answer = lambda lines: ([answered(line, "nonsense") for line in lines], [], "completed")
    finish(work, plan(2).plan_id)

    second = plan(3)

    assert (1, 2, 0) == (second.lines, second.answered, second.under_way)
    assert "is not put right" in caplog.text
    finish(work, second.plan_id)
    assert [("invalid", False, 3)] == priced.rows(
        "select outcome, mended, count(*) from ledger.answer group by 1, 2"
    )


def test_a_line_holds_no_more_tokens_than_its_use_allows(
    door: Door, work: Work, priced: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two texts fit into a request of the provider, and one into a call of the use."""
    monkeypatch.setattr(uses, "_uses", lambda: {"embed_chunk": uses.Use(most_tokens_in=5)})
    with door.embedding_batch("embed_chunk") as vectors:
        for number in range(4):
            vectors.add(f"text {number}", 3)

    finish(work, vectors.plan_id)

    assert [(3,)] * 4 == priced.calls("tokens_planned")


def test_embeddings_and_moderations_travel_in_batches_too(
    door: Door, work: Work, priced: Book, provider: BatchProvider
) -> None:
    """Five texts, two a request."""
    with door.embedding_batch("embed_chunk") as vectors:
        for number in range(5):
            vectors.add(f"text {number}", 3)
    with door.moderation_batch("ticket") as judged:
        judged.add("text", 3)
    assert 3 == vectors.lines

    finish(work, vectors.plan_id)
    finish(work, judged.plan_id)

    assert {"settled": 4} == priced.states()
    assert 6 == priced.answers
    assert 4 == provider.billed
    assert [(5,)] == priced.rows("select count(vector) from ledger.answer")


@pytest.mark.parametrize("dropped", ["POST /v1/batches", "POST /v1/files"])
def test_an_answer_that_is_dropped_makes_no_second_batch(
    dropped: str, plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """The batch is found by its metadata, page after page of the provider's list; a file too many is deleted."""
    others = [provider.create({"metadata": None}) for _ in range(5)]
    provider.faults = [(dropped, "drop")]
    planned = plan(2)
    if dropped.endswith("batches"):
        with pytest.raises(ProviderUnreachable):
            advance(work, planned.plan_id)
        assert {"sent": 2} == priced.states()

    finish(work, planned.plan_id)
    sweep(work)

    assert 1 == len(provider.batches) - len(others)
    assert {"settled": 2} == priced.states()
    assert 2 == provider.billed
    assert {} == provider.files


def test_only_an_exhausted_and_aged_list_permits_a_new_submission(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """A worker died before the provider heard of it: nobody knows, until its list is old enough to be believed."""
    planned = plan(1)
    provider.faults = [("POST /v1/batches", 502)]
    with pytest.raises(ProviderUnreachable):
        advance(work, planned.plan_id)

    assert not advance(work, planned.plan_id).done
    assert [("submitting",)] == priced.rows("select state from ledger.batch")
    assert {} == provider.batches

    priced.change("update ledger.batch set intended_at = intended_at - interval '1 hour'")
    provider.faults = [("GET /v1/batches", 400)]
    with pytest.raises(Exception, match="HTTP 400"):
        advance(work, planned.plan_id)
    assert {} == provider.batches

    finish(work, planned.plan_id)
    assert 1 == len(provider.batches) == provider.billed


@pytest.mark.parametrize(
    "page",
    [
        {"data": [], "has_more": True},
        {"data": [{"id": "batch_a"}], "has_more": True},
        {"data": [None], "has_more": False},
        {"data": [{"metadata": None}], "has_more": False},
        {"has_more": False},
    ],
    ids=["empty", "the same again", "unreadable", "nameless", "no list"],
)
def test_a_list_that_stops_short_permits_no_new_submission(
    page: dict[str, Any], plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Its intent is old, and its batch may stand on the page that was not shown."""
    planned = plan(1)
    provider.faults = [("POST /v1/batches", 502)]
    with pytest.raises(ProviderUnreachable):
        advance(work, planned.plan_id)
    priced.change("update ledger.batch set intended_at = intended_at - interval '1 hour'")

    provider.faults = [("GET /v1/batches", (200, page)), ("GET /v1/batches", (200, page))]
    with pytest.raises(ProviderFailing, match="list of the provider"):
        advance(work, planned.plan_id)
    assert [("submitting",)] == priced.rows("select state from ledger.batch")
    assert {} == provider.batches

    provider.faults = []
    assert {"settled": 1} == finish(work, planned.plan_id).lines
    assert 1 == len(provider.batches) == provider.billed


def test_a_worker_whose_batch_changed_while_it_uploaded_sends_nothing(
    plan: Callable[..., BatchPlan],
    work: Work,
    provider: BatchProvider,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lock broke off; another worker has brought the file there, and is about to make the batch."""
    planned = plan(2)
    uploaded = Provider.upload

    def slowly(self: Provider, file: Any, batch_id: UUID) -> str:
        found = uploaded(self, file, batch_id)
        theirs = uploaded(self, file, batch_id)
        priced.change("update ledger.batch set input_file_id = %s", theirs)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Provider, "upload", slowly)
        submit(work, only_batch(priced))

    assert {} == provider.batches
    assert [("uploading",)] == priced.rows("select state from ledger.batch")
    assert list(provider.files) == [priced.rows("select input_file_id from ledger.batch")[0][0]]
    assert {"settled": 2} == finish(work, planned.plan_id).lines
    assert 1 == len(provider.batches)
    assert {} == provider.files


def test_a_batch_that_the_provider_refuses_was_not_billed(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Its calls are refused, its keys free, its file deleted."""
    provider.faults = [("POST /v1/batches", 400)]
    found = finish(work, plan(2).plan_id)

    assert {"refused": 2} == found.lines == priced.states()
    assert (0, 0) == left(priced)
    assert {} == provider.files


def test_too_many_enqueued_tokens_are_a_wait_and_no_failure(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """The provider fails the batch for want of room; it is planned again, with a new file, after a while."""
    provider.answer = lambda _: ([], [], "failed")
    planned = plan(1)
    submit(work, only_batch(priced))
    (card,) = provider.batches.values()
    card["errors"] = {"data": [{"code": "token_limit_exceeded"}]}

    found = advance(work, planned.plan_id)

    assert {"open": 1} == found.lines
    assert found.wait > 100
    assert {"reserved": 1} == priced.states()
    assert not watch(work, planned.plan_id) or [("planned",)] == priced.rows("select state from ledger.batch")

    provider.answer = all_answered
    priced.change("update ledger.batch set not_before = now()")
    assert {"settled": 1} == finish(work, planned.plan_id).lines
    sweep(work)
    assert {} == provider.files


def test_a_late_look_at_an_earlier_attempt_does_not_undo_the_next_one(
    plan: Callable[..., BatchPlan],
    work: Work,
    provider: BatchProvider,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A trigger saw the batch fail for want of room; before it says so, a worker has submitted it again."""
    planned = plan(1)
    batch_id = only_batch(priced)
    submit(work, batch_id)
    (first,) = provider.batches.values()
    first |= {"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded"}]}}
    asked = Provider.batch

    def slowly(self: Provider, provider_id: str) -> dict[str, Any]:
        card = asked(self, provider_id)
        monkeypatch.setattr(Provider, "batch", asked)
        look(work, batch_id)
        priced.change("update ledger.batch set not_before = now()")
        submit(work, batch_id)
        return card

    monkeypatch.setattr(Provider, "batch", slowly)
    look(work, batch_id)

    assert [("submitted",)] == priced.rows("select state from ledger.batch")
    assert {"settled": 1} == finish(work, planned.plan_id).lines
    assert (2, 1) == (len(provider.batches), provider.billed)


def test_a_part_waits_for_room_among_the_enqueued_tokens_of_its_model(
    tools: Tools, run: Run, provider: BatchProvider, priced: Book
) -> None:
    """The next part is submitted when the one before has ended."""
    extra = {"chat_model": MODEL, "batch_requests": 1, "batch_enqueued_tokens": {MODEL: 100}}
    named = Connection(kind="openai", host=provider.url, password="sk-tests", extra=extra)
    endpoint, provider.ready = connected(named), False
    with Door(tools, run, endpoint=endpoint).chat_batch(USE) as planned:
        for number in range(3):
            planned.ask(question(number))
    work = Work.of(tools, run.tenant, endpoint, QUICK)
    assert 50 < planned.parts[0].tokens < 100

    advance(work, planned.plan_id)
    assert 1 == len(provider.batches)

    provider.ready = True
    assert {"settled": 3} == finish(work, planned.plan_id).lines
    assert 3 == len(provider.batches) == priced.answers


def test_doubled_strange_and_lost_lines_never_settle_twice(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book, tools: Tools
) -> None:
    """They are counted; the lost one is unknown, and a person decides."""

    def answer(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        first, second, _ = sorted(lines, key=lambda line: str(line["body"]["messages"]))
        stranger = {**answered(first), "custom_id": str(uuid4())}
        output = [
            answered(first),
            b"",
            b"no json",
            answered(first),
            stranger,
            answered({**first, "custom_id": "me"}),
        ]
        return output, [failed(second, "invalid_request", 400), failed(first, "late", 500)], "completed"

    provider.answer = answer
    planned = plan(3)

    assert {"settled": 1, "refused": 1, "unknown": 1} == finish(work, planned.plan_id).lines
    assert [(3, 2)] == priced.rows("select strange, doubled from ledger.batch")
    assert 1 == priced.answers
    (lost,) = list_unknown(tools, tenant="main")
    with pytest.raises(InBatch, match="plumbline calls unknown"):
        Door(tools, Run("main", "again"), endpoint=work.endpoint).chat(USE, question(2))

    assert release(tools, lost.call_id, billed=False) == 0
    assert {"settled": 1, "refused": 1, "failed": 1} == priced.states()
    assert (0, 0) == left(priced)
    assert 1 == plan(3).lines - 1


def test_the_figures_of_a_batch_follow_what_a_person_decides_about_its_lines(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book, tools: Tools
) -> None:
    """Line by line, and nothing stays reserved when the last one is decided."""
    set_budgets(tools, "main", subject("everything", None), {"month": Decimal(1)}, by="tests")
    provider.answer = lambda lines: ([answered(lines[0])], [], "completed")
    planned = plan(3)
    assert {"settled": 1, "unknown": 2} == finish(work, planned.plan_id).lines
    first, second = list_unknown(tools, tenant="main")

    booked = release(tools, first.call_id, billed=True)
    found = progress(work, planned.plan_id)
    assert ({"settled": 1, "failed": 1, "unknown": 1}, PRICE + booked) == (found.lines, found.cost_usd)
    assert [(1,)] == priced.rows("select count(*) from ledger.batch_share")

    release(tools, second.call_id, billed=False)
    found = progress(work, planned.plan_id)
    assert ({"settled": 1, "failed": 2}, PRICE + booked) == (found.lines, found.cost_usd)
    assert found.cost_usd == priced.rows("select sum(cost_usd) from ledger.call")[0][0]
    assert [(0,)] == priced.rows("select count(*) from ledger.batch_share")
    with tools.db.transaction("main") as session:
        assert [] == [result.check for result in perform(session, "ledger", {}) if not result.passed]


def test_an_answer_of_no_use_is_booked_and_not_kept(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Another model answered: it was billed all the same."""

    def answer(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        one = answered(lines[0])
        one["response"]["body"]["model"] = "another"
        return [one], [], "completed"

    provider.answer = answer
    found = finish(work, plan(1).plan_id)

    assert ({"failed": 1}, PRICE) == (found.lines, found.cost_usd)
    assert 0 == priced.answers


def test_after_an_embedding_of_no_use_no_more_are_planned_for_a_day(
    door: Door, work: Work, provider: BatchProvider, priced: Book
) -> None:
    """The vectors had another length: all of them would be paid for and thrown away."""

    def answer(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        found = [answered(line) for line in lines]
        found[0]["response"]["body"]["data"][0]["embedding"] = [1.0]
        return found, [], "completed"

    provider.answer = answer
    with door.embedding_batch("embed_chunk") as planned:
        planned.add("text", 3)
    finish(work, planned.plan_id)
    assert {"failed": 1} == priced.states()

    with pytest.raises(StillUnusable):
        door.embedding_batch("embed_chunk").__enter__()


def test_only_what_expired_is_asked_for_again(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """As a new batch that names its parent, with calls of its own; the expired ones cost nothing."""
    provider.answer = lambda lines: (
        [answered(lines[0])],
        [failed(line, "batch_expired") for line in lines[1:]],
        "expired",
    )
    planned = plan(3)
    found = finish(work, planned.plan_id)

    assert {"settled": 3} == found.lines
    assert [(1, False, 3), (2, True, 2), (3, True, 1)] == priced.rows(
        "select attempt, parent is not null, lines from ledger.batch order by attempt"
    )
    assert {"settled": 3, "expired": 3} == priced.states()
    assert 3 * PRICE == priced.rows("select sum(cost_usd) from ledger.call")[0][0]
    assert (0, 0) == left(priced)


def test_what_expires_again_and_again_is_given_up(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """After three attempts its keys are free."""
    provider.answer = lambda lines: ([], [failed(line, "batch_expired") for line in lines], "expired")

    assert {"expired": 2} == finish(work, plan(2).plan_id).lines
    assert {"expired": 6} == priced.states()
    assert (0, 0) == left(priced)


def test_a_landing_that_was_cut_off_goes_on_where_it_was(
    plan: Callable[..., BatchPlan],
    work: Work,
    provider: BatchProvider,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lines that have ended are not ended again, and are not strangers."""
    monkeypatch.setattr(landing, "PAGE", 1)
    planned = plan(3)
    batch_id = only_batch(priced)
    submit(work, batch_id)
    look(work, batch_id)
    end, ends = landing._Landing.end, []

    def cut_off(self: Any, results: Any, heard: Any) -> None:
        if ends:
            raise KeyboardInterrupt
        ends.append(1)
        end(self, results, heard)

    with monkeypatch.context() as patched:
        patched.setattr(landing._Landing, "end", cut_off)
        with pytest.raises(KeyboardInterrupt):
            land(work, batch_id)
    assert {"settled": 1, "sent": 2} == priced.states()

    finish(work, planned.plan_id)

    assert {"settled": 3} == priced.states()
    assert [(0, 0)] == priced.rows("select strange, doubled from ledger.batch")
    assert 3 == provider.billed == priced.answers


def test_one_bad_line_stops_no_other_and_the_totals_agree(
    tools: Tools, run: Run, work: Work, provider: BatchProvider, priced: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database refuses is found within its page, and booked at what was planned; all else lands."""
    monkeypatch.setattr("plumbline.models.batches.landing.PAGE", 8)
    bad = {"Ticket 2": (2**63, 0), "Ticket 6": (10**18, 0), "Ticket 9": (0, 10**17)}

    def answer(lines: list[Line]) -> tuple[list[Any], list[Any], str]:
        output = []
        for line in lines:
            said = answered(line)
            usage = said["response"]["body"]["usage"]
            tokens = bad.get(line["body"]["messages"][0]["content"], (100, 10))
            usage["prompt_tokens"], usage["completion_tokens"] = tokens
            output.append(said)
        return output, [], "completed"

    provider.answer = answer
    roomy = dataclasses.replace(
        work.endpoint, batches=dataclasses.replace(work.endpoint.batches, requests=100)
    )
    with Door(tools, run, endpoint=roomy).chat_batch(USE) as planned:
        for number in range(11):
            planned.ask(question(number))

    found = finish(work, planned.plan_id)

    assert {"settled": 8, "failed": 3} == found.lines == priced.states()
    assert 8 == priced.answers
    refused = priced.rows(
        "select error, tokens_in = tokens_planned and tokens_out = tokens_out_planned, cost_usd = cost_planned_usd "
        "from ledger.call where state = 'failed'"
    )
    assert 3 == len(refused)
    assert all(
        "does not take" in error and "NumericValueOutOfRange" in error and tokens and cost
        for error, tokens, cost in refused
    )
    assert found.cost_usd == priced.rows("select sum(cost_usd) from ledger.call")[0][0]
    assert (0, 0) == left(priced)


def test_odd_answers_fail_by_themselves_with_a_reason(
    door: Door, work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Scores that are no numbers, nests of a thousand lists, no body at all: booked, in words, and quoted nowhere."""

    def odd(line: Line) -> Any:
        said = answered(line)
        text = line["body"]["input"][0]
        body = said["response"]["body"]
        if text == "words":
            body["results"][0]["category_scores"] = {"hate": "Ada Lovelace"}
        elif text == "deep":
            body["results"][0]["more"] = functools.reduce(lambda within, _: [within], range(900), 1)
        elif text == "zero":
            body["results"][0]["categories"] = {"a\0b": True}
        elif text == "nothing":
            said["response"]["body"] = None
        return said

    provider.answer = lambda lines: ([odd(line) for line in lines], [], "completed")
    texts = ("fine", "words", "deep", "zero", "nothing")
    for text in texts:
        with door.moderation_batch("ticket") as planned:
            planned.add(text, 3)
        finish(work, planned.plan_id)

    assert {"settled": 1, "failed": 4} == priced.states()
    errors = [
        error for (error,) in priced.rows("select error from ledger.call where state = 'failed' order by at")
    ]
    reasons = ("(ValueError)", "nested too deeply", "no text may have", "no JSON object")
    assert all(reason in error for reason, error in zip(reasons, errors, strict=True)), errors
    assert not any("Ada" in error for error in errors)
    assert [(True,)] == priced.rows("select bool_and(tokens_in = tokens_planned) from ledger.call")


def test_two_workers_at_once_change_nothing(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Each takes turns until the plan is done; every line is bought and settled once."""
    planned = plan(9)
    failures: list[BaseException] = []

    def turns() -> None:
        try:
            for _ in range(50):
                if advance(work, planned.plan_id).done:
                    return
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    workers = [threading.Thread(target=turns) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert [] == failures
    assert {"settled": 9} == finish(work, planned.plan_id).lines == priced.states()
    assert (3, 9) == (len(provider.batches), provider.billed)
    assert 9 * PRICE == priced.rows("select sum(cost_usd) from ledger.batch")[0][0]


def test_two_who_clean_up_the_last_batches_at_once_end_the_plan(
    plan: Callable[..., BatchPlan], work: Work, priced: Book, tools: Tools
) -> None:
    """Neither sees what the other has not yet written down; the later one waits for it."""
    planned = plan(6)
    one, other = (part.batch_id for part in planned.parts)
    for step in (submit, look, land):
        step(work, one)
        step(work, other)

    with tools.db.transaction("main") as session:
        db.run(session, "batches/update_cleaned", batch_id=one)
        end_plan(session, planned.plan_id)
        waits = threading.Thread(target=clean_up, args=(work, other))
        waits.start()
        waiting = "select count(*) from pg_locks where not granted"
        while waits.is_alive() and not priced.rows(waiting)[0][0]:
            pass
    waits.join(60)

    assert [("done",)] == priced.rows("select state from ledger.batch_plan")


def test_a_plan_whose_batches_were_all_cleaned_up_ends_at_its_next_turn(
    plan: Callable[..., BatchPlan], work: Work, priced: Book
) -> None:
    """Whoever cleaned up the last one died before it said so."""
    planned = plan(1)
    finish(work, planned.plan_id)
    priced.change("update ledger.batch_plan set state = 'planned', done_at = null")

    assert advance(work, planned.plan_id).done


def test_a_plan_ends_when_what_waited_for_a_budget_can_no_longer_be_put_right(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book, tools: Tools
) -> None:
    """Its batch was cleaned up meanwhile; then the answers were erased."""
    provider.answer = nonsense_first
    planned = plan(1)
    for step in (submit, look, land):
        step(work, only_batch(priced))
    set_budgets(tools, "main", subject("everything", None), {"month": Decimal(0)}, by="tests")
    with pytest.raises(BudgetExhausted):
        advance(work, planned.plan_id)
    priced.change("delete from ledger.answer")

    assert {"settled": 1} == finish(work, planned.plan_id).lines
    assert (0, 0) == left(priced)


def aged(book: Book) -> None:
    """Let an hour pass since batches were submitted, and since they ended."""
    book.change(
        "update ledger.batch set submitted_at = submitted_at - interval '1 hour', "
        "ended_at = ended_at - interval '1 hour'"
    )


def test_a_batch_that_the_provider_has_lost_lands_and_a_person_decides(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book, tools: Tools
) -> None:
    """Not before a person says so, although the list has an earlier one of ours; nothing is bought twice."""
    provider.ready = False
    earlier, planned = plan(1), plan(2, first=1)
    advance(work, earlier.plan_id)
    advance(work, planned.plan_id)
    del provider.batches[list(provider.batches)[1]]
    with pytest.raises(ProviderFailing, match="does not find batch"):
        advance(work, planned.plan_id)
    assert {"sent": 3} == priced.states()

    aged(priced)
    with pytest.raises(BatchNotOurs, match="batches lost"):
        advance(work, planned.plan_id)
    assert {"sent": 3} == priced.states()

    assert say_lost(work, planned.parts[0].batch_id)
    found = finish(work, planned.plan_id)

    assert ({"unknown": 2}, {"sent": 1, "unknown": 2}) == (found.lines, priced.states())
    assert {"gone", "in_progress"} == {
        state for (state,) in priced.rows("select provider_state from ledger.batch")
    }
    unknown = list_unknown(tools, tenant="main")
    assert [True, True] == ["no longer has the batch" in str(one.error) for one in unknown]
    assert 0 == plan(2, first=1).lines


@pytest.mark.parametrize("why", ["another project", "no list", "a list that has it", "no end of the list"])
def test_a_batch_that_is_not_found_is_not_lost_where_the_connection_may_be_the_reason(
    why: str, plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Nothing changes, and when it is set back the batch lands."""
    planned = plan(1)
    submit(work, only_batch(priced))
    aged(priced)
    kept = dict(provider.batches)
    if why != "a list that has it":
        provider.batches.clear()
    provider.create({"metadata": None})
    provider.faults = {
        "another project": [],
        "no list": [("GET /v1/batches", 404)] * 2,
        "a list that has it": [("GET /v1/batches/", 404)],
        "no end of the list": [
            ("GET /v1/batches/", 404),
            ("GET /v1/batches", (200, {"data": [], "has_more": True})),
        ],
    }[why]

    unclear = why in ("another project", "no list")
    said = (BatchNotOurs, "batches lost") if unclear else (ProviderFailing, "does not find|promises more")
    with pytest.raises(said[0], match=said[1]):
        advance(work, planned.plan_id)
    assert [("submitted",)] == priced.rows("select state from ledger.batch")
    assert {"sent": 1} == priced.states()

    provider.batches, provider.faults = kept, []
    assert {"settled": 1} == finish(work, planned.plan_id).lines


def test_whoever_asks_for_the_end_of_a_batch_does_not_say_that_it_is_lost(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """With the key of another project it is not found; set back, what was answered is read."""
    planned = plan(1)
    submit(work, only_batch(priced))
    aged(priced)
    kept = dict(provider.batches)
    provider.batches.clear()
    assert cancel(work, only_batch(priced))
    with pytest.raises(BatchNotOurs):
        advance(work, planned.plan_id)

    provider.batches = kept
    assert {"settled": 1} == finish(work, planned.plan_id).lines == priced.states()


def test_a_batch_that_is_said_to_be_lost_and_is_found_goes_on(
    plan: Callable[..., BatchPlan], work: Work, priced: Book
) -> None:
    """A person may be wrong."""
    planned = plan(1)
    submit(work, only_batch(priced))
    aged(priced)
    assert say_lost(work, only_batch(priced))

    assert {"settled": 1} == finish(work, planned.plan_id).lines == priced.states()
    assert not say_lost(work, only_batch(priced))


def test_what_stood_in_a_file_that_the_provider_has_lost_is_unknown_and_the_rest_lands(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Not at the first look, when the file may be too fresh to be found; the batch itself is known there."""
    provider.answer = lambda lines: ([answered(lines[0])], [failed(lines[1], "bad", 400)], "completed")
    planned = plan(2)
    submit(work, only_batch(priced))
    look(work, only_batch(priced))
    del provider.files[priced.rows("select output_file_id from ledger.batch")[0][0]]
    with pytest.raises(ProviderFailing, match="does not find file"):
        advance(work, planned.plan_id)
    assert [("ended",)] == priced.rows("select state from ledger.batch")

    aged(priced)
    assert {"unknown": 1, "refused": 1} == finish(work, planned.plan_id).lines == priced.states()
    assert {} == provider.files


@pytest.mark.parametrize(
    ("met", "said"),
    [
        (psycopg.errors.DeadlockDetected("deadlock detected"), TransactionsMet),
        (psycopg.errors.SerializationFailure("could not serialize access"), TransactionsMet),
        (psycopg.errors.UndefinedColumn("no such column"), psycopg.errors.UndefinedColumn),
        (KeyError("id"), KeyError),
    ],
)
def test_what_one_batch_meets_does_not_stop_the_others_of_its_plan(
    met: Exception,
    said: type[Exception],
    plan: Callable[..., BatchPlan],
    work: Work,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others take their steps, and then it is said; where it passes, the next turn goes on."""
    planned = plan(6)
    first = planned.parts[0].batch_id

    def meets(at: Work, batch_id: UUID) -> None:
        if batch_id == first:
            raise met
        submit(at, batch_id)

    with monkeypatch.context() as patched:
        patched.setattr(advancing, "submit", meets)
        with pytest.raises(said):
            advance(work, planned.plan_id)
    assert [("planned",), ("submitted",)] == priced.rows("select state from ledger.batch order by part")

    assert issubclass(said, Passing) == isinstance(met, psycopg.OperationalError)
    assert {"settled": 6} == finish(work, planned.plan_id).lines


def test_a_batch_that_does_not_add_up_does_not_land(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Somebody took a call out of the book."""
    assert provider.ready
    planned = plan(2)
    priced.change("delete from ledger.call where ctid in (select ctid from ledger.call limit 1)")

    with pytest.raises(Unreconciled):
        finish(work, planned.plan_id)
    assert [("ended",)] == priced.rows("select state from ledger.batch")


def test_a_batch_is_cancelled_before_and_after_it_was_submitted(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """Before: nothing of it was sent.  After: what the provider does not have was not answered, and it says so."""
    before = plan(1)
    assert cancel(work, before.parts[0].batch_id)
    assert {"failed": 1} == finish(work, before.plan_id).lines
    assert {} == provider.batches

    provider.ready = False
    after = plan(1, first=1)
    advance(work, after.plan_id)
    assert cancel(work, after.parts[0].batch_id)
    advance(work, after.plan_id)
    assert ["cancelled"] == [card["status"] for card in provider.batches.values()]
    assert {"unknown": 1} == finish(work, after.plan_id).lines
    assert {"failed": 1, "unknown": 1} == priced.states()


def test_the_file_carries_our_id_and_the_lines_ours(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """So that both are found again, whatever dies."""
    provider.ready = False
    planned = plan(2)
    advance(work, planned.plan_id)
    ((name, content),) = provider.files.values()
    (card,) = provider.batches.values()
    batch_id = str(planned.parts[0].batch_id)

    assert f"plumbline-{batch_id}.jsonl" == name
    assert {"plumbline_batch": batch_id} == card["metadata"]
    lines = [json.loads(line) for line in content.splitlines()]
    assert {line["custom_id"] for line in lines} == {str(row[0]) for row in priced.calls("call_id")}
    assert planned.parts[0].bytes == len(content)
    assert {"/v1/chat/completions"} == {line["url"] for line in lines}
    assert submitting.LISTS_LAG > 0


def test_a_call_that_is_taken_out_of_a_landed_batch_is_found_by_the_checks(
    plan: Callable[..., BatchPlan], work: Work, priced: Book, tools: Tools
) -> None:
    """They pass while a batch is under way, and when it has landed."""
    planned = plan(3)

    def broken() -> list[str]:
        with tools.db.transaction("main") as session:
            return [result.check for result in perform(session, "ledger", {}) if not result.passed]

    assert [] == broken()
    finish(work, planned.plan_id)
    assert [] == broken()

    priced.change("delete from ledger.call where ctid in (select ctid from ledger.call limit 1)")
    assert any("Every line of a batch" in check for check in broken())


def test_an_earlier_attempt_in_the_list_is_not_taken_for_the_one_that_was_just_made(
    plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """The first found no room; of the second no answer came, and the list does not have it yet: there is no third."""
    provider.ready = False
    planned = plan(1)
    submit(work, only_batch(priced))
    (first,) = provider.batches.values()
    first |= {"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded"}]}}
    look(work, only_batch(priced))
    priced.change("update ledger.batch set not_before = now()")
    provider.faults = [("POST /v1/batches", "drop")]
    with pytest.raises(ProviderUnreachable):
        submit(work, only_batch(priced))
    (second,) = [card for card in provider.batches.values() if card is not first]
    del provider.batches[second["id"]]

    advance(work, planned.plan_id)
    assert [("submitting",)] == priced.rows("select state from ledger.batch")

    provider.batches[second["id"]] = second
    provider.ready = True
    assert {"settled": 1} == finish(work, planned.plan_id).lines
    assert ["failed", "completed"] == [card["status"] for card in provider.batches.values()]
    assert 1 == provider.billed


@pytest.mark.parametrize("said", [{"object": "batch"}, {"id": 7}, {"id": None, "status": ["no"]}])
def test_a_batch_that_was_made_without_an_id_is_found_in_the_list(
    said: dict[str, Any], plan: Callable[..., BatchPlan], work: Work, provider: BatchProvider, priced: Book
) -> None:
    """What the list says of it may be odd as well: it is attached to, and nothing of that is kept."""
    planned = plan(1)
    batch_id = only_batch(priced)
    provider.faults = [("POST /v1/batches", (200, said))]
    submit(work, batch_id)
    assert [("submitting",)] == priced.rows("select state from ledger.batch")

    card = provider.create({"metadata": {"plumbline_batch": str(batch_id)}, "created_at": "today"})
    card |= {
        "status": "Ada Lovelace",
        "input_file_id": priced.rows("select input_file_id from ledger.batch")[0][0],
    }
    submit(work, batch_id)
    assert [("submitted", None)] == priced.rows("select state, provider_state from ledger.batch")

    card["status"] = "in_progress"
    assert {"settled": 1} == finish(work, planned.plan_id).lines
    assert 1 == len(provider.batches) == provider.billed
