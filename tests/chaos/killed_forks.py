"""
Workers that buy answers in words and are killed at a boundary.

They are forked one after the other from a process that has loaded everything: `killed_forks.py`, then lines `calls
BOUNDARY NTH SAFE FIRST HOW_MANY` or `batch BOUNDARY NTH PLAN` on its input.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import jsonschema  # noqa: F401 - loaded once, for all workers
import openai  # noqa: F401

from plumbline.core.connections import Connection
from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools
from plumbline.models import ChatRequest, Door, Message, Schema, ledger, transport
from plumbline.models.batches import Work, advance, ending, landing, submitting
from plumbline.models.batches.provider import Provider
from plumbline.models.chatting import Chatting
from plumbline.models.endpoints import connected
from plumbline.models.ledger import Ledger

LABEL = Schema(
    "label",
    {
        "type": "object",
        "properties": {"intent": {"type": "string", "enum": ["billing", "technical"]}},
        "required": ["intent"],
        "additionalProperties": False,
    },
)
BOUNDARIES: dict[str, tuple[Any, str, bool]] = {
    "before reserve": (ledger, "reserve", False),
    "after reserve": (ledger, "reserve", True),
    "before sent": (transport, "post", False),
    "after response": (transport, "post", True),
    "before settle": (Chatting, "keep", True),
    "after settle": (Ledger, "settle", True),
    "before upload": (Provider, "upload", False),
    "after upload": (Provider, "upload", True),
    "before batch create": (Provider, "create", False),
    "after batch create": (Provider, "create", True),
    "within landing": (landing._Landing, "end", True),
    "before landed": (landing._Landing, "finish", False),
    "after landed": (Provider, "delete", True),
    "after resubmission": (ending, "_resubmit", True),
    "after no room": (submitting, "not_made", True),
}
"""What is called there, and whether the kill comes after it; `nth` counts the calls."""


def question(number: int) -> ChatRequest:
    """Return one of many questions."""
    return ChatRequest((Message("user", f"Invoice number {number} is wrong."),), 50, LABEL)


def arm(boundary: str, nth: int) -> None:
    """Let this process be killed when it comes to a boundary for the nth time."""
    owner, name, after = BOUNDARIES[boundary]
    work: Callable[..., Any] = getattr(owner, name)
    passes = count(1)

    def armed(*given: Any, **named: Any) -> Any:
        mine = next(passes) == nth
        if mine and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = work(*given, **named)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, armed)


def door_to(tools: Any, *, safe: bool) -> Door:
    """Return the door; a provider that is not `safe` may bill a repeated request again, as far as we know."""
    extra = {"embedding_model": "local-wordllama", "idempotent": safe, "chat_calls_at_once": 2}
    url = os.environ["PLUMBLINE_LOCAL_MODEL_URL"]
    endpoint = connected(Connection(kind="openai", host=url, password="any", extra=extra))
    return Door(tools, Run(tenant="main", job="chaos"), endpoint=endpoint)


def buy(door: Door, first: int, how_many: int) -> None:
    """Ask so many questions."""
    with door.chats("classify") as stream:
        for number in range(first, first + how_many):
            stream.add(question(number))


def work_on(words: list[str]) -> None:
    """Do what a line says."""
    with open_tools() as tools:
        if words[0] == "calls":
            _, boundary, nth, safe, first, how_many = words
            arm(boundary.replace("_", " "), int(nth))
            buy(door_to(tools, safe=safe == "safe"), int(first), int(how_many))
        else:
            _, boundary, nth, plan_id = words
            arm(boundary.replace("_", " "), int(nth))
            landing.PAGE, submitting.WAIT_FOR_ROOM = 1, 0.0
            work = Work.of(tools, "main")
            while not advance(work, UUID(plan_id)).done:
                pass


def main() -> None:
    """Fork a worker for each line, and say how it ended: the signal that killed it, or 0."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work_on(line.split())
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


if __name__ == "__main__":
    main()
