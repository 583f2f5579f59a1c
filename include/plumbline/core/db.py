"""
The one way to Postgres: bound parameters, one tenant per transaction.

Every transaction names its tenant, and row-level security in the database holds it there; a transaction that
names none sees nothing.  The tenant is set for the transaction only, so a pooled connection cannot leak it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import errors, pq
from psycopg import sql as pgsql
from psycopg.rows import dict_row

from plumbline.core import arrays  # noqa: F401 - a connection knows the types that were registered before it was opened
from plumbline.core.connections import Connection
from plumbline.core.errors import Misconfigured, Passing
from plumbline.core.sql import statement

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    Session = psycopg.Connection[DictRow]


class DatabaseUnreachable(Passing):
    """Postgres does not answer, or broke off; `plumbline doctor` says what to do."""


class DatabaseFull(Passing):
    """Postgres has no room to write; nothing of the transaction was kept."""


# The server ends sessions, or takes none: the connection may not have noticed yet.
_SHUTTING_DOWN = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)


@contextlib.contextmanager
def plainly(session: Session) -> Iterator[None]:
    """
    Say in a sentence what no caller can help; every other error of Postgres is let through as it is.

    Raises:
        DatabaseUnreachable: The connection broke off, or the server is shutting down; the session is closed.
        DatabaseFull: The disk of Postgres is full.
    """
    try:
        yield
    except errors.DiskFull as error:
        message = (
            f"The disk of Postgres is full ({_first_line(error)}). Nothing of the last transaction was kept: make "
            "room where Postgres keeps its data, then start the same again."
        )
        raise DatabaseFull(message) from error
    except psycopg.OperationalError as error:
        if not (session.closed or isinstance(error, _SHUTTING_DOWN)):
            raise
        session.close()
        message = f"The connection to Postgres broke off ({_first_line(error)}). `plumbline doctor` says what to do."
        raise DatabaseUnreachable(message) from error


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """
    Say in a sentence that no connection could be opened.

    Raises:
        DatabaseUnreachable: Postgres does not answer, or lets nobody in under that name.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        message = f"Postgres does not answer ({_first_line(error)}). `plumbline doctor` says what to do."
        raise DatabaseUnreachable(message) from error


def _first_line(error: psycopg.Error) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class Database:
    """
    Connections of one role to one database, kept for the life of the process and opened at first use.

    Threads may share it: each transaction has a connection of its own, and taking one off the idle ones, or
    putting it back, is one step of a deque.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._idle: deque[Session] = deque()

    @classmethod
    def of(cls, connection: Connection) -> Database:
        """Return the database that an Airflow connection names."""
        options = {key: str(value) for key, value in connection.extra.items() if key.startswith("ssl")}
        return cls(
            psycopg.conninfo.make_conninfo(
                host=connection.host,
                port=connection.port or 5432,
                dbname=connection.schema,
                user=connection.login,
                password=connection.password,
                application_name="plumbline",
                connect_timeout=10,
                **options,
            )
        )

    @contextlib.contextmanager
    def transaction(self, tenant: str | None) -> Iterator[Session]:
        """
        Open one transaction in which only the tenant's rows exist.

        `None` is for what belongs to no tenant (prices, rate limits); it sees no tenant's rows.

        Raises:
            DatabaseUnreachable: Postgres does not answer, or the connection broke off on the way.
            DatabaseFull: The disk of Postgres is full.
        """
        session = self.borrow()
        try:
            with plainly(session), session.transaction():
                session.execute("select set_config('plumbline.tenant', %s, true)", [tenant or ""])
                yield session
        finally:
            self.give_back(session)

    def borrow(self) -> Session:
        """
        Return a connection that answers, for the caller alone, who gives it back as it was, or closes it.

        Raises:
            DatabaseUnreachable: Postgres does not answer.
        """
        return self._take_living() or self.connect()

    def give_back(self, session: Session) -> None:
        """Keep a connection for the next who needs one; one that was closed, or left in a transaction, is none."""
        if session.info.transaction_status is pq.TransactionStatus.IDLE:
            self._idle.append(session)
        else:
            session.close()

    def connect(self) -> Session:
        """Open a connection of the caller's own; the caller closes it."""
        with answering():
            return psycopg.connect(self._conninfo, row_factory=dict_row, autocommit=True)

    def close(self) -> None:
        """Close what is open; the next use opens anew."""
        while (session := self._take_idle()) is not None:
            session.close()

    def _take_living(self) -> Session | None:
        """Return an idle connection that still answers: those from before a restart of Postgres do not."""
        session = self._take_idle()
        if session is None:
            return None
        try:
            session.execute("")
        except psycopg.OperationalError:
            session.close()
            self.close()
            return None
        return session

    def _take_idle(self) -> Session | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def rows(session: Session, name: str, /, **parameters: object) -> list[DictRow]:
    """Run the named statement and return all its rows."""
    return session.execute(query(name), parameters or None).fetchall()


def row(session: Session, name: str, /, **parameters: object) -> DictRow | None:
    """Run the named statement and return its first row, or None."""
    return session.execute(query(name), parameters or None).fetchone()


def value(session: Session, name: str, /, **parameters: object) -> Any:
    """Run the named statement and return the first column of its first row, or None."""
    found = row(session, name, **parameters)
    return None if found is None else next(iter(found.values()))


def run(session: Session, name: str, /, **parameters: object) -> int:
    """Run the named statement and return how many rows it touched."""
    return session.execute(query(name), parameters or None).rowcount


def on_embeddings(name: str, table: str) -> pgsql.Composed:
    """Return a statement over the table of one index version, which it calls `{embedding}`; the name is quoted."""
    return pgsql.SQL(query(name)).format(embedding=pgsql.Identifier("corpus", table))


def required(connection: Connection | None, conn_id: str) -> Connection:
    """Return the connection, or say that it is missing."""
    if connection is None:
        message = f"The connection {conn_id} is not set: `make demo` sets it up; deployed, see .env.example."
        raise Misconfigured(message)
    return connection


def query(name: str) -> LiteralString:
    """Return the named statement: text from a file of ours, which a driver may take without a doubt."""
    return statement(name)
