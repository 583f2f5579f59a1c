"""
A provider that fails one worker again and again is left alone by all, and tried by one.

Run as a program, this file is a worker that tries it, and is killed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plumbline.core.connections import Connection
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.core.settings import Settings
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, Endpoint, ProviderResting, RetryLater, list_failing, reset_breakers
from plumbline.models.breakers import SharedBreaker
from plumbline.models.endpoints import connected
from plumbline.models.errors import AnswerUnusable, ProviderFailing, ProviderUnreachable
from plumbline.models.policy import Policy
from plumbline.models.sessions import HeldSession

if TYPE_CHECKING:
    from conftest import Book

POLICY = Policy(
    patience=2, attempts=3, first_pause=0.01, longest_pause=0.02, default_wait=0.05, failures_to_rest=3, first_rest=60
)  # fmt: skip
STANDING = "select state, failures, pause from ledger.breaker"


def buy(door: Door, text: str = "The harbour is closed in winter.") -> None:
    """Embed one text."""
    with door.embedding("embed_chunk") as stream:
        stream.add(text, 10)


@pytest.fixture
def ours(tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]) -> Door:
    """Return the door of one worker."""
    return Door(tools, run, endpoint=provider(idempotent=True), policy=POLICY)


@pytest.fixture
def theirs(more_tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]) -> Door:
    """Return the door of another worker."""
    return Door(more_tools, run, endpoint=provider(idempotent=True), policy=POLICY)


@pytest.fixture
def resting(ours: Door, book: Book, model_server: RunningServer) -> None:
    """Have a provider that has failed so often that it is left alone, and that works again."""
    model_server.fault("500", times=None)
    with pytest.raises(ProviderFailing):
        buy(ours)
    model_server.reset()


def replaced(door: Door, **changes: object) -> Door:
    """Return the same door to another endpoint."""
    door.endpoint = replace(door.endpoint, **changes)  # type: ignore[arg-type]
    return door


def after_its_pause(book: Book) -> None:
    """Let the time until the next try be over."""
    book.change("update ledger.breaker set next_probe_at = now() - interval '1 second'")


def test_what_failed_one_worker_is_not_sent_by_another(
    resting: None, theirs: Door, book: Book, model_server: RunningServer
) -> None:
    """Nothing is reserved, intended or sent; the error says since when, why, and until when."""
    calls = book.calls("call_id")

    with pytest.raises(ProviderResting, match=r"since \d\d:\d\d:\d\d UTC \(500\).* tried again at") as said:
        buy(theirs)

    assert 50 < said.value.seconds <= 60
    assert (book.calls("call_id"), book.intents, model_server.meter()["requests"]) == (calls, 0, 0)
    assert book.rows("select (requests).bulk_served from ledger.bucket") == [(1,)]


def test_a_call_that_is_under_way_when_it_opens_ends_unbilled(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """It has attempts left, and they are not used."""
    model_server.fault("500", times=None)
    patient = replace(POLICY, attempts=50)

    with pytest.raises(ProviderResting):
        buy(Door(tools, run, endpoint=provider(), policy=patient))

    assert book.calls("state, attempts, cost_usd") == [("failed", 3, 0)]
    assert (book.intents, model_server.meter()["requests"]) == (0, 3)


def test_a_lost_attempt_stays_on_record_when_it_opens(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """It may have been billed: the next run asks again, under its own key, and pays once."""
    model_server.fault("drop_after", times=3)
    door = Door(tools, run, endpoint=provider(idempotent=True), policy=replace(POLICY, attempts=50))

    with pytest.raises(ProviderResting):
        buy(door)
    assert (book.states(), book.intents) == ({"sent": 1}, 1)
    reset_breakers(tools)
    buy(door)

    assert (book.states(), book.intents) == ({"settled": 1}, 0)
    assert model_server.meter()["billed_requests"] == 1


def test_one_worker_alone_tries_and_its_answer_opens_the_way_for_all(
    resting: None, ours: Door, theirs: Door, book: Book, model_server: RunningServer
) -> None:
    """While it is under way, the others do not send."""
    after_its_pause(book)
    model_server.fault("slow", times=1, seconds=1)
    trying = threading.Thread(target=buy, args=(ours, "Boats are taken out of the water."))
    trying.start()
    assert wait_until(lambda: book.rows(STANDING)[0][0] == "half-open", 30)

    with pytest.raises(ProviderResting):
        buy(theirs)
    trying.join(60)
    buy(theirs)

    assert book.rows(STANDING) == []
    assert model_server.meter()["requests"] == 2


def test_a_try_that_fails_doubles_the_pause(
    resting: None, ours: Door, theirs: Door, book: Book, model_server: RunningServer
) -> None:
    """One request was spent on it, by one worker."""
    after_its_pause(book)
    model_server.fault("500", times=None)

    for door in (ours, theirs):
        with pytest.raises(ProviderResting):
            buy(door)

    assert book.rows(STANDING) == [("open", 4, 120)]
    assert model_server.meter()["requests"] == 1


def test_who_tries_and_is_killed_is_followed_by_another(
    resting: None, theirs: Door, book: Book, model_server: RunningServer, scratch: Scratch, database: str,
) -> None:  # fmt: skip
    """When its time is over; what it had sent is asked for again and paid for once."""
    after_its_pause(book)
    model_server.fault("slow", times=1, seconds=60)
    url = scratch.url(database, "app")
    killed = subprocess.Popen([sys.executable, __file__, url, model_server.base_url])
    assert wait_until(lambda: model_server.meter()["requests"] == 1, 60)
    killed.kill()
    killed.wait()
    assert book.rows(STANDING) == [("half-open", 3, 60)]

    with pytest.raises(ProviderResting):
        buy(theirs)
    after_its_pause(book)
    buy(theirs)

    assert (book.rows(STANDING), book.intents) == ([], 0)
    assert set(model_server.meter()["by_key"].values()) == {1}


def test_an_answer_that_cannot_be_used_is_one(resting: None, ours: Door, book: Book) -> None:
    """The provider works, whatever is wrong with what it says."""
    after_its_pause(book)
    with pytest.raises(AnswerUnusable):
        buy(replaced(ours, dimensions=5000))

    assert book.rows(STANDING) == []


def test_who_has_nothing_to_send_leaves_the_try_to_another(
    resting: None, ours: Door, tools: Tools, more_tools: Tools, book: Book
) -> None:
    """At once: what it wanted has been bought meanwhile."""
    after_its_pause(book)
    with HeldSession(tools.db, "main") as one, HeldSession(more_tools.db, "main") as other:
        mine, theirs = (SharedBreaker(session, ours.endpoint, POLICY) for session in (one, other))
        mine.require_try()
        with pytest.raises(ProviderResting):
            theirs.require_try()

        mine.let_go()
        theirs.require_try()

    assert (mine.lease, theirs.lease) == (None, book.rows("select lease from ledger.breaker")[0][0])


def test_a_try_that_comes_to_nothing_holds_nobody_up(
    resting: None, ours: Door, theirs: Door, book: Book
) -> None:
    """Its purchase ended before anything was sent: the next caller tries at once."""
    after_its_pause(book)
    book.change("update ledger.bucket set closed_until = now() + interval '90 seconds'")
    with pytest.raises(RetryLater):
        buy(ours)
    assert book.rows(STANDING) == [("open", 3, 60)]
    book.change("update ledger.bucket set closed_until = null")

    buy(theirs)

    assert book.rows(STANDING) == []


def test_a_provider_that_works_costs_no_statement(
    live: Door, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it does is told with what is taken from the bucket."""

    def never(_: SharedBreaker) -> None:
        raise AssertionError("the breaker was looked at")

    monkeypatch.setattr(SharedBreaker, "_changing", never)

    buy(live)

    assert book.states() == {"settled": 1}


def test_an_answer_ends_the_count(live: Door, book: Book, model_server: RunningServer) -> None:
    """Two failures and an answer are no step towards being left alone."""
    model_server.fault("500", times=2)

    buy(live)

    assert book.rows(STANDING) == []


def test_who_cannot_be_reached_is_left_alone_as_well(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]
) -> None:
    """And a person can see it, and say that it works again."""
    nowhere = replace(provider(), base_url="http://127.0.0.1:9/v1")
    door = Door(tools, run, endpoint=nowhere, policy=POLICY)
    with pytest.raises(ProviderUnreachable):
        buy(door)
    with pytest.raises(ProviderResting):
        buy(door)

    [failing] = list_failing(tools.db)
    assert "nothing is sent since" in failing.sentence
    assert "the next try is at" in failing.sentence
    assert "3 failures in a row" in failing.sentence
    assert reset_breakers(tools, "another-model") == []
    assert reset_breakers(tools, failing.model) == [(failing.endpoint, failing.model)]
    with pytest.raises(ProviderUnreachable):
        buy(door)


if __name__ == "__main__":
    database = Database(sys.argv[1])
    extra = {"embedding_model": "local-wordllama", "idempotent": True}
    endpoint = connected(
        Connection(kind="openai", host=sys.argv[2], password="sk-the-key-of-tests", extra=extra)
    )
    tools = Tools(Settings({}, Path()), database, database)
    buy(Door(tools, Run(tenant="main", job="t"), endpoint=endpoint, policy=POLICY))
