"""
What `POST /v1/chat/completions` takes, and what it refuses: the provider's rules, in its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from plumbline.localmodel.catalog import CHAT_MODEL, MODELS
from plumbline.localmodel.errors import ApiError, InvalidRequest, TooMany, UnknownModel, wanted
from plumbline.localmodel.prompts import text_of_message
from plumbline.localmodel.schemas import Schema, check_format
from plumbline.localmodel.tokens import count_tokens
from plumbline.localmodel.toolbox import Toolbox, called, check_calls, declared, read_toolbox

CONTEXT = 128_000
MOST_ANSWER_TOKENS = 16_384
MOST_CHOICES = 16
MOST_STOPS = 4

OBEYED = frozenset(
    {
        "model",
        "messages",
        "response_format",
        "max_tokens",
        "max_completion_tokens",
        "n",
        "stop",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
    }
)
WITHOUT_EFFECT = frozenset(
    {
        "frequency_penalty", "logit_bias", "metadata", "presence_penalty", "prompt_cache_key",
        "reasoning_effort", "safety_identifier", "seed", "service_tier", "store", "temperature", "top_p", "user",
        "verbosity",
    }
)  # fmt: skip
"""Taken as the provider takes them; extraction has no chance, no penalties and no effort to tune."""
UNSUPPORTED = frozenset(
    {
        "audio", "function_call", "functions", "logprobs", "modalities", "prediction",
        "top_logprobs", "web_search_options",
    }
)  # fmt: skip
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request that will be answered."""

    messages: list[Mapping[str, Any]]
    schema: Schema | None
    toolbox: Toolbox | None
    most_tokens: int
    choices: int
    stop: tuple[str, ...]
    stream: bool
    usage_in_stream: bool
    prompt_tokens: int


def read_request(payload: Any) -> ChatRequest:
    """The request as we shall answer it."""
    fields = wanted(payload, OBEYED | WITHOUT_EFFECT | UNSUPPORTED)
    unsupported = sorted(name for name in fields.keys() & UNSUPPORTED if fields[name] not in (None, False))
    if unsupported:
        raise InvalidRequest(
            f"Unsupported parameter: '{unsupported[0]}' is not supported with this model.",
            param=unsupported[0],
            code="unsupported_parameter",
        )
    _check_model(fields.get("model"))
    messages = _check_messages(fields.get("messages"))
    schema = check_format(fields.get("response_format"))
    toolbox = read_toolbox(fields)
    limit = _whole(fields, "max_completion_tokens") or _whole(fields, "max_tokens")
    tokens = _prompt_tokens(messages, fields)
    if tokens + (limit or 0) > CONTEXT:
        raise InvalidRequest(
            f"This model's maximum context length is {CONTEXT} tokens. However, your messages resulted in {tokens} "
            "tokens. Please reduce the length of the messages.",
            param="messages",
            code="context_length_exceeded",
        )
    return ChatRequest(
        messages=messages,
        schema=schema,
        toolbox=toolbox,
        most_tokens=limit or MOST_ANSWER_TOKENS,
        choices=_whole(fields, "n", most=MOST_CHOICES) or 1,
        stop=_stops(fields.get("stop")),
        stream=bool(fields.get("stream")),
        usage_in_stream=_usage_in_stream(fields),
        prompt_tokens=tokens,
    )


def _check_model(model: Any) -> None:
    if model is None:
        raise InvalidRequest("you must provide a model parameter")
    if model in MODELS and model != CHAT_MODEL:
        raise ApiError(
            404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
            param="model",
        )
    if model != CHAT_MODEL:
        raise UnknownModel(str(model))


def _check_messages(messages: Any) -> list[Mapping[str, Any]]:
    if messages is None:
        raise InvalidRequest(
            "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest(
            "Invalid 'messages': expected an array with at least one message.",
            param="messages",
            code="empty_array",
        )
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise InvalidRequest(
                f"Invalid value for '{where}.role'. Supported values are: {', '.join(sorted(ROLES))}.",
                param=f"{where}.role",
                code="invalid_value",
            )
        _check_content(message.get("content"), f"{where}.content", required=message["role"] != "assistant")
    check_calls(messages)
    return messages


def _check_content(content: Any, where: str, *, required: bool) -> None:
    """Text, or parts that are text: pictures and sound are not read here."""
    parts = content if isinstance(content, list) else []
    if any(not isinstance(part, dict) or part.get("type") not in ("text", "refusal") for part in parts):
        raise InvalidRequest(
            f"Invalid '{where}': this model reads text parts only.", param=where, code="invalid_value"
        )
    if (content is None and required) or not isinstance(content, str | list | None):
        raise InvalidRequest(
            f"Invalid value for '{where}': expected a string.", param=where, code="invalid_type"
        )


def _whole(fields: Mapping[str, Any], name: str, *, most: int | None = None) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 1 or (most is not None and value > most):
        bound = "greater than 0" if most is None else f"from 1 to {most}"
        raise InvalidRequest(
            f"Invalid '{name}': expected an integer {bound}.", param=name, code="invalid_value"
        )
    return value


def _stops(asked: Any) -> tuple[str, ...]:
    """The sequences that end an answer: none, one, or up to four; an empty one ends nothing."""
    ends = [] if asked is None else [asked] if isinstance(asked, str) else asked
    if not isinstance(ends, list) or any(not isinstance(end, str) for end in ends):
        raise InvalidRequest(
            "Invalid type for 'stop': expected a string or an array of strings.",
            param="stop",
            code="invalid_type",
        )
    if len(ends) > MOST_STOPS:
        raise TooMany("stop", len(ends), MOST_STOPS)
    return tuple(end for end in ends if end)


def _usage_in_stream(fields: Mapping[str, Any]) -> bool:
    """Whether the last event of a stream tells the usage."""
    options = fields.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise InvalidRequest(
            "Invalid type for 'stream_options': expected an object.",
            param="stream_options",
            code="invalid_type",
        )
    return bool(options.get("include_usage"))


def _prompt_tokens(messages: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> int:
    """The provider's rule of thumb: three tokens around each message, three before the answer."""
    tokens = 3
    for message in messages:
        tokens += 3 + count_tokens(str(message["role"])) + count_tokens(text_of_message(message))
        tokens += count_tokens(called(message))
    tokens += count_tokens(declared(fields))
    response_format = fields.get("response_format")
    if isinstance(response_format, dict) and response_format.get("type") == "json_schema":
        tokens += count_tokens(orjson.dumps(response_format["json_schema"]).decode())
    return tokens
