"""
`POST /v1/chat/completions`: answers taken from the text in the request, never generated.

With a JSON schema the answer is extracted field by field; without one it is the sentence that best
supports an answer, or the plain statement that there is none.  Every answer carries the name
`local-extractive`, as model and as fingerprint, so that nobody takes it for more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from plumbline.localmodel.answers import Admit, Answer, Bill
from plumbline.localmodel.catalog import CHAT_MODEL, MODELS
from plumbline.localmodel.errors import ApiError, InvalidRequest, TooMany, UnknownModel, wanted
from plumbline.localmodel.extraction import Extraction, TextIsSilent
from plumbline.localmodel.prompts import Prompt, read_prompt, text_of_message
from plumbline.localmodel.schemas import Schema, check_format
from plumbline.localmodel.support import Evidence
from plumbline.localmodel.tokens import count_tokens, first_tokens, pieces

CONTEXT = 128_000
MOST_ANSWER_TOKENS = 16_384
MOST_CHOICES = 16
MOST_STOPS = 4
SUMMARY_SENTENCES = 3

NO_SUPPORT = "The text given does not answer this."
NO_TEXT = (
    "There is no text in this request to answer from. This model only extracts; it knows nothing by itself."
)

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
    }
)
WITHOUT_EFFECT = frozenset(
    {
        "frequency_penalty", "logit_bias", "metadata", "parallel_tool_calls", "presence_penalty", "prompt_cache_key",
        "reasoning_effort", "safety_identifier", "seed", "service_tier", "store", "temperature", "top_p", "user",
        "verbosity",
    }
)  # fmt: skip
"""Taken as the provider takes them; extraction has no chance, no penalties and no effort to tune."""
UNSUPPORTED = frozenset(
    {
        "audio", "function_call", "functions", "logprobs", "modalities", "prediction", "tool_choice", "tools",
        "top_logprobs", "web_search_options",
    }
)  # fmt: skip
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request that will be answered."""

    messages: list[Mapping[str, Any]]
    schema: Schema | None
    most_tokens: int
    choices: int
    stop: tuple[str, ...]
    stream: bool
    usage_in_stream: bool
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, or why nothing can be said; and why it ends."""

    content: str | None
    refusal: str | None
    finish_reason: str
    tokens: int


def answer_chat(payload: Any, admit: Admit) -> Answer:
    """
    Answer one conversation.

    Raises:
        ApiError: The provider would refuse it too; or `admit` did.
    """
    request = read_request(payload)
    admit(CHAT_MODEL, request.prompt_tokens + min(request.most_tokens, MOST_ANSWER_TOKENS))
    reply = reply_to(request)
    bill = Bill(
        CHAT_MODEL,
        inputs=1,
        prompt_tokens=request.prompt_tokens,
        completion_tokens=reply.tokens * request.choices,
    )
    identity = f"chatcmpl-{sha256(orjson.dumps(payload)).hexdigest()[:29]}"
    if request.stream:
        return Answer(bill, events=tuple(_events(request, reply, bill, identity)))
    return Answer(bill, body=_body(request, reply, bill, identity))


def reply_to(request: ChatRequest) -> Reply:
    """What there is to say.  Pure, apart from counting tokens."""
    prompt = read_prompt(request.messages)
    refusal = None
    if request.schema is None:
        said = extractive_answer(prompt)
    else:
        try:
            said = orjson.dumps(Extraction(request.schema, prompt).answer()).decode()
        except TextIsSilent as silence:
            said, refusal = "", str(silence)
    for end in request.stop:
        said = said.partition(end)[0]
    spoken = refusal or said
    cut = first_tokens(spoken, request.most_tokens)
    reason = "stop" if cut == spoken else "length"
    content, refusal = (None, cut) if refusal else (cut, None)
    return Reply(content, refusal, reason, count_tokens(cut))


def extractive_answer(prompt: Prompt) -> str:
    """
    The sentence of the material that best supports an answer, with the name of its passage if it has one.

    A summary is asked for: the sentences nearest to the whole.  No material, or no support: that.
    """
    evidence = Evidence.of(prompt.passages)
    asked = prompt.question or prompt.instructions
    only_the_question = [passage.text.strip() for passage in prompt.passages] == [prompt.question]
    if not evidence.found or only_the_question:
        return NO_TEXT
    if prompt.wants_summary:
        return " ".join(evidence.found[index].text for index in evidence.central(SUMMARY_SENTENCES))
    if not asked.strip():
        return NO_TEXT
    best = evidence.best(asked)
    if not best:
        return NO_SUPPORT
    name = evidence.name_of(best[0].index)
    sentence = evidence.found[best[0].index].text
    return f"{sentence} [{name}]" if name else sentence


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
    limit = _whole(fields, "max_completion_tokens") or _whole(fields, "max_tokens")
    tokens = _prompt_tokens(messages, fields.get("response_format"))
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


def _prompt_tokens(messages: Sequence[Mapping[str, Any]], response_format: Any) -> int:
    """The provider's rule of thumb: three tokens around each message, three before the answer."""
    tokens = 3
    for message in messages:
        tokens += 3 + count_tokens(str(message["role"])) + count_tokens(text_of_message(message))
    if isinstance(response_format, dict) and response_format.get("type") == "json_schema":
        tokens += count_tokens(orjson.dumps(response_format["json_schema"]).decode())
    return tokens


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


def _body(request: ChatRequest, reply: Reply, bill: Bill, identity: str) -> bytes:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": reply.content,
        "refusal": reply.refusal,
        "annotations": [],
    }
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
        for index in range(request.choices)
    ]
    return orjson.dumps(_frame("chat.completion", identity) | {"choices": choices, "usage": _usage(bill)})


def _events(request: ChatRequest, reply: Reply, bill: Bill, identity: str) -> list[bytes]:
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
        deltas = [{"role": "assistant", "content": "", "refusal": None}]
        deltas += [{field: piece} for piece in pieces(spoken or "")]
        for delta in deltas:
            send([{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}])
        send([{"index": index, "delta": {}, "logprobs": None, "finish_reason": reply.finish_reason}])
    if request.usage_in_stream:
        send([], _usage(bill))
    return [*events, b"data: [DONE]\n\n"]
