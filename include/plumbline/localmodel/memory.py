"""
Idempotency-Key: the same request, sent again, is answered again and billed once.

A key outlives its answer.  Answers are kept up to a number of bytes and the oldest are dropped; the
key and the fingerprint of its request stay, and a dropped answer is worked out again, unbilled: every
endpoint is deterministic.  Two requests with one key at the same time are one piece of work.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from plumbline.localmodel.answers import Answer
from plumbline.localmodel.errors import ApiError

MOST_KEYS = 200_000
MOST_BYTES = 64 * 1024 * 1024


class KeyReused(ApiError):
    """The key belongs to another request (400: trying again cannot help)."""

    def __init__(self, key: str) -> None:
        super().__init__(
            400,
            f"Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. The key '{key}' came before with another body or another address.",
            kind="idempotency_error",
            code="idempotency_key_reused",
        )


@dataclass(slots=True)
class _Entry:
    fingerprint: str
    answer: Answer | None


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


def fingerprint(path: str, body: bytes) -> str:
    """What makes two requests the same."""
    return sha256(path.encode() + b"\0" + body).hexdigest()


class Memory:
    """Keys seen, with their answers while there is room.  Belongs to the event loop."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._answered: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Let one request with this key work at a time; the others wait for its answer."""
        turn = self._turns.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[key]

    def paid(self, key: str, mark: str) -> bool:
        """
        Whether a request with this key has been billed.

        Raises:
            KeyReused: It has, but it was another request.
        """
        entry = self._entries.get(key)
        if entry is None:
            return False
        if entry.fingerprint != mark:
            raise KeyReused(key)
        return True

    def answer(self, key: str) -> Answer | None:
        """The answer given under this key, or None when it was dropped and must be worked out again."""
        return self._entries[key].answer

    def keep(self, key: str, mark: str, answer: Answer | None) -> None:
        """Remember a billed request, and its answer as long as there is room."""
        self._forget_answer(key)
        self._entries[key] = _Entry(mark, None)
        if answer is not None and answer.size <= self._most_bytes:
            self._entries[key].answer = answer
            self._answered[key] = answer.size
            self._bytes += answer.size
        while self._bytes > self._most_bytes:
            self._forget_answer(next(iter(self._answered)))
        while len(self._entries) > MOST_KEYS:
            oldest = next(iter(self._entries))
            self._forget_answer(oldest)
            del self._entries[oldest]

    def clear(self) -> None:
        """Forget every key."""
        self._entries.clear()
        self._answered.clear()
        self._bytes = 0

    def _forget_answer(self, key: str) -> None:
        size = self._answered.pop(key, None)
        if size is not None:
            self._bytes -= size
            self._entries[key].answer = None
