"""
A stream of texts to embed: given one by one, bought in full requests, several at once, in the background.

The caller reads and writes while requests are under way.  Too much under way makes `add` wait, so memory
stays flat; what goes wrong reaches the caller at the next `add`, at `flush`, or at the end of the `with`
block.  When the block ends with an error, nothing new is sent, and what is under way is settled: it is paid
for.  Only an interruption (Ctrl-C, the end of a task's time) does not wait for a database that is away.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

import psycopg

from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.core.errors import Fatal, PlumblineError
from plumbline.core.receipts import Run
from plumbline.models.buying import Buyer, Stopped
from plumbline.models.caps import cap_of, require_within
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import InputRefused, StillUnusable
from plumbline.models.identity import Keys
from plumbline.models.ledger import Ledger, any_cut_off, unanswered, unusable_lately
from plumbline.models.policy import Policy
from plumbline.models.prices import Price, input_price
from plumbline.models.requests import Input, Usage, full_requests, lifetime, paced
from plumbline.models.sessions import HeldSession
from plumbline.models.throttle import Throttle
from plumbline.privacy.minimise import minimise

log = logging.getLogger(__name__)

UNDER_WAY = 8
_LOOK_UP = 256
_GRACE_SECONDS = 30.0


class EmbeddingStream:
    """Texts in, answer keys out; the answers are in `ledger.answer` when `flush` returns.  For one thread."""

    def __init__(
        self, database: Database, run: Run, endpoint: Endpoint, policy: Policy, use: str, sensitivity: str
    ) -> None:
        self._database = database
        self._run = run
        self._endpoint = endpoint
        self._policy = policy
        self._use = use
        self._most_tokens = cap_of(use).most_tokens_in
        self._trusted = lifetime(use) is not None
        self._keys = Keys(run.tenant, use, endpoint.model, {"dimensions": endpoint.dimensions})
        self._stop = threading.Event()
        self._session = HeldSession(database, run.tenant)
        self._throttle = Throttle(self._session, endpoint, policy, self._stop)
        self._ledger = Ledger(self._session, run, endpoint, sensitivity)
        self._buyer = Buyer(endpoint, self._ledger, self._throttle, policy, self._stop, self._count)
        self._price: Price | None = None
        self._fresh: list[Input] = []
        self._missing: list[Input] = []
        self._pending: set[bytes] = set()
        self._changed = threading.Condition()
        self._at_work = 0
        self._left = False
        self._failure: BaseException | None = None
        self._usage = Usage()

    def __enter__(self) -> Self:
        """Look up the price, and end the calls that a crash has left."""
        self._price = input_price(self._database, self._endpoint.model)
        if any_cut_off(self._database, self._run.tenant, self._endpoint):
            try:
                for call in self._ledger.take_over_cut_off().adopted:
                    self._start(partial(self._buyer.repeat, call))
                self._wait_for_all()
            except BaseException as error:
                self._leave(error)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settle everything; after an error, only what is under way."""
        try:
            if kind is None:
                self.flush()
        except BaseException as late:
            error = late
            raise
        finally:
            self._leave(error)

    @property
    def usage(self) -> Usage:
        """What has been used so far."""
        with self._changed:
            return self._usage

    def add(self, text: str, tokens: int) -> bytes:
        """
        Take a text, with its tokens by the provider's tokenizer, and return the key of its answer.

        Raises:
            InputRefused: The text is empty, or longer than the model reads or its use allows.
            PlumblineError: A request of this stream went wrong.
        """
        self._raise_failure()
        minimised = minimise(text)
        limit = self._endpoint.limits.tokens_an_input
        if not minimised:
            raise InputRefused("An empty text cannot be embedded.")
        if tokens > limit:
            raise InputRefused(
                f"A text of {tokens} tokens cannot be embedded: {self._endpoint.model} reads {limit}."
            )
        require_within(self._use, tokens)
        key = self._keys.of(minimised)
        if self._is_pending(key):
            self._count(Usage(reused=1))
            return key
        self._fresh.append(Input(key, minimised, tokens))
        if len(self._fresh) >= _LOOK_UP:
            self._look_up()
            self._send(rest=False)
        return key

    def flush(self) -> None:
        """
        Return when every text that was added has its answer in `ledger.answer`.

        Raises:
            PlumblineError: A request of this stream went wrong.
        """
        self._look_up()
        self._send(rest=True)
        self._wait_for_all()

    def _is_pending(self, key: bytes) -> bool:
        with self._changed:
            if key in self._pending:
                return True
            self._pending.add(key)
            return False

    def _look_up(self) -> None:
        if not self._fresh:
            return
        missing = unanswered(self._database, self._run.tenant, [item.key for item in self._fresh])
        self._missing += [item for item in self._fresh if item.key in missing]
        with self._changed:
            self._pending.difference_update(item.key for item in self._fresh if item.key not in missing)
        self._count(Usage(reused=len(self._fresh) - len(missing)))
        self._fresh.clear()

    def _send(self, *, rest: bool) -> None:
        if self._price is None:
            raise RuntimeError("a stream is used in a `with` block")
        if self._price.day != now().date():
            self._price = input_price(self._database, self._endpoint.model)
        limits = paced(self._endpoint.limits, self._throttle.tokens_per_minute)
        if self._most_tokens is not None:
            limits = replace(limits, tokens=min(limits.tokens, self._most_tokens))
        for inputs in full_requests(self._missing, limits, rest=rest):
            self._require_usable_answers()
            self._start(partial(self._buy, inputs, self._price))

    def _require_usable_answers(self) -> None:
        """
        Refuse, once a stream, to go on buying what could not be used.

        For uses that keep their answers: those buy in bulk, and by a timetable.  A search, or a proof, is one
        small call of somebody who is there.
        """
        if not self._trusted:
            call_id = unusable_lately(self._database, self._run.tenant, self._endpoint, self._use)
            if call_id is not None:
                raise StillUnusable(call_id, self._use, self._endpoint.label)
            self._trusted = True

    def _buy(self, inputs: list[Input], price: Price) -> None:
        self._buyer.buy(self._use, inputs, price)
        with self._changed:
            self._pending.difference_update(item.key for item in inputs)

    def _start(self, work: Callable[[], None]) -> None:
        """Work in the background; wait first while too much is under way."""
        with self._changed:
            self._changed.wait_for(lambda: self._at_work < UNDER_WAY or self._failure is not None)
            self._raise_failure()
            self._at_work += 1
        try:
            threading.Thread(target=self._work, args=(work,), name="plumbline-door", daemon=True).start()
        except RuntimeError:  # the system has no thread to give
            with self._changed:
                self._at_work -= 1
            raise

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
                self._stop.set()
                self._failure = _graver(self._failure, failure)
            if self._left and not self._at_work:
                self._close()
            self._changed.notify_all()

    def _wait_for_all(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work)
        self._raise_failure()

    def _leave(self, error: BaseException | None) -> None:
        """Start nothing more, let what is under way settle for a while; the last one out closes the session."""
        self._stop.set()
        with self._changed:
            self._left = True
            self._changed.wait_for(lambda: not self._at_work, _GRACE_SECONDS)
            if error is not None and not isinstance(error, Exception):
                self._buyer.give_up()
            else:
                self._changed.wait_for(
                    lambda: not self._at_work or not self._buyer.in_hand, self._policy.keep_trying
                )
            if self._at_work:
                log.warning("left %d requests under way; the next run ends them", self._at_work)
            else:
                self._close()

    def _close(self) -> None:
        try:
            self._ledger.give_back()
        except (psycopg.Error, PlumblineError) as error:
            # Closing frees the lock, and the next who needs room takes back what is leased by a process that is gone.
            log.warning("leases of budgets are left to the next run (%s)", type(error).__name__)
        finally:
            self._session.close()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _count(self, used: Usage) -> None:
        with self._changed:
            self._usage += used


def _graver(first: BaseException | None, second: BaseException) -> BaseException:
    """Return which of two failures the caller hears of: what needs a person comes before what may pass."""
    if first is None or (isinstance(second, Fatal) and not isinstance(first, Fatal)):
        return second
    return first
