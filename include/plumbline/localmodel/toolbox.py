"""
The tools of a request: what may be called, what must be, and which answers of tools fit which calls.

The refusals are the provider's.  A tool that this server let pass and the provider refuses would fail
at the first paid call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from plumbline.localmodel.errors import InvalidRequest, TooMany
from plumbline.localmodel.schemas import NAME, Schema, check_parameters

MOST_TOOLS = 128
CHOICES = ("none", "auto", "required")


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """One function that may be called."""

    name: str
    description: str
    parameters: Schema


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one request; `choice` is none, auto or required, and `named` the one tool asked for."""

    tools: tuple[Tool, ...]
    choice: str = "auto"
    named: str | None = None
    parallel: bool = True

    def get(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)


def read_toolbox(fields: Mapping[str, Any]) -> Toolbox | None:
    """
    The tools that a request declares, or None when it declares none.

    Raises:
        InvalidRequest: A tool, its schema or the choice is one that the provider refuses.
    """
    given = fields.get("tools")
    if given is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if fields.get(name) is not None:
                raise InvalidRequest(f"'{name}' is only allowed when 'tools' are specified.", param=name)
        return None
    if not isinstance(given, list) or not given:
        raise InvalidRequest(
            "Invalid 'tools': empty array. Expected an array with minimum length 1.",
            param="tools",
            code="empty_array",
        )
    if len(given) > MOST_TOOLS:
        raise TooMany("tools", len(given), MOST_TOOLS)
    tools = tuple(_tool(tool, f"tools[{number}]") for number, tool in enumerate(given))
    _check_unique(tools)
    parallel = fields.get("parallel_tool_calls")
    if not isinstance(parallel, bool | None):
        raise InvalidRequest(
            "Invalid type for 'parallel_tool_calls': expected a boolean.",
            param="parallel_tool_calls",
            code="invalid_type",
        )
    choice, named = _choice(fields.get("tool_choice"), {tool.name for tool in tools})
    return Toolbox(tools, choice, named, parallel is not False)


def check_calls(messages: Sequence[Mapping[str, Any]]) -> None:
    """
    Hold calls and answers of tools together: every call is answered at once, every answer has its call.

    Raises:
        InvalidRequest: In the provider's words.
    """
    owed: dict[str, None] = {}
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message["role"] == "tool":
            _check_tool_message(message, where, owed)
            continue
        _check_nothing_owed(owed, where)
        if message.get("tool_calls") is not None:
            if message["role"] != "assistant":
                raise InvalidRequest(
                    f"Unknown parameter: '{where}.tool_calls'.",
                    param=f"{where}.tool_calls",
                    code="unknown_parameter",
                )
            owed = dict.fromkeys(_call_ids(message["tool_calls"], f"{where}.tool_calls"))
    _check_nothing_owed(owed, f"messages[{len(messages) - 1}]")


def declared(fields: Mapping[str, Any]) -> str:
    """The text that the provider bills for the tools of a request."""
    return orjson.dumps(fields["tools"]).decode() if fields.get("tools") else ""


def called(message: Mapping[str, Any]) -> str:
    """The text that the provider bills for the calls of an assistant's message."""
    calls = message.get("tool_calls") or ()
    return "\n".join(f"{call['function']['name']} {call['function']['arguments']}" for call in calls)


def _tool(given: Any, where: str) -> Tool:
    if not isinstance(given, dict) or given.get("type") != "function":
        raise InvalidRequest(
            f"Invalid value for '{where}.type'. Supported values are: 'function'.",
            param=f"{where}.type",
            code="invalid_value",
        )
    function = given.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidRequest(
            f"Missing required parameter: '{where}.function.name'.",
            param=f"{where}.function.name",
            code="missing_required_parameter",
        )
    name = function["name"]
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            f"Invalid '{where}.function.name': string does not match pattern. Expected a string that matches "
            "the pattern '^[a-zA-Z0-9_-]+$', of at most 64 characters.",
            param=f"{where}.function.name",
            code="invalid_value",
        )
    strangers = function.keys() - {"name", "description", "parameters", "strict"}
    if strangers:
        stranger = f"{where}.function.{min(strangers)}"
        raise InvalidRequest(f"Unknown parameter: '{stranger}'.", param=stranger, code="unknown_parameter")
    param = f"{where}.function.parameters"
    schema = check_parameters(function.get("parameters"), name, param, strict=function.get("strict") is True)
    return Tool(name, str(function.get("description") or ""), schema)


def _check_unique(tools: Sequence[Tool]) -> None:
    seen: set[str] = set()
    for number, tool in enumerate(tools):
        if tool.name in seen:
            raise InvalidRequest(
                f"Invalid 'tools[{number}].function.name': the name '{tool.name}' is used more than once.",
                param=f"tools[{number}].function.name",
                code="invalid_value",
            )
        seen.add(tool.name)


def _choice(given: Any, names: set[str]) -> tuple[str, str | None]:
    if given is None:
        return "auto", None
    if isinstance(given, str) and given in CHOICES:
        return given, None
    function = given.get("function") if isinstance(given, dict) and given.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidRequest(
            "Invalid value for 'tool_choice'. Supported values are: 'none', 'auto', 'required' and a function.",
            param="tool_choice",
            code="invalid_value",
        )
    if function["name"] not in names:
        raise InvalidRequest(
            f"Invalid value: tool choice '{function['name']}' not found in 'tools' parameter.",
            param="tool_choice",
            code="invalid_value",
        )
    return "required", function["name"]


def _check_tool_message(message: Mapping[str, Any], where: str, owed: dict[str, None]) -> None:
    identity = message.get("tool_call_id")
    if not isinstance(identity, str):
        raise InvalidRequest(
            f"Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id' ({where}).",
            param=f"{where}.tool_call_id",
            code="missing_required_parameter",
        )
    if identity not in owed:
        raise InvalidRequest(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            param=f"{where}.role",
        )
    del owed[identity]


def _check_nothing_owed(owed: Mapping[str, None], where: str) -> None:
    if owed:
        raise InvalidRequest(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(owed)}",
            param=f"{where}.role",
        )


def _call_ids(given: Any, where: str) -> list[str]:
    if not isinstance(given, list) or not given:
        raise InvalidRequest(
            f"Invalid '{where}': empty array. Expected an array with minimum length 1.",
            param=where,
            code="empty_array",
        )
    identities = []
    for number, call in enumerate(given):
        function = call.get("function") if isinstance(call, dict) else None
        whole = (
            isinstance(function, dict)
            and isinstance(call.get("id"), str)
            and call.get("type") == "function"
            and isinstance(function.get("name"), str)
            and isinstance(function.get("arguments"), str)
        )
        if not whole:
            raise InvalidRequest(
                f"Invalid '{where}[{number}]': a call has an 'id', the 'type' 'function', and a 'function' with "
                "'name' and 'arguments' that are strings.",
                param=f"{where}[{number}]",
                code="invalid_value",
            )
        identities.append(call["id"])
    return identities
