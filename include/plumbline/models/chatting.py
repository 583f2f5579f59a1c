"""The service of chat: one request, one answer in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.arrays import bytea_array
from plumbline.models.calls import Billed, Call
from plumbline.models.chat_wire import Chat, billed_chat, read_chat
from plumbline.models.conversation import Ended
from plumbline.models.endpoints import Endpoint
from plumbline.models.requests import Input
from plumbline.models.uses import lifetime

if TYPE_CHECKING:
    from plumbline.core.db import Session

_NO_ANSWER_LIVES = timedelta(days=1)
"""What did not become an answer may be asked for again on the next day; until then it is not paid for twice."""


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

    def keep(self, session: Session, call: Call, bought: Chat) -> None:
        """Write the answer, in place of one that has expired or that this one puts right."""
        lives = lifetime_of(call.use, bought.outcome)
        db.run(session, "ledger/delete_replaced_answer", keys=bytea_array(call.keys))
        db.run(
            session,
            "ledger/insert_answer",
            key=call.keys[0],
            tenant=self._tenant,
            use=call.use,
            model=self._endpoint.model,
            call_id=call.call_id,
            call_at=call.at,
            tokens=call.tokens[0],
            body=Jsonb(dict(bought.body)),
            outcome=bought.outcome,
            mended=call.mends is not None,
            lifetime=lives,
        )


def lifetime_of(use: str, outcome: Ended) -> timedelta | None:
    """Return how long an answer that ended like this may be used again; None is for good.  Pure."""
    lives = lifetime(use)
    if outcome in (Ended.ANSWERED, Ended.TOOL_CALLS):
        return lives
    return _NO_ANSWER_LIVES if lives is None else min(lives, _NO_ANSWER_LIVES)
