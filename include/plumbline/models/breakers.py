"""
The breaker of a model at an endpoint, shared by all workers: `plumbline.models.breaking` decides, this writes it down.

A healthy provider costs no statement here: that it is healthy comes with what is taken from its bucket.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import psycopg

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.core.db import DatabaseFull, DatabaseUnreachable
from plumbline.core.tools import Tools
from plumbline.models.breaking import (
    HEALTHY,
    Admission,
    Breaker,
    State,
    admission,
    after_answer,
    after_failure,
    after_no_try,
    is_failure,
    probing,
    seconds_until,
)
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import ProviderResting
from plumbline.models.policy import Outcome, Policy

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

log = logging.getLogger(__name__)


class Sessions(Protocol):
    """Where a session is to be had, for one statement at a time."""

    def statement(self) -> AbstractContextManager[Session]:
        """Yield it."""


class SharedBreaker:
    """The breaker as one stream sees it; its threads may use it at once."""

    def __init__(self, session: Sessions, endpoint: Endpoint, policy: Policy) -> None:
        self._session, self._endpoint, self._policy = session, endpoint, policy
        self._troubled = False
        self._mine = threading.local()

    @property
    def lease(self) -> int | None:
        """The lease under which this thread tries a provider that has failed."""
        return getattr(self._mine, "lease", None)

    def notice(self, failures: int) -> None:
        """Hear what the bucket says: in a row, so many attempts have failed."""
        self._troubled = self._troubled or failures > 0

    def require_try(self) -> None:
        """
        Take the lease for the one call that tries a provider which has failed; nothing, when it is well again.

        Raises:
            ProviderResting: Its pause is not over, or somebody else tries.
        """
        self._mine.lease = None
        with self._changing() as (found, change):
            granted = admission(found.breaker, found.at)
            if granted is Admission.PROBE:
                lease = secrets.randbelow(2**63 - 1) + 1
                longest = self._endpoint.timeout + self._policy.patience
                change(probing(found.breaker, found.at, lease, longest))
                self._mine.lease = lease
        if granted is Admission.WAIT:
            raise self._resting(found)

    def require_try_if_known(self) -> None:
        """
        Do the same where nobody has told how the provider does: a healthy one costs a look.

        Raises:
            ProviderResting: As `require_try` does.
        """
        self._mine.lease = None
        found = self._look()
        self.notice(found.breaker.failures)
        if admission(found.breaker, found.at) is not Admission.GO:
            self.require_try()

    def require_rest_over(self) -> None:
        """
        Only look, and try nothing: for what is sent elsewhere, and says nothing of this provider.

        Raises:
            ProviderResting: Its pause is not over, or somebody tries.
        """
        found = self._look()
        if admission(found.breaker, found.at) is Admission.WAIT:
            raise self._resting(found)

    def _look(self) -> _Found:
        with self._session.statement() as session:
            row = db.row(
                session,
                "ledger/select_breaker",
                endpoint=self._endpoint.name,
                model=self._endpoint.model,
            )
        return _Found(HEALTHY, now()) if row is None else _found(row)

    def hear(self, outcome: Outcome) -> ProviderResting | None:
        """Take an attempt into account; return the error to end with when nothing more may be sent."""
        failed, lease = is_failure(outcome), self.lease
        if not failed and not self._troubled and lease is None:
            return None
        resting = None
        with self._advice(), self._changing() as (found, change):
            if failed:
                after = after_failure(found.breaker, found.at, outcome.label, lease, self._policy)
            else:
                after = after_answer(found.breaker, lease)
            change(after)
            if failed and after.opened_at is not None:
                resting = self._resting(dataclasses.replace(found, breaker=after))
            self._mine.lease, self._troubled = None, failed
        return resting

    def let_go(self) -> None:
        """Give back the lease of this thread: nothing was sent under it."""
        lease = self.lease
        if lease is not None:
            with self._advice(), self._changing() as (found, change):
                change(after_no_try(found.breaker, found.at, lease))
            self._mine.lease = None

    def _resting(self, found: _Found) -> ProviderResting:
        breaker = found.breaker
        seconds = seconds_until(breaker, found.at)
        return ProviderResting(
            self._endpoint.label,
            seconds,
            since=breaker.opened_at or found.at,
            until=found.at + timedelta(seconds=seconds),
            seen=breaker.seen,
        )

    @contextlib.contextmanager
    def _advice(self) -> Iterator[None]:
        """A breaker that cannot be written breaks nothing: the call itself is in the book."""
        try:
            yield
        except (psycopg.OperationalError, DatabaseUnreachable, DatabaseFull) as error:
            log.warning("the breaker of %s is not written: %s", self._endpoint.model, type(error).__name__)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[_Found, Callable[[Breaker], None]]]:
        """Yield the breaker, for this transaction alone, and what writes down a changed one."""
        where = {"endpoint": self._endpoint.name, "model": self._endpoint.model}
        changed: list[Breaker] = []
        with self._session.statement() as session, session.transaction():
            row = db.row(session, "ledger/lock_breaker", **where)
            if row is None:
                raise RuntimeError("an upsert returned no row")
            found = _found(row)
            yield found, changed.append
            after = changed[-1] if changed else found.breaker
            if after == HEALTHY:
                db.run(session, "ledger/delete_breaker", **where)
            elif changed:
                db.run(session, "ledger/update_breaker", **where, **dataclasses.asdict(after))


@dataclass(frozen=True, slots=True)
class _Found:
    breaker: Breaker
    at: datetime


def _found(row: DictRow) -> _Found:
    known = {field.name: row[field.name] for field in dataclasses.fields(Breaker)}
    return _Found(Breaker(**known), row["at"])


@dataclass(frozen=True, slots=True)
class Failing:
    """A model that has failed since it last answered; while calls are sent, `opened_at` is empty."""

    endpoint: str
    model: str
    state: State
    failures: int
    failed_at: datetime
    opened_at: datetime | None
    next_probe_at: datetime | None
    seen: str

    @property
    def sentence(self) -> str:
        """Say how it stands."""
        failed = (
            f"{self.failures} failures in a row, the last {self.failed_at:%Y-%m-%d %H:%M} UTC ({self.seen})"
        )
        if self.opened_at is None or self.next_probe_at is None:
            return f"{failed}; calls are sent"
        since, until = f"{self.opened_at:%Y-%m-%d %H:%M}", f"{self.next_probe_at:%H:%M:%S}"
        how = "one call tries it, until" if self.state == "half-open" else "the next try is at"
        return f"nothing is sent since {since} UTC, {how} {until} UTC; {failed}"


def list_failing(database: db.Database) -> list[Failing]:
    """Return the models that have failed since they last answered, at every endpoint."""
    with database.transaction(None) as session:
        return [Failing(**found) for found in db.rows(session, "ledger/select_breakers")]


def reset_breakers(tools: Tools, model: str | None = None) -> list[tuple[str, str]]:
    """Let calls be sent again at once, to one model or to all; return endpoint and model of each that had failed."""
    with tools.db.transaction(None) as session:
        found = db.rows(session, "ledger/delete_breakers", model=model)
    return [(row["endpoint"], row["model"]) for row in found]
