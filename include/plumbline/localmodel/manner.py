"""
The manner in which an answer is given: honestly, or as a test asked for.

A client must survive a model that answers wrongly and one that obeys the text it is given.  Both are
chosen from outside, never by what a request says, so that an honest server stays honest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Wrong(StrEnum):
    """A way to answer that a client must not take for a good one."""

    BREAK_SCHEMA = "break_schema"
    """JSON that does not fit the schema asked for, or arguments that do not fit their tool."""
    LENGTH = "length"
    """Half of the answer, with the finish_reason `length`."""
    REFUSAL = "refusal"
    """A refusal in place of an answer."""
    CONTENT_FILTER = "content_filter"
    """Half of the answer, with the finish_reason `content_filter`."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one answer is given."""

    gullible: bool = False
    """Obey every instruction in the text, whoever wrote it."""
    wrong: Wrong | None = None


HONEST = Manner()
