"""
A stream of questions to a chat model: given one by one, asked several at once, in the background.

An answer that does not fit the schema asked for is put right once: a second call, booked like any other, shows the
model its answer and what is wrong with it.  There is no third.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from plumbline.core import db
from plumbline.core.arrays import bytea_array
from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.core.tokenizer import CHAT_ENCODING, tokenizer
from plumbline.models.background import Background
from plumbline.models.buying import Buyer
from plumbline.models.calls import About, PromptRef
from plumbline.models.caps import require_within
from plumbline.models.chatting import Chatting
from plumbline.models.conversation import ChatAnswer, ChatRequest, Ended, ToolCall, body_of, texts_of
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import InputRefused
from plumbline.models.identity import Keys
from plumbline.models.ledger import Ledger, any_cut_off, unanswered
from plumbline.models.policy import Policy
from plumbline.models.prices import PriceList, price_list
from plumbline.models.requests import Input, Usage
from plumbline.models.sessions import HeldSession
from plumbline.models.throttle import Throttle
from plumbline.models.uses import urgency
from plumbline.privacy.minimise import Minimiser

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.prompts import Prompt

_LOOK_UP = 64
_A_MESSAGE = 8
"""Tokens that the provider adds to each message, at most."""


class ChatStream:
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
        self._database, self._run, self._endpoint = database, run, endpoint
        self._minimiser = minimiser
        self._use, self._prompt = use, prompt
        self._session = HeldSession(database, run.tenant)
        self._background = Background(endpoint.limits.at_once, self._session, policy.keep_trying)
        service = Chatting(endpoint, run.tenant)
        ledger = Ledger(self._session, run, endpoint, service, sensitivity, prompt)
        throttle = Throttle(self._session, endpoint, policy, self._background.stop, urgency(use))
        self._ledger = ledger
        self._background.before_closing = ledger.give_back
        self._buyer = Buyer(endpoint, service, ledger, throttle, policy, self._background)
        self._prices: PriceList | None = None
        self._fresh: list[tuple[Input, About]] = []
        self._asked: set[bytes] = set()

    def __enter__(self) -> Self:
        """Look up the prices, and end the calls that a crash has left."""
        self._prices = self._priced()
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

    def add(self, request: ChatRequest, *, user: str | None = None, session: str | None = None) -> bytes:
        """
        Take a request and return the key of its answer; `user` and `session` are pseudonyms for the book.

        Raises:
            InputRefused: The request is longer than the model reads or its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.  It is not sent.
            PlumblineError: A request of this stream went wrong.
        """
        self._background.raise_failure()
        request = minimised(request, self._minimiser)
        tokens = fitting_tokens(self._endpoint, request)
        require_within(self._use, tokens, request.max_output_tokens)
        key = self.key(request)
        if key in self._asked:
            self._background.count(Usage(reused=1))
            return key
        self._asked.add(key)
        text = body_of(self._endpoint.model, request).decode()
        about = About(tokens_out=request.max_output_tokens, user=user, session=session)
        self._fresh.append((Input(key, text, tokens), about))
        if len(self._fresh) >= _LOOK_UP:
            self._send()
        return key

    def key(self, request: ChatRequest) -> bytes:
        """Return the key under which the answer to a minimised request is bought, or was."""
        sha = self._prompt.sha256 if self._prompt else b""
        keys = Keys(self._run.tenant, self._use, self._endpoint.model, request.parameters, sha)
        return keys.of(texts_of(request.messages))

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

    def _priced(self) -> PriceList:
        prices = price_list(self._database, self._endpoint.model)
        prices.most(1, 1)  # a model without a price for its answers is not asked
        return prices

    def _send(self) -> None:
        if self._prices is None:
            raise RuntimeError("a stream is used in a `with` block")
        if self._prices.day != now().date():
            self._prices = self._priced()
        missing = unfinished(self._database, self._run.tenant, [item.key for item, _ in self._fresh])
        self._background.count(Usage(reused=len(self._fresh) - len(missing)))
        waiting, self._fresh = self._fresh, []
        for item, about in waiting:
            if item.key in missing:
                self._background.start(partial(self._buy, item, about, self._prices))

    def _buy(self, item: Input, about: About, prices: PriceList) -> None:
        self._buyer.buy(self._use, [item], prices, about)
        wrong = self._to_mend(item.key)
        if wrong is not None:
            again = mending(item, wrong["body"])
            self._buyer.buy(self._use, [again], prices, replace(about, mends=wrong["call_id"]))

    def _to_mend(self, key: bytes) -> DictRow | None:
        with self._session.transaction() as session:
            return db.row(session, "ledger/select_to_mend", key=key)


def unfinished(database: Database, tenant: str, keys: Sequence[bytes]) -> set[bytes]:
    """Return the keys that have no answer, or one that is to be put right."""
    if not keys:
        return set()
    with database.transaction(tenant) as session:
        open_ = db.rows(session, "ledger/select_unmended", keys=bytea_array(keys))
    return unanswered(database, tenant, keys) | {found["key"] for found in open_}


def read_answers(database: Database, tenant: str, keys: Sequence[bytes]) -> dict[bytes, ChatAnswer]:
    """Return the answers in words that are kept under these keys and may be used."""
    with database.transaction(tenant) as session:
        found = db.rows(session, "ledger/select_answers", keys=bytea_array(keys))
    return {bytes(row["key"]): _answer(row) for row in found}


def tokens_of(request: ChatRequest) -> int:
    """Return the most tokens that the provider can bill for a request: what is said, and what frames it."""
    count = tokenizer(CHAT_ENCODING).count
    said = sum(count(message.content) + _A_MESSAGE for message in request.messages)
    framing = body_of(
        "", replace(request, messages=tuple(replace(one, content="") for one in request.messages))
    )
    return said + int(count(framing.decode()))


def fitting_tokens(endpoint: Endpoint, request: ChatRequest) -> int:
    """
    Return the tokens of a minimised request.

    Raises:
        InputRefused: With its answer, it is longer than the model reads and writes.
    """
    tokens, limit = tokens_of(request), endpoint.limits.tokens_an_input
    if tokens + request.max_output_tokens > limit:
        raise InputRefused(
            f"A request of {tokens} tokens, to be answered with at most {request.max_output_tokens}, cannot be "
            f"sent: {endpoint.model} reads and writes {limit} in all."
        )
    return tokens


def minimised(request: ChatRequest, minimiser: Minimiser) -> ChatRequest:
    """Return the request as it may be stored and sent."""
    contents = minimiser.minimise_all([message.content for message in request.messages])
    messages = zip(request.messages, contents, strict=True)
    return replace(
        request, messages=tuple(replace(message, content=content) for message, content in messages)
    )


def mending(item: Input, body: Mapping[str, Any]) -> Input:
    """Return the same request, with the answer that does not fit and what is wrong with it below."""
    request = orjson.loads(item.text)
    said = body.get("content") or orjson.dumps(body.get("tool_calls")).decode()
    wrong = _mend_prompt().render(problems="; ".join(body["problems"]))
    request["messages"] += [{"role": "assistant", "content": said}, *wrong]
    count = tokenizer(CHAT_ENCODING).count
    more = sum(count(text) + _A_MESSAGE for text in (said, *(message["content"] for message in wrong)))
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
