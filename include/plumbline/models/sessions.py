"""
The session in which a purchase is written, and by which others know that the buyer is alive.

It holds an advisory lock for as long as it is open.  Every intent names that lock; when the process is
killed, Postgres frees it at once, and whoever meets the intent knows that nobody will end the call any more.
No clock is asked.

The lock belongs to the session, so the database must be reached directly, not through a pooler that shares
sessions between transactions.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import psycopg

from plumbline.core import db
from plumbline.core.arrays import adapt_vectors
from plumbline.core.db import Database

if TYPE_CHECKING:
    from plumbline.core.db import Session


class HeldSession:
    """One connection, used by one thread at a time, that holds the lock `holder` while it is open."""

    def __init__(self, database: Database, tenant: str) -> None:
        self.holder = secrets.randbelow(2**63 - 1) + 1
        self.vector_oid = 0
        self._database = database
        self._tenant = tenant
        self._lock = threading.RLock()
        self._session: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction in which only the tenant's rows exist."""
        with self.statement() as session, session.transaction():
            session.execute("select set_config('plumbline.tenant', %s, true)", [self._tenant])
            yield session

    @contextlib.contextmanager
    def statement(self) -> Iterator[Session]:
        """Yield the session for single statements over what belongs to no tenant, each committed by itself."""
        with self._lock:
            session = self._opened()
            with db.plainly(session):
                yield session

    def close(self) -> None:
        """Free the lock and give the connection back; one that cannot free it is closed, which does."""
        with self._lock:
            if self._session is not None:
                try:
                    db.run(self._session, "ledger/release_holder_lock", holder=self.holder)
                except psycopg.Error:
                    self._session.close()
                self._database.give_back(self._session)
                self._session = None

    def _opened(self) -> Session:
        if self._session is not None and self._session.closed:
            self._session = None
        if self._session is None:
            session = self._database.borrow()
            try:
                with db.plainly(session):
                    self._prepare(session)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session

    def _prepare(self, session: Session) -> None:
        # After a broken connection the server may still hold it for the old one: that it is held is enough.
        db.run(session, "ledger/take_holder_lock", holder=self.holder)
        types = db.row(session, "ledger/select_vector_types")
        if types is None:
            raise psycopg.ProgrammingError("the extension vector is missing")
        self.vector_oid, array_oid = types["halfvec"], types["halfvecs"]
        adapt_vectors(session, array_oid)
