"""What an endpoint hands to the server: an answer, and what the provider would bill for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Admit = Callable[[str, int], None]
"""Called with model and tokens before any work; raises `Throttled` when a limit is used up."""


@dataclass(frozen=True, slots=True)
class Bill:
    """
    The price of one answer, in the provider's units.

    `marks` tell inputs apart without keeping their text: the meter counts with them what was paid for
    more than once; `question` is one mark of a whole chat request.  `priced` is false for what the provider
    gives away (moderation).
    """

    model: str
    inputs: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    marks: tuple[bytes, ...] = ()
    question: bytes = b""
    priced: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole `body`, or the `events` of a stream; never both."""

    bill: Bill
    body: bytes = b""
    events: tuple[bytes, ...] | None = None

    @property
    def size(self) -> int:
        """Bytes that remembering this answer costs."""
        return len(self.body) + sum(len(event) for event in self.events or ())
