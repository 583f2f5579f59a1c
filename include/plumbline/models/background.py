"""
Purchases under way in the background, and what becomes of them when their caller leaves.

The caller goes on while requests are under way; too much under way makes it wait, so memory stays flat.  What goes
wrong reaches the caller at its next step, or when it leaves.  After an error nothing new is sent, and what is under way
is settled: it is paid for.  Only an interruption (Ctrl-C, the end of a task's time) does not wait for a database that
is away.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

import psycopg

from plumbline.core.errors import Fatal, PlumblineError
from plumbline.models.requests import Usage
from plumbline.models.sessions import HeldSession

log = logging.getLogger(__name__)

_GRACE_SECONDS = 30.0


class Stopped(Exception):
    """The stream was stopped before this request was sent."""


class Background:
    """Threads that buy for one stream; `at_most` of them at a time."""

    def __init__(self, at_most: int, session: HeldSession, keep_trying: float) -> None:
        """Take the session that is closed when nobody is at work any more."""
        self.stop = threading.Event()
        self.hurry = threading.Event()
        """Set when no answer is to be held any longer than its next attempt: the process is about to end."""
        self.before_closing: Callable[[], None] = lambda: None
        """Called when nobody is at work any more, while the session is still open."""
        self._at_most = at_most
        self._session = session
        self._keep_trying = keep_trying
        self._changed = threading.Condition()
        self._at_work = 0
        self._in_hand = 0
        self._left = False
        self._failure: BaseException | None = None
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """What has been used so far."""
        with self._changed:
            return self._usage

    def count(self, used: Usage) -> None:
        """Add what was used."""
        with self._changed:
            self._usage += used

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Have an answer in hand that the database has not taken yet."""
        with self._changed:
            self._in_hand += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_hand -= 1
                self._changed.notify_all()

    def start(self, work: Callable[[], None]) -> None:
        """Work in the background; wait first while too much is under way."""
        with self._changed:
            self._changed.wait_for(lambda: self._at_work < self._at_most or self._failure is not None)
            self.raise_failure()
            self._at_work += 1
        try:
            threading.Thread(target=self._work, args=(work,), name="plumbline-door", daemon=True).start()
        except RuntimeError:  # the system has no thread to give
            with self._changed:
                self._at_work -= 1
            raise

    def wait_for_all(self) -> None:
        """Return when nothing is under way; raise what went wrong."""
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work)
        self.raise_failure()

    def leave(self, error: BaseException | None) -> None:
        """Start nothing more, let what is under way settle for a while; the last one out closes the session."""
        self.stop.set()
        with self._changed:
            self._left = True
            self._changed.wait_for(lambda: not self._at_work, _GRACE_SECONDS)
            if error is not None and not isinstance(error, Exception):
                self.hurry.set()
            else:
                self._changed.wait_for(lambda: not self._at_work or not self._in_hand, self._keep_trying)
            if self._at_work:
                log.warning("left %d requests under way; the next run ends them", self._at_work)
            else:
                self._close()

    def raise_failure(self) -> None:
        """Raise what went wrong in the background, if anything did."""
        if self._failure is not None:
            raise self._failure

    def _close(self) -> None:
        try:
            self.before_closing()
        except (psycopg.Error, PlumblineError) as error:
            # Closing frees the lock, and the next who needs room takes back what is leased by a process that is gone.
            log.warning("leases of budgets are left to the next run (%s)", type(error).__name__)
        finally:
            self._session.close()

    def _work(self, work: Callable[[], None]) -> None:
        failure: BaseException | None = None
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread of the caller
            failure = error
        with self._changed:
            self._at_work -= 1
            if failure is not None:
                self.stop.set()
                self._failure = _graver(self._failure, failure)
            if self._left and not self._at_work:
                self._close()
            self._changed.notify_all()


def _graver(first: BaseException | None, second: BaseException) -> BaseException:
    """Return which of two failures the caller hears of: what needs a person comes before what may pass."""
    if first is None or (isinstance(second, Fatal) and not isinstance(first, Fatal)):
        return second
    return first
