"""A chat answer in the provider's form: whole, or as the events of a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from plumbline.localmodel.answers import Bill
from plumbline.localmodel.calling import Call
from plumbline.localmodel.catalog import CHAT_MODEL
from plumbline.localmodel.chat_requests import ChatRequest
from plumbline.localmodel.tokens import pieces


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said or called, or why nothing can be said; and why it ends."""

    content: str | None
    refusal: str | None
    finish_reason: str
    tokens: int
    calls: tuple[Call, ...] = ()


def _usage(bill: Bill) -> dict[str, Any]:
    return {
        "prompt_tokens": bill.prompt_tokens,
        "completion_tokens": bill.completion_tokens,
        "total_tokens": bill.prompt_tokens + bill.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _frame(kind: str, identity: str) -> dict[str, Any]:
    return {
        "id": identity,
        "object": kind,
        "created": int(time.time()),
        "model": CHAT_MODEL,
        "system_fingerprint": CHAT_MODEL,
        "service_tier": "default",
    }


def whole_body(request: ChatRequest, reply: Reply, bill: Bill, identity: str) -> bytes:
    """The body of an answer that is not streamed."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": reply.content,
        "refusal": reply.refusal,
        "annotations": [],
    }
    if reply.calls:
        message["tool_calls"] = [_called(call, identity, number) for number, call in enumerate(reply.calls)]
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
        for index in range(request.choices)
    ]
    return orjson.dumps(_frame("chat.completion", identity) | {"choices": choices, "usage": _usage(bill)})


def stream_events(request: ChatRequest, reply: Reply, bill: Bill, identity: str) -> list[bytes]:
    """The same answer as server-sent events: who speaks, what, why it ends, and the usage when asked for."""
    frame = _frame("chat.completion.chunk", identity)
    events = []

    def send(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> None:
        chunk = frame | {"choices": choices}
        if request.usage_in_stream:
            chunk |= {"usage": usage}
        events.append(b"data: " + orjson.dumps(chunk) + b"\n\n")

    field, spoken = ("refusal", reply.refusal) if reply.refusal is not None else ("content", reply.content)
    for index in range(request.choices):
        opening = {"role": "assistant", "content": None if reply.calls else "", "refusal": None}
        deltas: list[dict[str, Any]] = [opening]
        deltas += [{field: piece} for piece in pieces(spoken or "")]
        for number, call in enumerate(reply.calls):
            deltas += _call_deltas(call, identity, number)
        for delta in deltas:
            send([{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}])
        send([{"index": index, "delta": {}, "logprobs": None, "finish_reason": reply.finish_reason}])
    if request.usage_in_stream:
        send([], _usage(bill))
    return [*events, b"data: [DONE]\n\n"]


def _called(call: Call, identity: str, number: int) -> dict[str, Any]:
    name = sha256(f"{identity}{number}".encode()).hexdigest()[:24]
    return {
        "id": f"call_{name}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _call_deltas(call: Call, identity: str, number: int) -> Iterator[dict[str, Any]]:
    """A call in a stream: first its name, then its arguments piece by piece."""
    yield {"tool_calls": [{"index": number, **_called(Call(call.name, ""), identity, number)}]}
    for piece in pieces(call.arguments):
        yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}
