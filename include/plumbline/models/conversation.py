"""
What an area asks a chat model, and what it gets back, in plain values.  Pure.

A request is messages, the schema that the answer must fit, and the tools that the model may call.  Everything in it
that could change the answer is part of the answer's key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import orjson

from plumbline.core.hashing import sha256
from plumbline.models.errors import InputRefused

if TYPE_CHECKING:
    from plumbline.core.prompts import Prompt
    from plumbline.core.prompts.rendering import Value

Role = Literal["system", "developer", "user", "assistant", "tool"]
ToolChoice = Literal["auto", "none", "required"]


class Ended(StrEnum):
    """How an answer ended."""

    ANSWERED = "answered"
    TOOL_CALLS = "tool_calls"
    """The model asks for tools to be called, with arguments that fit their schemas."""
    REFUSAL = "refusal"
    """The model would not answer; it was billed."""
    FILTERED = "filtered"
    """The provider's filter took the answer away; it was billed."""
    TRUNCATED = "truncated"
    """The answer met the most tokens that it may have."""
    INVALID = "invalid"
    """The answer does not fit the schema asked for, nor did the one that was to put it right."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called; `call_ref` is its name for this call, by which the result is given back."""

    call_ref: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `tool_calls` of an assistant, and `answers` (a `ToolCall.call_ref`) of a tool."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    answers: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """What an answer must fit: a JSON schema in the provider's strict form, with a name."""

    name: str
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for; `parameters` is a JSON schema in the provider's strict form."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """
    One question to a chat model, already minimised or about to be.

    `max_output_tokens` bounds what it can cost.  Without a `temperature` the model's own is used.
    """

    messages: tuple[Message, ...]
    max_output_tokens: int
    schema: Schema | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    temperature: float | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """What belongs to the key of the answer besides prompt, model and messages."""
        return {
            "max_output_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "schema": None if self.schema is None else sha256(_canonical(self.schema.definition)).hex(),
            "tools": [sha256(_canonical(_tool(tool))).hex() for tool in self.tools],
            "tool_choice": self.tool_choice if self.tools else None,
        }


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """
    What came back, bought now or before.

    `content` is the parsed JSON where a schema was asked for, else text; None where there is none.  `problems` say what
    does not fit in an invalid answer.
    """

    key: bytes
    ended: Ended
    content: Any = field(default=None, repr=False)
    tool_calls: tuple[ToolCall, ...] = ()
    problems: tuple[str, ...] = ()
    call_id: UUID | None = None


def request_of(prompt: Prompt, **variables: Value) -> ChatRequest:
    """
    Return what a prompt asks for with these values; a prompt that bounds no answer cannot be asked.

    Raises:
        VariableRefused: A value is missing, too many, too long, or of another kind.
    """
    messages = tuple(
        Message("system" if said["role"] == "system" else "user", said["content"])
        for said in prompt.render(**variables)
    )
    if prompt.max_output_tokens is None:
        raise InputRefused(
            f"The prompt {prompt.name} {prompt.version} does not say how long an answer may be."
        )
    schema = None if prompt.schema is None else Schema(f"{prompt.name}_{prompt.version}"[-64:], prompt.schema)
    return ChatRequest(messages, prompt.max_output_tokens, schema, temperature=prompt.temperature)


def body_of(model: str, request: ChatRequest) -> bytes:
    """Return the request as the provider takes it, the same bytes whenever it is made again."""
    body: dict[str, object] = {
        "model": model,
        "messages": [message_body(message) for message in request.messages],
        "max_completion_tokens": request.max_output_tokens,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.schema is not None:
        named = {"name": request.schema.name, "strict": True, "schema": request.schema.definition}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body["tool_choice"] = request.tool_choice
    return orjson.dumps(body)


def message_body(message: Message) -> dict[str, object]:
    """Return a message as the provider takes it."""
    body: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        body["content"] = message.content or None
        body["tool_calls"] = [
            {
                "id": call.call_ref,
                "type": "function",
                "function": {"name": call.tool, "arguments": orjson.dumps(call.arguments).decode()},
            }
            for call in message.tool_calls
        ]
    if message.answers is not None:
        body["tool_call_id"] = message.answers
    return body


def _tool(tool: Tool) -> dict[str, object]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": True,
        },
    }


def _canonical(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def texts_of(messages: Sequence[Message]) -> str:
    """Return the messages as one text for the key of the answer: what was said, by whom, in which order."""
    return _canonical([message_body(message) for message in messages])
