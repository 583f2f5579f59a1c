"""
Answers of a chat model as they travel, and how they are read.  Pure.

Nothing is believed before it was looked at: one choice, from the model asked for, with a reason why it ended; JSON that
fits the schema that the request carried; calls of declared tools only, with arguments that fit theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from plumbline.models.calls import Billed, Unusable
from plumbline.models.conversation import Ended
from plumbline.models.wire import json_object

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_MOST_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Chat:
    """
    An answer that was billed.

    `body`: what is kept: `content` (text, as it came) or, where a schema was asked for and met, `value` (its JSON);
    `tool_calls` (id, name, arguments as parsed), `refusal`, `problems`.
    """

    outcome: Ended
    billed: Billed
    answered_by: str
    body: Mapping[str, Any] = field(repr=False)


def read_chat(content: bytes, request: bytes, answers_as: str) -> Chat:
    """
    Return the answer to a request, both as they travelled.

    Raises:
        Unusable: It is no answer to this request.
    """
    fields = json_object(content)
    answered_by = fields.get("model")
    if not isinstance(answered_by, str) or not answered_by.startswith(answers_as):
        raise Unusable("another model answered")
    choices = fields.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise Unusable("there is not exactly one choice")
    message, reason = choices[0].get("message"), choices[0].get("finish_reason")
    if not isinstance(message, dict):
        raise Unusable("there is no message")
    if not isinstance(reason, str):
        raise Unusable("it does not say why it ended")
    ended, body = _outcome(message, reason, orjson.loads(request))
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise Unusable("it is nested too deeply to be kept") from None
    return Chat(ended, billed_chat(fields), answered_by, body)


def billed_chat(content: bytes | dict[str, Any]) -> Billed:
    """Return the tokens that an answer bills, as far as it says."""
    try:
        usage = (json_object(content) if isinstance(content, bytes) else content).get("usage")
    except Unusable:
        usage = None
    if not isinstance(usage, dict):
        return Billed(None, tokens_out=None)
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    tokens_in = _count(usage.get("prompt_tokens"))
    return Billed(tokens_in, min(cached or 0, tokens_in or 0), _count(usage.get("completion_tokens")))


def _outcome(
    message: Mapping[str, Any], reason: str, request: Mapping[str, Any]
) -> tuple[Ended, dict[str, Any]]:
    text = message.get("content")
    body: dict[str, Any] = {"content": text if isinstance(text, str) else None}
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        return Ended.REFUSAL, {**body, "refusal": message["refusal"]}
    if reason == "content_filter":
        return Ended.FILTERED, body
    if reason == "length":
        return Ended.TRUNCATED, body
    if message.get("tool_calls"):
        calls, problems = _tool_calls(message["tool_calls"], request)
        read: dict[str, Any] = {**body, "tool_calls": calls}
    else:
        calls = []
        read, problems = _read_text(body["content"], request)
    if problems:
        return Ended.INVALID, {**body, **read, "problems": problems[:_MOST_PROBLEMS]}
    return (Ended.TOOL_CALLS if calls else Ended.ANSWERED), read


def _tool_calls(said: object, request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The calls as they are kept, and what is wrong with them."""
    declared = {tool["function"]["name"]: tool["function"]["parameters"] for tool in request.get("tools", ())}
    if not isinstance(said, list):
        raise Unusable("tool calls are no list")
    calls: list[dict[str, Any]] = []
    problems: list[str] = []
    for one in said:
        function = one.get("function") if isinstance(one, dict) else None
        if not isinstance(function, dict) or not isinstance(one.get("id"), str):
            raise Unusable("a tool call cannot be read")
        name, written = function.get("name"), function.get("arguments")
        if not isinstance(name, str):
            raise Unusable("a tool call has no name")
        call = {"id": one["id"], "name": name, "arguments": written}
        calls.append(call)
        if name not in declared:
            problems.append("a tool is called that was not declared")
            continue
        try:
            call["arguments"] = orjson.loads(written if isinstance(written, str) else "")
        except orjson.JSONDecodeError:
            problems.append(f"the arguments of {name} are no JSON")
            continue
        problems += [f"{name}: {problem}" for problem in misfits(call["arguments"], declared[name])]
    return calls, problems


def _read_text(text: str | None, request: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The answer as it is kept, and what is wrong with it."""
    wanted = request.get("response_format")
    if wanted is None:
        return {"content": text}, ([] if text else ["the answer is empty"])
    try:
        value = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return {"content": text}, ["the answer is no JSON"]
    problems = misfits(value, wanted["json_schema"]["schema"])
    return {"content": text} if problems else {"value": value}, problems


def misfits(value: object, schema: Mapping[str, Any]) -> list[str]:
    """Return in what ways a value does not fit a schema: where, and which rule; never the value itself."""
    validator = _validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))
    found = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    return [f"{error.json_path} breaks the rule {error.validator}" for error in found]


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(orjson.loads(schema))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
