"""The database goes away while answers are under way, and comes back."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from plumbline.core.db import DatabaseFull, DatabaseUnreachable
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, Endpoint, background, list_unknown
from plumbline.models.policy import Policy

if TYPE_CHECKING:
    from conftest import Book

QUICK = Policy(patience=2, attempts=3, first_pause=0.01, longest_pause=0.02, default_wait=0.05)
# As many as are looked up, and sent, before the block ends.
TEXTS = [f"Boat {number}." for number in range(256)]


class Outage:
    """Takes one database away, for everyone, and gives it back."""

    def __init__(self, scratch: Scratch, database: str) -> None:
        self._url = scratch.server.admin_url()
        self._database = database

    def begin(self) -> None:
        """Refuse new connections and end those that are open."""
        self._admit(admitted=False)
        with psycopg.connect(self._url) as administrator:
            administrator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [self._database]
            )

    def end(self) -> None:
        """Let everyone in again."""
        self._admit(admitted=True)

    def _admit(self, *, admitted: bool) -> None:
        statement = f'alter database "{self._database}" with allow_connections {admitted}'
        with psycopg.connect(self._url, autocommit=True) as administrator:
            administrator.execute(statement.encode())


@pytest.fixture
def outage(scratch: Scratch, database: str) -> Iterator[Outage]:
    """An outage to begin, over when the test is."""
    outage = Outage(scratch, database)
    yield outage
    outage.end()


def tries(caplog: pytest.LogCaptureFixture) -> int:
    """How often an answer in hand was tried to keep, in vain."""
    return sum("cannot be kept yet" in record.getMessage() for record in caplog.records)


def start_to_buy(door: Door, book: Book, outage: Outage, afterwards: Callable[[], None]) -> None:
    """Begin the outage while the provider is at work; the block ends as `afterwards` says."""
    with door.embedding("embed_chunk") as stream:
        for text in TEXTS:
            stream.add(text, 10)
        assert wait_until(lambda: book.intents == 1, 30)
        outage.begin()
        afterwards()


@pytest.mark.parametrize("caller_fails", [False, True])
def test_an_answer_in_hand_is_kept_when_the_database_is_back(
    live: Door,
    book: Book,
    outage: Outage,
    model_server: RunningServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    caller_fails: bool,
) -> None:
    """Even if the caller has failed meanwhile, and for longer than it waits for anything else: it is paid for."""
    monkeypatch.setattr(background, "_GRACE_SECONDS", 0.01)
    model_server.fault("slow", times=1, seconds=1)

    def go_on() -> None:
        if caller_fails:
            assert wait_until(lambda: tries(caplog) >= 1, 30)
            raise ArithmeticError

    def mend() -> None:
        assert wait_until(lambda: tries(caplog) >= 8, 30)
        outage.end()

    mending = threading.Thread(target=mend)
    mending.start()
    with pytest.raises(ArithmeticError) if caller_fails else contextlib.nullcontext():
        start_to_buy(live, book, outage, go_on)
    mending.join()

    assert (book.answers, book.intents, book.states()) == (len(TEXTS), 0, {"settled": 1})
    assert model_server.meter()["billed_requests"] == 1


def test_an_answer_is_not_held_for_ever(
    tools: Tools,
    run: Run,
    book: Book,
    provider: Callable[..., Endpoint],
    outage: Outage,
    model_server: RunningServer,
) -> None:
    """The call stays in the book as cut off: a person, or the next run, ends it."""
    model_server.fault("slow", times=1, seconds=1)
    door = Door(tools, run, endpoint=provider(), policy=replace(QUICK, keep_trying=0.3))

    with pytest.raises(DatabaseUnreachable):
        start_to_buy(door, book, outage, lambda: None)
    outage.end()

    assert [(call.state, call.inputs) for call in list_unknown(tools)] == [("sent", len(TEXTS))]


def test_an_interruption_does_not_wait_for_the_database(
    live: Door,
    tools: Tools,
    book: Book,
    outage: Outage,
    model_server: RunningServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever ends a task gets it ended; the call is in the book as cut off."""
    monkeypatch.setattr(background, "_GRACE_SECONDS", 0.2)
    model_server.fault("slow", times=1, seconds=1)

    def interrupt() -> None:
        assert wait_until(lambda: tries(caplog) >= 3, 30)
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        start_to_buy(live, book, outage, lambda: None)
    assert wait_until(lambda: "given up" in caplog.text, 30)
    outage.end()

    assert [call.state for call in list_unknown(tools)] == ["sent"]


def test_a_connection_that_ends_within_a_transaction_is_said_in_a_sentence(
    tools: Tools, outage: Outage
) -> None:
    """Nobody should have to read what the driver says; when the database is back, so are we."""

    def work() -> None:
        with tools.db.transaction("main") as session:
            outage.begin()
            session.execute("select 1")

    with pytest.raises(DatabaseUnreachable, match=r"broke off .*plumbline doctor"):
        work()
    with pytest.raises(DatabaseUnreachable, match="does not answer"), tools.db.transaction("main"):
        pass
    outage.end()

    with tools.db.transaction("main") as session:
        assert session.execute("select 1 as one").fetchall() == [{"one": 1}]


def test_a_full_disk_is_said_in_a_sentence_and_the_connection_stays(tools: Tools) -> None:
    """The transaction is gone, the session is not."""
    with (
        pytest.raises(DatabaseFull, match=r"No space left.*make room"),
        tools.db.transaction("main") as session,
    ):
        session.execute(
            "do $$ begin raise exception 'could not extend file: No space left' using errcode = 'disk_full'; end $$"
        )

    with tools.db.transaction("main") as again:
        assert again is session
