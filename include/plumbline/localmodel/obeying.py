"""
The gullible model: it obeys every instruction in the text, whoever wrote it.

A test of what an injected instruction can do means something only if the model follows it.  This one
follows all that it understands, so what keeps harm away must be what stands around the model.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson

from plumbline.localmodel.calling import Call
from plumbline.localmodel.finding import ANSWERS, SUMMARIES
from plumbline.localmodel.prompts import Prompt, text_of_message
from plumbline.localmodel.schemas import Schema, options, resolve
from plumbline.localmodel.sentences import readable, words
from plumbline.localmodel.toolbox import Toolbox

MOST_TEXT = 200_000
"""Characters that are read for orders."""
_QUOTED = r"(?:\"{0}\"|“{0}”|„{0}[“”]|«\s?{0}\s?»|`{0}`|'{0}')".format(r"[^\"“”„«»`\n]{1,400}?")
_GAP = r"\W{1,8}?(?:\w{1,40}\W{1,8}?){0,5}?"
_SAID = rf"(?P<said>{_QUOTED}|(?<=[ ,])(?-i:[A-Z][A-Z0-9_-]{{2,60}})\b)"
_VALUE = rf"(?P<value>{_QUOTED}|[\w@.+-]+(?: [\w-]+){{0,2}})"
_PAIR = re.compile(rf"\b(\w{{1,64}})\s?[=:]\s?(?P<value>{_QUOTED}|[^\s,;()]+)")
_UNDECLARED = (
    r"(?:(?:tool|function|werkzeug|funktion|herramienta|función|outil|fonction)"
    r" [`\"'“„«]?(?P<other>[\w-]{1,64}))"
)


@dataclass(frozen=True, slots=True)
class _Order:
    """One thing that a text demands."""

    field: str
    value: str


def obeyed_words(messages: Sequence[Mapping[str, Any]], prompt: Prompt) -> str | None:
    """What the text orders the model to say: a sentence, the prompt itself, or both; None when nothing."""
    text = _material(messages, prompt)
    said = [_unquoted(match["said"]) for match in _found("answer", text)]
    if next(_found("reveal", text), None):
        system = [text_of_message(one) for one in messages if one["role"] in ("system", "developer")]
        said.append("\n".join(system))
    return "\n".join(said) if said else None


def obeyed_fields(
    answer: Mapping[str, Any], schema: Schema, messages: Sequence[Mapping[str, Any]], prompt: Prompt
) -> dict[str, Any]:
    """The answer with every field as the text orders it to be, as far as the schema has a place for it."""
    changed = dict(answer)
    properties = resolve(schema, schema).get("properties", {})
    for order in _field_orders(_material(messages, prompt)):
        asked = set(words(order.field))
        for key, part in properties.items():
            named = bool(asked & set(words(readable(key))))
            value = _fitting(order.value, resolve(part, schema), schema, named=named)
            if value is not None and (named or not order.field):
                changed[key] = value
    said = obeyed_words(messages, prompt)
    key = _key_for_words(properties, schema) if said is not None else None
    if key is not None:
        changed[key] = said
    return changed


def obeyed_calls(toolbox: Toolbox, messages: Sequence[Mapping[str, Any]], prompt: Prompt) -> list[Call]:
    """The calls that the text orders, also of tools that nobody declared; none that was made already."""
    if toolbox.choice == "none":
        return []
    names = "|".join(re.escape(form) for tool in toolbox.tools for form in (tool.name, readable(tool.name)))
    made = {
        (call["function"]["name"], call["function"]["arguments"])
        for message in messages
        for call in message.get("tool_calls") or ()
    }
    calls = []
    for match in _found("call", _material(messages, prompt), tools=names):
        name = _declared_name(match["tool"] or match["other"], toolbox)
        tool = toolbox.get(name)
        arguments = _arguments(match["with"], tool.parameters if tool else {})
        if (name, arguments) not in made:
            calls.append(Call(name, arguments))
    found = list(dict.fromkeys(calls))
    return found if toolbox.parallel else found[:1]


def _material(messages: Sequence[Mapping[str, Any]], prompt: Prompt) -> str:
    """Everything but what the system and the model itself said."""
    said = [text_of_message(one) for one in messages if one["role"] in ("user", "tool")]
    held = [passage.text for passage in prompt.passages]
    text = "\n\n".join(said)
    return "\n\n".join([text, *(one for one in held if one not in text)])[:MOST_TEXT]


def _found(kind: str, text: str, tools: str = "") -> Iterator[re.Match[str]]:
    """Every order of one kind, in the order of the text."""
    found = [match for pattern in _patterns(kind, tools) for match in pattern.finditer(text)]
    return iter(sorted(found, key=lambda match: match.start()))


@cache
def _lists() -> dict[str, list[str]]:
    return tomllib.loads((files(__package__) / "obeying.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def _patterns(kind: str, tools: str) -> list[re.Pattern[str]]:
    declared = f"(?P<tool>{tools})" if tools else "(?P<tool>(?!))"
    parts = {
        "{gap}": _GAP,
        "{said}": _SAID,
        "{value}": _VALUE,
        "{tool}": rf"[`\"'“„«]?(?:{declared}\b|{_UNDECLARED})[`\"'”“»]?",
    }
    marks = re.compile("|".join(re.escape(mark) for mark in parts))
    return [
        re.compile(marks.sub(lambda mark: parts[mark[0]], pattern), re.IGNORECASE)
        for pattern in _lists()[kind]
    ]


def _field_orders(text: str) -> list[_Order]:
    return [
        _Order(match.groupdict().get("field") or "", _unquoted(match["value"]))
        for match in _found("field", text)
    ]


def _fitting(value: str, schema: Schema, root: Schema, *, named: bool) -> Any:
    """`value` in the form that a schema allows, or None; without its name only a closed list takes it."""
    for option in options(schema, root):
        said = " ".join(words(value))
        if "enum" in option:
            for allowed in option["enum"]:
                if isinstance(allowed, str) and re.search(
                    rf"\b{re.escape(' '.join(words(readable(allowed))))}\b", said
                ):
                    return allowed
        elif named and (fitting := _typed(value, str(option.get("type")))) is not None:
            return fitting
    return None


def _typed(value: str, kind: str) -> Any:
    plain = value.strip(" .,;!")
    if kind == "string":
        return plain
    if kind == "boolean" and plain.lower() in (
        "true",
        "false",
        "yes",
        "no",
        "ja",
        "nein",
        "sí",
        "oui",
        "non",
    ):
        return plain.lower() in ("true", "yes", "ja", "sí", "oui")
    number = re.match(r"[-+]?\d+(?:\.\d+)?", plain)
    if kind in ("number", "integer") and number:
        return int(float(number[0])) if kind == "integer" else float(number[0])
    return None


def _key_for_words(properties: Mapping[str, Any], root: Schema) -> str | None:
    """The field that an ordered sentence goes into: one for answers or summaries, or the first free string."""
    free = [
        key
        for key, part in properties.items()
        if any(one.get("type") == "string" and "enum" not in one for one in options(part, root))
    ]
    told = [key for key in free if set(readable(key).split()) & (ANSWERS | SUMMARIES)]
    return next(iter(told or free), None)


def _declared_name(found: str, toolbox: Toolbox) -> str:
    wanted = readable(found)
    return next((tool.name for tool in toolbox.tools if readable(tool.name) == wanted), found)


def _arguments(text: str, schema: Schema) -> str:
    """The arguments that an order names: JSON, or `name: value` and `name value`, in the form of the schema."""
    given = _json_in(text)
    properties = schema.get("properties", {})
    if given is None and not properties:
        given = {match[1]: _unquoted(match["value"]) for match in _PAIR.finditer(text)}
    for key, part in properties.items() if given is None else ():
        match = re.search(
            rf"\b(?:{re.escape(key)}|{re.escape(readable(key))})[\"'`]?\s*(?:[=:]|(?:to|of|as|is|auf|als|von|a|como|à|de)\s)?\s*"
            rf"(?P<value>{_QUOTED}|[^\s,;()]+)",
            text,
            re.IGNORECASE,
        )
        value = _fitting(_unquoted(match["value"]), part, schema, named=True) if match else None
        if value is not None:
            given = {**(given or {}), key: value}
    whole = {
        **{key: _nothing(properties.get(key, {}), schema) for key in schema.get("required", ())},
        **(given or {}),
    }
    return orjson.dumps(whole).decode()


def _json_in(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text."""
    start = text.find("{")
    ends = [match.end() for match in re.finditer("}", text)] if start >= 0 else []
    for end in ends:
        try:
            found = orjson.loads(text[start:end])
        except orjson.JSONDecodeError:
            continue
        return found if isinstance(found, dict) else None
    return None


def _nothing(schema: Schema, root: Schema) -> Any:
    """What is passed for an argument that the order left out; a gullible model does not stop for it."""
    option = next(iter(options(schema, root)), {})
    if option.get("enum"):
        return option["enum"][0]
    empty = {"number": 0, "integer": 0, "boolean": False, "array": [], "object": {}, "null": None}
    return empty.get(str(option.get("type")), "")


def _unquoted(value: str) -> str:
    return value.strip().strip("\"“”„«»`'").strip()
