"""
What is asked, and what stands in the queue.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plumbline.review.errors import NoSuchItem
from plumbline.review.rules import NORMAL

_SHORTEST = 4
_HEX = 32


@dataclass(frozen=True, slots=True)
class Question:
    """
    Something that a person has to decide.

    `subject_id` names the thing it is about, by an id.  `summary` and `context` hold nothing personal that the decision
    does not need: whoever asks minimises them.
    """

    kind: str
    reason: str
    subject_id: str
    summary: str
    context: Mapping[str, Any] = field(default_factory=dict)
    urgency: str = NORMAL


@dataclass(frozen=True, slots=True)
class Item:
    """One question in the queue."""

    item_id: uuid.UUID
    tenant: str
    kind: str
    subject_kind: str
    subject_id: str
    reason: str
    urgency: str
    summary: str
    context: Mapping[str, Any]
    decisions: tuple[str, ...]
    run_id: uuid.UUID
    dag_id: str | None
    dag_run_id: str | None
    created_at: datetime
    due_at: datetime
    addressed_to: str | None
    state: str
    assigned_to: str | None
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    note: str | None

    @property
    def short(self) -> str:
        """The beginning of the id, as people write it."""
        return self.item_id.hex[:8]

    @property
    def waits(self) -> bool:
        """Whether it is still to be decided."""
        return self.state in {"open", "assigned"}

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been decided by now."""
        return self.waits and self.due_at <= now


def id_range(text: str) -> tuple[uuid.UUID, uuid.UUID]:
    """Return the first and the last id that begin so, at least 4 digits; raises NoSuchItem for what is none.  Pure."""
    digits = text.replace("-", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST},{_HEX}}}", digits):
        raise NoSuchItem(
            f"{text!r} is not the id of an item, nor its beginning: `plumbline review` lists them."
        )
    return uuid.UUID(digits.ljust(_HEX, "0")), uuid.UUID(digits.ljust(_HEX, "f"))
