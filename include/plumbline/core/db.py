"""
The one way to Postgres: bound parameters, one tenant per transaction.

Every transaction names its tenant, and row-level security in the database holds it there; a transaction that
names none sees nothing.  The tenant is set for the transaction only, so a pooled connection cannot leak it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql as pgsql
from psycopg.rows import dict_row

from plumbline.core import arrays  # noqa: F401 - a connection knows the types that were registered before it was opened
from plumbline.core.connections import Connection
from plumbline.core.errors import Misconfigured, Passing
from plumbline.core.sql import statement

if TYPE_CHECKING:
    from psycopg.abc import Query
    from psycopg.rows import DictRow

    Session = psycopg.Connection[DictRow]


class DatabaseUnreachable(Passing):
    """Postgres does not answer; `plumbline doctor` says what to do."""


class Database:
    """Connections of one role to one database, kept for the life of the process and opened at first use."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._idle: list[Session] = []

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
        """
        session = self._idle.pop() if self._idle else self.connect()
        try:
            with session.transaction():
                session.execute("select set_config('plumbline.tenant', %s, true)", [tenant or ""])
                yield session
        finally:
            if session.closed or session.broken:
                session.close()
            else:
                self._idle.append(session)

    def connect(self) -> Session:
        """Open a connection of the caller's own; the caller closes it."""
        try:
            return psycopg.connect(self._conninfo, row_factory=dict_row, autocommit=True)
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            message = f"Postgres does not answer ({reason}). `plumbline doctor` says what to do."
            raise DatabaseUnreachable(message) from error

    def close(self) -> None:
        """Close what is open; the next use opens anew."""
        while self._idle:
            self._idle.pop().close()


def rows(session: Session, name: str, /, **parameters: object) -> list[DictRow]:
    """Run the named statement and return all its rows."""
    return session.execute(_query(name), parameters or None).fetchall()


def row(session: Session, name: str, /, **parameters: object) -> DictRow | None:
    """Run the named statement and return its first row, or None."""
    return session.execute(_query(name), parameters or None).fetchone()


def value(session: Session, name: str, /, **parameters: object) -> Any:  # noqa: ANN401 - a column of any type
    """Run the named statement and return the first column of its first row, or None."""
    found = row(session, name, **parameters)
    return None if found is None else next(iter(found.values()))


def run(session: Session, name: str, /, **parameters: object) -> int:
    """Run the named statement and return how many rows it touched."""
    return session.execute(_query(name), parameters or None).rowcount


def on_embeddings(name: str, table: str) -> pgsql.Composed:
    """Return a statement over the table of one index version, which it calls `{embedding}`; the name is quoted."""
    return pgsql.SQL(statement(name)).format(embedding=pgsql.Identifier("corpus", table))  # type: ignore[arg-type]


def required(connection: Connection | None, conn_id: str) -> Connection:
    """Return the connection, or say that it is missing."""
    if connection is None:
        message = f"The connection {conn_id} is not set: `make demo` sets it up; deployed, see .env.example."
        raise Misconfigured(message)
    return connection


def _query(name: str) -> Query:
    return statement(name)  # type: ignore[return-value]  # trusted text from a file of ours
