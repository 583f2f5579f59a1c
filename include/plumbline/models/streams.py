"""
A stream of texts, each with an answer of its own (a vector, a judgement): given one by one, bought in full requests,
several at once, in the background.

The caller reads and writes while requests are under way; `plumbline.models.background` says what becomes of them when
something goes wrong.
"""

from __future__ import annotations

import threading
from functools import partial
from types import TracebackType
from typing import Self

from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.core.tokenizer import EMBEDDING_ENCODING, tokenizer
from plumbline.models.background import Background
from plumbline.models.buying import Buyer
from plumbline.models.caps import require_within
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import InputRefused, StillUnusable
from plumbline.models.identity import Keys
from plumbline.models.ledger import Ledger, any_cut_off, unanswered, unusable_lately
from plumbline.models.moderating import Moderation
from plumbline.models.policy import Policy
from plumbline.models.prices import PriceList, price_list
from plumbline.models.requests import Input, Usage, full_requests, paced
from plumbline.models.sessions import HeldSession
from plumbline.models.throttle import Throttle
from plumbline.models.uses import lifetime, urgency, use_of
from plumbline.privacy.minimise import Minimiser

UNDER_WAY = 8
_LOOK_UP = 256


class TextStream:
    """Texts in, answer keys out; the answers are in `ledger.answer` when `flush` returns.  For one thread."""

    def __init__(
        self,
        database: Database,
        run: Run,
        endpoint: Endpoint,
        policy: Policy,
        kind: type[Embedding | Moderation],
        use: str,
        sensitivity: str,
        minimiser: Minimiser,
    ) -> None:
        self._database = database
        self._minimiser = minimiser
        self._run = run
        self._endpoint = endpoint
        self._use = use
        self._most_tokens = use_of(use).most_tokens_in
        self._trusted = lifetime(use) is not None
        self._keys = Keys(run.tenant, use, endpoint.model, kind.parameters(endpoint))
        self._session = HeldSession(database, run.tenant)
        self._background = Background(UNDER_WAY, self._session, policy.keep_trying)
        stop = self._background.stop
        self._throttle = Throttle(self._session, endpoint, policy, stop, urgency(use))
        service = kind(endpoint, run.tenant, self._session)
        self._ledger = Ledger(self._session, run, endpoint, service, sensitivity)
        self._background.before_closing = self._ledger.give_back
        self._buyer = Buyer(endpoint, service, self._ledger, self._throttle, policy, self._background)
        self._prices: PriceList | None = None
        self._fresh: list[Input] = []
        self._missing: list[Input] = []
        self._pending: set[bytes] = set()
        self._asking = threading.Lock()

    def __enter__(self) -> Self:
        """Look up the price, and end the calls that a crash has left."""
        self._prices = price_list(self._database, self._endpoint.model)
        if any_cut_off(self._database, self._run.tenant, self._endpoint):
            try:
                for call in self._ledger.take_over_cut_off().adopted:
                    self._background.start(partial(self._buyer.repeat, call))
                self._background.wait_for_all()
            except BaseException as error:
                self._background.leave(error)
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
            self._background.leave(error)

    @property
    def usage(self) -> Usage:
        """What has been used so far."""
        return self._background.usage

    def add(self, text: str, tokens: int) -> bytes:
        """
        Take a text, with its tokens by the provider's tokenizer, and return the key of its answer.

        Raises:
            InputRefused: The text is empty, or longer than the model reads or its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.  It is not sent.
            PlumblineError: A request of this stream went wrong.
        """
        self._background.raise_failure()
        minimised = self._minimiser.minimise(text)
        limit = self._endpoint.limits.tokens_an_input
        if not minimised:
            raise InputRefused("An empty text cannot be sent to a model.")
        key = self._keys.of(minimised)
        if minimised is not text:
            tokens = tokenizer(EMBEDDING_ENCODING).count(minimised)
        if tokens > limit:
            raise InputRefused(
                f"A text of {tokens} tokens cannot be sent: {self._endpoint.model} reads {limit}."
            )
        require_within(self._use, tokens)
        if self._is_pending(key):
            self._background.count(Usage(reused=1))
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
        self._background.wait_for_all()

    def _is_pending(self, key: bytes) -> bool:
        with self._asking:
            if key in self._pending:
                return True
            self._pending.add(key)
            return False

    def _look_up(self) -> None:
        if not self._fresh:
            return
        missing = unanswered(self._database, self._run.tenant, [item.key for item in self._fresh])
        self._missing += [item for item in self._fresh if item.key in missing]
        with self._asking:
            self._pending.difference_update(item.key for item in self._fresh if item.key not in missing)
        self._background.count(Usage(reused=len(self._fresh) - len(missing)))
        self._fresh.clear()

    def _send(self, *, rest: bool) -> None:
        if self._prices is None:
            raise RuntimeError("a stream is used in a `with` block")
        if self._prices.day != now().date():
            self._prices = price_list(self._database, self._endpoint.model)
        limits = paced(self._endpoint.limits, self._throttle.tokens_per_minute, self._most_tokens)
        for inputs in full_requests(self._missing, limits, rest=rest):
            self._require_usable_answers()
            self._background.start(partial(self._buy, inputs, self._prices))

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

    def _buy(self, inputs: list[Input], prices: PriceList) -> None:
        self._buyer.buy(self._use, inputs, prices)
        with self._asking:
            self._pending.difference_update(item.key for item in inputs)
