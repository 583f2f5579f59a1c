"""
A stream of texts, each with an answer of its own (a vector, a judgement): given one by one, bought in full requests,
several at once, in the background.

The caller reads and writes while requests are under way; `plumbline.models.background` says what becomes of them when
something goes wrong.
"""

from __future__ import annotations

import threading
from functools import partial

from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.models.asked import Texts
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import StillUnusable
from plumbline.models.ledger import unanswered, unusable_lately
from plumbline.models.moderating import Moderation
from plumbline.models.policy import Policy
from plumbline.models.prices import PriceList
from plumbline.models.purchasing import Stream
from plumbline.models.requests import Input, Usage, full_requests, paced
from plumbline.models.uses import lifetime, use_of
from plumbline.privacy.minimise import Minimiser

UNDER_WAY = 8
_LOOK_UP = 256


class TextStream(Stream):
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
        super().__init__(
            database,
            run,
            endpoint,
            policy,
            partial(kind, endpoint, run.tenant),
            use=use,
            sensitivity=sensitivity,
            at_once=UNDER_WAY,
        )
        self._texts = Texts(run, endpoint, kind, use, minimiser)
        self._most_tokens = use_of(use).most_tokens_in
        self._trusted = lifetime(use) is not None
        self._fresh: list[Input] = []
        self._missing: list[Input] = []
        self._pending: set[bytes] = set()
        self._asking = threading.Lock()

    def add(self, text: str, tokens: int) -> bytes:
        """
        Take a text, with its tokens by the provider's tokenizer, and return the key of its answer.

        Raises:
            InputRefused: The text is empty, or longer than the model reads or its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.  It is not sent.
            PlumblineError: A request of this stream went wrong.
        """
        self._background.raise_failure()
        item = self._texts.input(text, tokens)
        if self._is_pending(item.key):
            self._background.count(Usage(reused=1))
            return item.key
        self._fresh.append(item)
        if len(self._fresh) >= _LOOK_UP:
            self._look_up()
            self._send(rest=False)
        return item.key

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
        prices = self._prices()
        limits = paced(self._endpoint.limits, self._throttle.tokens_per_minute, self._most_tokens)
        for inputs in full_requests(self._missing, limits, rest=rest):
            self._require_usable_answers()
            self._background.start(partial(self._buy, inputs, prices))

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
