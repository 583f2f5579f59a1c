"""Calls that may have been billed, as questions to a person: asked once, and released once, whichever way."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from plumbline import review
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, MayHaveBeenBilled, list_unknown
from plumbline.models.unfinished import NotUnfinished, release_within
from plumbline.review import Item, ask_about_unknown_calls, calls, release_call

if TYPE_CHECKING:
    from conftest import Book


@pytest.fixture
def cut_off(live: Door, model_server: RunningServer) -> Callable[[str], uuid.UUID]:
    """Lose the answer to a call about a text; return its id."""

    def lose(text: str) -> uuid.UUID:
        model_server.fault("drop_after", times=1)
        with pytest.raises(MayHaveBeenBilled) as lost, live.embedding("embed_chunk") as stream:
            stream.add(text, 20)
        return lost.value.call_ids[0]

    return lose


def items(tools: Tools, tenant: str = "main") -> list[Item]:
    """Everything that was ever asked."""
    with tools.db.transaction(tenant) as session:
        return review.list_all(session)


def decide(tools: Tools, item: Item, decision: str) -> str | None:
    """Decide in a transaction of its own."""
    with tools.db.transaction("main") as session:
        return review.decide(session, item.item_id, decision, "Ada")


def test_every_unknown_call_is_asked_about_once(
    tools: Tools, run: Run, cut_off: Callable[[str], uuid.UUID]
) -> None:
    """However often it is looked; what a person needs to find it at the provider is there, and no input."""
    first, second = cut_off("A boat."), cut_off("A bicycle.")

    receipts = [ask_about_unknown_calls(tools, run) for _ in range(3)]

    assert receipts == [{"unknown_calls": 2, "withdrawn": 0}] * 3
    asked = items(tools)
    assert {item.subject_id for item in asked} == {str(first), str(second)}
    assert {item.kind for item in asked} == {"unknown_call"}
    assert asked[0].context["tokens"] == 20
    assert "boat" not in str(asked) + str(asked[0].context)


def test_nothing_is_asked_of_another_tenant(
    tools: Tools, run: Run, cut_off: Callable[[str], uuid.UUID]
) -> None:
    """Their queue, their calls."""
    cut_off("A boat.")

    assert ask_about_unknown_calls(tools, replace(run, tenant="other")) == {
        "unknown_calls": 0,
        "withdrawn": 0,
    }
    assert items(tools, "other") == []


@pytest.mark.parametrize(
    ("decision", "booked"), [("billed", (20, Decimal("0.0000004"))), ("not_billed", (0, Decimal(0)))]
)
def test_a_decision_releases_the_call(
    tools: Tools,
    run: Run,
    book: Book,
    cut_off: Callable[[str], uuid.UUID],
    decision: str,
    booked: tuple[int, Decimal],
) -> None:
    """As `plumbline calls release` does; who decided is in the item, and not in the book."""
    cut_off("A boat.")
    ask_about_unknown_calls(tools, run)
    (item,) = items(tools)

    said = decide(tools, item, decision)

    assert said == f"Booked at ${booked[1]:.6f}; its inputs may be bought anew."
    [(state, *money, error)] = book.calls("state, tokens_in, cost_usd, error")
    assert (state, *money) == ("failed", *booked)
    assert "decided: it was" in error
    assert "Ada" not in error
    assert [(item.decision, item.decided_by) for item in items(tools)] == [(decision, "Ada")]
    assert (list_unknown(tools), book.intents) == ([], 0)


def test_releasing_a_call_ends_its_item(
    tools: Tools, run: Run, book: Book, cut_off: Callable[[str], uuid.UUID]
) -> None:
    """Whoever uses `plumbline calls release` leaves no question behind; where nobody had asked, the item says who."""
    asked_about, not_asked_about = cut_off("A boat."), None
    ask_about_unknown_calls(tools, run)
    not_asked_about = cut_off("A bicycle.")

    assert release_call(tools, run, str(asked_about), billed=True, by="Ada") == Decimal("0.0000004")
    assert release_call(tools, run, not_asked_about, billed=False, by="Ada") == Decimal(0)

    assert {(item.subject_id, item.state, item.decision, item.decided_by) for item in items(tools)} == {
        (str(asked_about), "decided", "billed", "Ada"),
        (str(not_asked_about), "decided", "not_billed", "Ada"),
    }
    assert book.states() == {"failed": 2}
    with pytest.raises(NotUnfinished):
        release_call(tools, run, asked_about, billed=False, by="Grace")
    with pytest.raises(NotUnfinished, match="is not the id of a call"):
        release_call(tools, run, "nonsense", billed=False, by="Grace")


def test_a_release_that_dies_in_between_leaves_call_and_item_as_they_were(
    tools: Tools, run: Run, book: Book, cut_off: Callable[[str], uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction holds the money and the decision."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    call_id = cut_off("A boat.")
    ask_about_unknown_calls(tools, run)
    monkeypatch.setattr(calls, "write_decision", die)

    with pytest.raises(KeyboardInterrupt):
        release_call(tools, run, call_id, billed=True, by="Ada")

    assert (book.states(), book.intents, items(tools)[0].state) == ({"unknown": 1}, 1, "open")


def test_a_decision_that_is_killed_leaves_call_and_item_as_they_were(
    tools: Tools,
    run: Run,
    book: Book,
    installation: Path,
    cut_off: Callable[[str], uuid.UUID],
) -> None:
    """Killed after it wrote the decision and before it wrote the money: neither is there, and it can be decided."""
    call_id = cut_off("A boat.")
    ask_about_unknown_calls(tools, run)
    (item,) = items(tools)

    with psycopg.connect(book.url) as owner:
        owner.execute("select from ledger.intent where call_id = %s for update", [call_id])
        deciding = subprocess.Popen(
            [sys.executable, "-m", "plumbline", "review", "decide", item.short, "billed"]
        )
        assert wait_until(lambda: _waits_for(owner), 60)
        deciding.kill()
        deciding.wait()
    assert wait_until(lambda: not book.rows("select from pg_locks where not granted"), 60)

    assert (book.states(), book.intents, items(tools)) == ({"unknown": 1}, 1, [item])
    decide(tools, item, "billed")
    assert (book.states(), book.intents, items(tools)[0].state) == ({"failed": 1}, 0, "decided")


def test_a_question_about_a_call_that_has_ended_is_withdrawn(
    tools: Tools, run: Run, cut_off: Callable[[str], uuid.UUID]
) -> None:
    """Nobody is asked about what is settled; deciding it all the same changes nothing."""
    call_id = cut_off("A boat.")
    ask_about_unknown_calls(tools, run)
    with tools.db.transaction("main") as session:
        release_within(session, call_id, billed=True)
    with pytest.raises(NotUnfinished):
        decide(tools, items(tools)[0], "not_billed")
    assert items(tools)[0].state == "open"

    assert ask_about_unknown_calls(tools, run) == {"unknown_calls": 0, "withdrawn": 1}

    assert [(item.state, item.decided_by) for item in items(tools)] == [("withdrawn", "test.step")]


def test_of_two_who_look_at_once_each_asks_what_is_new_and_one_withdraws_what_has_ended(
    tools: Tools, run: Run, cut_off: Callable[[str], uuid.UUID], book: Book
) -> None:
    """The other is at it: nobody waits for that, and nothing is rolled back."""
    call_id = cut_off("A boat.")
    ask_about_unknown_calls(tools, run)
    with tools.db.transaction("main") as session:
        release_within(session, call_id, billed=True)
    cut_off("A bicycle.")

    with ThreadPoolExecutor(1) as thread:
        with tools.db.transaction("main") as other:
            review.withdraw(other, items(tools)[0].item_id, "the other")
            looked = thread.submit(ask_about_unknown_calls, tools, run)
            while not looked.done() and not book.rows("select from pg_locks where not granted"):
                pass
        assert looked.result() == {"unknown_calls": 1, "withdrawn": 0}

    assert sorted(item.state for item in items(tools)) == ["open", "withdrawn"]


def test_what_waits_already_is_not_written_again(
    tools: Tools, run: Run, cut_off: Callable[[str], uuid.UUID], book: Book
) -> None:
    """Whoever looks every minute at thousands of questions leaves them as they are."""
    cut_off("A boat.")
    ask_about_unknown_calls(tools, run)
    before = book.rows("select xmin::text from review.item")

    cut_off("A bicycle.")
    ask_about_unknown_calls(tools, run)

    assert before[0] in book.rows("select xmin::text from review.item")
    assert len(items(tools)) == 2


def _waits_for(session: psycopg.Connection) -> bool:
    """Whether another session waits for what this one holds."""
    return bool(
        session.execute(
            "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))"
        ).fetchall()
    )
