"""
A stream of questions to a chat model: given one by one, asked several at once, in the background.

An answer that does not fit the schema asked for is put right once: a second call, booked like any other, shows the
model its answer and what is wrong with it.  There is no third; and no second where it would be longer than the model
reads or its use allows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import orjson

from plumbline.core import db
from plumbline.core.arrays import bytea_array
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.core.tokenizer import CHAT_ENCODING, tokenizer
from plumbline.models.asked import A_MESSAGE, Questions, require_answerable
from plumbline.models.calls import About, PromptRef
from plumbline.models.chatting import Chatting
from plumbline.models.conversation import ChatAnswer, ChatRequest, Ended, ToolCall
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import InputRefused
from plumbline.models.ledger import to_be_bought, unanswered
from plumbline.models.policy import Policy
from plumbline.models.prices import PriceList
from plumbline.models.purchasing import Stream
from plumbline.models.requests import Input, Usage
from plumbline.privacy.minimise import Minimiser

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.prompts import Prompt

log = logging.getLogger(__name__)

_LOOK_UP = 64


class ChatStream(Stream):
    """Requests in, answer keys out; the answers are in `ledger.answer` when `flush` returns.  For one thread."""

    def __init__(
        self,
        database: Database,
        run: Run,
        endpoint: Endpoint,
        policy: Policy,
        *,
        use: str,
        prompt: PromptRef | None,
        sensitivity: str,
        minimiser: Minimiser,
    ) -> None:
        super().__init__(
            database,
            run,
            endpoint,
            policy,
            lambda _: Chatting(endpoint, run.tenant),
            use=use,
            sensitivity=sensitivity,
            at_once=endpoint.limits.at_once,
            prompt=prompt,
        )
        self._questions = Questions(run, endpoint, use, prompt, minimiser)
        self._fresh: list[tuple[Input, About]] = []
        self._asked: set[bytes] = set()

    def add(self, request: ChatRequest, *, user: str | None = None, session: str | None = None) -> bytes:
        """
        Take a request and return the key of its answer; `user` and `session` are pseudonyms for the book.

        Raises:
            InputRefused: The request is longer than the model reads or its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.  It is not sent.
            PlumblineError: A request of this stream went wrong.
        """
        self._background.raise_failure()
        about = About(tokens_out=request.max_output_tokens, user=user, session=session)
        return self.take(self.ready(request), about)

    def ready(self, request: ChatRequest) -> Input:
        """Return a request as it would be bought, under its answer's key.  Raises InputRefused and NoKeys as `add`."""
        return self._questions.input(request)

    def take(self, item: Input, about: About) -> bytes:
        """Take a request that is `ready`, and return its key.  Raises PlumblineError: one of this stream went wrong."""
        self._background.raise_failure()
        if item.key in self._asked:
            self._background.count(Usage(reused=1))
            return item.key
        self._asked.add(item.key)
        self._fresh.append((item, about))
        if len(self._fresh) >= _LOOK_UP:
            self._send()
        return item.key

    def flush(self) -> None:
        """
        Return when every request that was added has its answer in `ledger.answer`.

        Raises:
            PlumblineError: A request of this stream went wrong.
        """
        self._send()
        self._background.wait_for_all()

    def answers(self, keys: Sequence[bytes]) -> dict[bytes, ChatAnswer]:
        """Return the answers that are there, by key."""
        return read_answers(self._database, self._run.tenant, keys)

    def _look_up_prices(self) -> PriceList:
        return answer_prices(super()._look_up_prices())

    def _send(self) -> None:
        prices = self._prices()
        missing = keys_to_ask(self._database, self._run.tenant, [item.key for item, _ in self._fresh])
        self._background.count(Usage(reused=len(self._fresh) - len(missing)))
        waiting, self._fresh = self._fresh, []
        for item, about in waiting:
            if item.key in missing:
                self._background.start(partial(self._buy, item, about, prices))

    def _buy(self, item: Input, about: About, prices: PriceList) -> None:
        self._buyer.buy(self._use, [item], prices, about)
        wrong = self._to_mend(item.key)
        if wrong is not None:
            again = mending_within(self._endpoint, self._use, item, wrong["body"], about.tokens_out)
            if again is not None:
                self._buyer.buy(self._use, [again], prices, replace(about, mends=wrong["call_id"]))

    def _to_mend(self, key: bytes) -> DictRow | None:
        with self._session.transaction() as session:
            return db.row(session, "ledger/select_to_mend", key=key)


def keys_to_ask(database: Database, tenant: str, keys: Sequence[bytes]) -> set[bytes]:
    """Return the keys that have no answer, or one that is to be put right."""
    if not keys:
        return set()
    with database.transaction(tenant) as session:
        open_ = db.rows(session, "ledger/select_unmended", keys=bytea_array(keys))
    return unanswered(database, tenant, keys) | {found["key"] for found in open_}


def to_be_sent(
    database: Database, tenant: str, endpoint: Endpoint, use: str, asked: Sequence[tuple[Input, int]]
) -> list[tuple[Input, int]]:
    """
    Return what asking these would send now, each with the most tokens that its answer may have.

    What has an answer costs nothing, nor does what a batch is buying or putting right.  One that does not fit and that
    nobody has tried to put right is one call, with that answer below the request.
    """
    keys = [item.key for item, _ in asked]
    missing = to_be_bought(database, tenant, keys)
    with database.transaction(tenant) as session:
        found = db.rows(session, "ledger/select_all_to_mend", keys=bytea_array(keys)) if keys else []
    wrong = {bytes(row["key"]): row["body"] for row in found}
    sent = []
    for item, most_tokens_out in asked:
        body = wrong.get(item.key)
        again = item if item.key in missing else None
        if body is not None:
            again = mending_within(endpoint, use, item, body, most_tokens_out)
        if again is not None:
            sent.append((again, most_tokens_out))
    return sent


def read_answers(database: Database, tenant: str, keys: Sequence[bytes]) -> dict[bytes, ChatAnswer]:
    """Return the answers in words that are kept under these keys and may be used."""
    with database.transaction(tenant) as session:
        found = db.rows(session, "ledger/select_answers", keys=bytea_array(keys))
    return {bytes(row["key"]): _answer(row) for row in found}


def answer_prices(prices: PriceList) -> PriceList:
    """
    Return the prices of a model that is to answer in words.

    Raises:
        PriceUnknown: There is none for its answers; it is not asked.
    """
    prices.most(1, 1)
    return prices


def mending_within(
    endpoint: Endpoint, use: str, item: Input, body: Mapping[str, Any], most_tokens_out: int
) -> Input | None:
    """
    Return the request that is to put an answer right, as `mending` does.

    None where it would be longer than the model reads and writes, or than its use allows: the answer stays as it is.
    """
    again = mending(item, body)
    try:
        require_answerable(endpoint, use, again.tokens, most_tokens_out)
    except InputRefused as refused:
        log.warning(
            "an answer for %s that does not fit what was asked for is not put right: %s", use, refused
        )
        return None
    return again


def mending(item: Input, body: Mapping[str, Any]) -> Input:
    """Return the same request, with the answer that does not fit and what is wrong with it below."""
    request = orjson.loads(item.text)
    said = body.get("content") or orjson.dumps(body.get("tool_calls")).decode()
    wrong = _mend_prompt().render(problems="; ".join(body["problems"]))
    request["messages"] += [{"role": "assistant", "content": said}, *wrong]
    count = tokenizer(CHAT_ENCODING).count
    more = sum(count(text) + A_MESSAGE for text in (said, *(message["content"] for message in wrong)))
    return Input(item.key, orjson.dumps(request).decode(), item.tokens + more)


@cache
def _mend_prompt() -> Prompt:
    from plumbline.core.prompts import load_prompt

    return load_prompt("mend_answer")


def _answer(row: DictRow) -> ChatAnswer:
    body, ended = row["body"], Ended(row["outcome"])
    content = body.get("refusal" if ended is Ended.REFUSAL else "value", body.get("content"))
    calls = tuple(
        ToolCall(call["id"], call["name"], call["arguments"])
        for call in body.get("tool_calls", ())
        if ended is Ended.TOOL_CALLS
    )
    return ChatAnswer(row["key"], ended, content, calls, tuple(body.get("problems", ())), row["call_id"])
