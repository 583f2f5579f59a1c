"""The service of chat: one request, one answer in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plumbline.models.answers import Answer, keep_answers
from plumbline.models.calls import Billed, Call
from plumbline.models.chat_wire import Chat, billed_chat, read_chat
from plumbline.models.endpoints import Endpoint
from plumbline.models.requests import Input

if TYPE_CHECKING:
    from plumbline.core.db import Session


class Chatting:
    """How answers in words are asked for, read and kept."""

    path = "/chat/completions"
    dimensions: int | None = None

    def __init__(self, endpoint: Endpoint, tenant: str) -> None:
        self._endpoint, self._tenant = endpoint, tenant

    def body(self, inputs: Sequence[Input]) -> bytes:
        """Return the request, which is the text of its one input."""
        (item,) = inputs
        return item.text.encode()

    def read(self, call: Call, content: bytes) -> Chat:
        """Return how the answer ended, and with what."""
        return read_chat(content, call.request, self._endpoint.answers_as)

    def billed(self, content: bytes) -> Billed:
        """Return what an answer bills, as far as it says."""
        return billed_chat(content)

    def keep(self, session: Session, bought: Sequence[tuple[Call, Chat]]) -> None:
        """Write the answers, each in place of one that has expired or that it puts right."""
        answers = [
            Answer(call, call.keys[0], call.tokens[0], chat.body, chat.outcome) for call, chat in bought
        ]
        keep_answers(session, self._tenant, self._endpoint.model, answers)
