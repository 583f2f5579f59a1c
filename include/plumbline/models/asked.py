"""
What is asked, as it is bought: minimised, measured, held to what model and use allow, under the key of its answer.

Bought one by one or in batches, a question is the same question: what one way has bought, the other finds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from plumbline.core.receipts import Run
from plumbline.core.tokenizer import CHAT_ENCODING, EMBEDDING_ENCODING, tokenizer
from plumbline.models.calls import PromptRef
from plumbline.models.caps import require_within
from plumbline.models.conversation import ChatRequest, body_of, texts_of
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import InputRefused
from plumbline.models.identity import Keys
from plumbline.models.moderating import Moderation
from plumbline.models.requests import Input
from plumbline.privacy.minimise import Minimiser

A_MESSAGE = 8
"""Tokens that the provider adds to each message, at most."""


class Texts:
    """Texts of one use that are to be embedded, or moderated."""

    def __init__(
        self,
        run: Run,
        endpoint: Endpoint,
        kind: type[Embedding | Moderation],
        use: str,
        minimiser: Minimiser,
    ) -> None:
        self._keys = Keys(run.tenant, use, endpoint.model, kind.parameters(endpoint))
        self._endpoint, self._use, self._minimiser = endpoint, use, minimiser

    def input(self, text: str, tokens: int) -> Input:
        """
        Return a text, with its tokens by the provider's tokenizer, as it is bought.

        Raises:
            InputRefused: It is empty, or longer than the model reads or its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.
        """
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
        return Input(key, minimised, tokens)


@dataclass(frozen=True, slots=True)
class Questions:
    """Requests of one use to the chat model."""

    run: Run
    endpoint: Endpoint
    use: str
    prompt: PromptRef | None
    minimiser: Minimiser

    def input(self, request: ChatRequest) -> Input:
        """
        Return a request as it is bought: its text is the body that is sent.

        Raises:
            InputRefused: With its answer, it is longer than the model reads and writes, or than its use allows.
            NoKeys: Something personal is in it, and there is no key to replace it with.
        """
        request = self._minimised(request)
        tokens = tokens_of(request)
        require_answerable(self.endpoint, self.use, tokens, request.max_output_tokens)
        sha = self.prompt.sha256 if self.prompt else b""
        keys = Keys(self.run.tenant, self.use, self.endpoint.model, request.parameters, sha)
        body = body_of(self.endpoint.model, request).decode()
        return Input(keys.of(texts_of(request.messages)), body, tokens)

    def _minimised(self, request: ChatRequest) -> ChatRequest:
        contents = self.minimiser.minimise_all([message.content for message in request.messages])
        messages = zip(request.messages, contents, strict=True)
        return replace(
            request, messages=tuple(replace(message, content=content) for message, content in messages)
        )


def require_answerable(endpoint: Endpoint, use: str, tokens: int, most_tokens_out: int) -> None:
    """
    Hold a request to a chat model, with its answer, to what the model reads and writes and its use allows.

    Raises:
        InputRefused: It is longer.
    """
    limit = endpoint.limits.tokens_an_input
    if tokens + most_tokens_out > limit:
        raise InputRefused(
            f"A request of {tokens} tokens, to be answered with at most {most_tokens_out}, cannot be sent: "
            f"{endpoint.model} reads and writes {limit} in all."
        )
    require_within(use, tokens, most_tokens_out)


def tokens_of(request: ChatRequest) -> int:
    """Return the most tokens that the provider can bill for a request: what is said, and what frames it."""
    count = tokenizer(CHAT_ENCODING).count
    said = sum(count(message.content) + A_MESSAGE for message in request.messages)
    framing = body_of(
        "", replace(request, messages=tuple(replace(one, content="") for one in request.messages))
    )
    return said + int(count(framing.decode()))
