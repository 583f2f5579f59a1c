"""What Postgres cannot help is said in a sentence, and a connection has one user at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import pq

from plumbline.core.db import Database, DatabaseFull, DatabaseUnreachable, plainly
from plumbline.core.errors import Passing


class Session:
    """Stands in for a connection: open or closed, with one transaction at a time."""

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        self.busy = False
        self.ended = False

    @property
    def info(self) -> SimpleNamespace:
        """Say whether a transaction is open."""
        status = pq.TransactionStatus.INTRANS if self.busy else pq.TransactionStatus.IDLE
        return SimpleNamespace(transaction_status=pq.TransactionStatus.UNKNOWN if self.closed else status)

    def close(self) -> None:
        """Close it."""
        self.closed = True

    def execute(self, *_: object) -> None:
        """Run nothing, unless the server has ended it."""
        if self.ended:
            raise psycopg.errors.AdminShutdown

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Notice two users."""
        assert not self.busy
        self.busy = True
        yield
        self.busy = False


class Sessions(Database):
    """Opens stand-ins."""

    def __init__(self) -> None:
        super().__init__("")
        self.opened: list[Session] = []

    def connect(self) -> Session:  # type: ignore[override]
        """Open one."""
        self.opened.append(Session())
        return self.opened[-1]


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        (
            psycopg.OperationalError("server closed the connection unexpectedly\n\tThis probably means …"),
            True,
        ),
        (psycopg.errors.AdminShutdown("terminating connection due to administrator command"), False),
        (psycopg.errors.CrashShutdown("terminating connection because of crash"), False),
    ],
)
def test_a_connection_that_breaks_off_is_said_in_a_sentence(error: psycopg.Error, closed: bool) -> None:
    """A task that meets it is tried again; its cause is kept for the log."""
    session = Session(closed=closed)

    with pytest.raises(DatabaseUnreachable) as said, plainly(session):  # type: ignore[arg-type]
        raise error

    assert str(said.value) == (
        f"The connection to Postgres broke off ({str(error).splitlines()[0]}). `plumbline doctor` says what to do."
    )
    assert (said.value.__cause__, session.closed) == (error, True)


def test_a_full_disk_names_what_to_do() -> None:
    """Room has to be made; then the same may succeed."""
    error = psycopg.errors.DiskFull('could not extend file "base/1/2": No space left on device\nHINT: …')

    with pytest.raises(DatabaseFull, match="make room where") as said, plainly(Session()):  # type: ignore[arg-type]
        raise error

    assert (said.value.__cause__, isinstance(said.value, Passing)) == (error, True)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DeadlockDetected("deadlock detected"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        psycopg.errors.CheckViolation("violates a check"),
        ValueError("ours"),
    ],
)
def test_every_other_error_is_let_through(error: Exception) -> None:
    """It says more about the statement than a sentence of ours could."""
    session = Session()

    with pytest.raises(type(error)) as said, plainly(session):  # type: ignore[arg-type]
        raise error

    assert (said.value, session.closed) == (error, False)


def test_a_connection_is_used_again_while_it_lives() -> None:
    """After a restart of Postgres the idle ones are dead, and the next use opens anew."""
    database = Sessions()
    with database.transaction("main"), database.transaction("main"):
        pass
    with database.transaction("main"):
        pass
    assert len(database.opened) == 2

    for session in database.opened:
        session.ended = True
    with database.transaction("main"):
        pass

    assert [session.closed for session in database.opened] == [True, True, False]


def test_a_connection_that_was_left_in_a_transaction_is_closed() -> None:
    """Whoever took it next would commit, or see, what is not his."""
    database = Sessions()
    left = database.borrow()
    left.busy = True  # type: ignore[attr-defined]

    database.give_back(left)

    assert left.closed
    assert database.borrow() is not left


def test_threads_never_share_a_connection() -> None:
    """Two statements on one connection would be in one transaction, and one tenant."""
    database, failures = Sessions(), []

    def work() -> None:
        try:
            for _ in range(300):
                with database.transaction("main"):
                    pass
        except BaseException as error:  # noqa: BLE001 - asserted on below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (failures, len(database.opened) <= 6) == ([], True)
