"""Answers that are not vectors, as their rows are: whatever service reads them, and however many are kept at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from plumbline.core import db
from plumbline.core.arrays import bytea_array, integer_array
from plumbline.models.conversation import Ended
from plumbline.models.uses import lifetime

if TYPE_CHECKING:
    from plumbline.core.db import Session
    from plumbline.models.calls import Call

_NO_ANSWER_LIVES = timedelta(days=1)
"""What did not become an answer may be asked for again on the next day; until then it is not paid for twice."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one input of a call: `tokens` are those of the input, as counted by us."""

    call: Call
    key: bytes
    tokens: int
    body: Mapping[str, Any] = field(repr=False)
    outcome: Ended = Ended.ANSWERED


def keep_answers(session: Session, tenant: str, model: str, answers: Sequence[Answer]) -> None:
    """Write answers as one set, each in place of one that has expired or that it puts right."""
    if not answers:
        return
    keys = bytea_array([answer.key for answer in answers])
    lives = [lifetime_of(answer.call.use, answer.outcome) for answer in answers]
    db.run(session, "ledger/delete_replaced_answer", keys=keys)
    db.run(
        session,
        "ledger/insert_answers",
        tenant=tenant,
        model=model,
        keys=keys,
        uses=[answer.call.use for answer in answers],
        call_ids=[answer.call.call_id for answer in answers],
        called_at=[answer.call.at for answer in answers],
        tokens=integer_array([answer.tokens for answer in answers]),
        bodies=[orjson.dumps(answer.body).decode() for answer in answers],
        outcomes=[str(answer.outcome) for answer in answers],
        mended=[answer.call.mends is not None for answer in answers],
        lives=[None if one is None else one.total_seconds() for one in lives],
    )


def lifetime_of(use: str, outcome: Ended) -> timedelta | None:
    """Return how long an answer that ended like this may be used again; None is for good.  Pure."""
    lives = lifetime(use)
    if outcome in (Ended.ANSWERED, Ended.TOOL_CALLS):
        return lives
    return _NO_ANSWER_LIVES if lives is None else min(lives, _NO_ANSWER_LIVES)
