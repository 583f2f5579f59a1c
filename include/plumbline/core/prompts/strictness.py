"""
What a provider demands of a schema in strict mode: a prompt fails when it is loaded, not when it is paid for.

The rules are those of OpenAI's structured outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_WORDS = frozenset(
    {
        "$defs", "$ref", "additionalProperties", "anyOf", "const", "definitions", "description", "enum",
        "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maximum", "minItems", "minimum",
        "multipleOf", "pattern", "properties", "required", "title", "type",
    }
)  # fmt: skip
_STANDS_FOR_A_TYPE = frozenset({"$ref", "anyOf", "enum", "const"})
_MOST_PROPERTIES = 5_000
_MOST_LEVELS = 10
_MOST_CHOICES = 1_000
_MANY_CHOICES = 250
_LETTERS_OF_MANY_CHOICES = 15_000
_MOST_LETTERS = 120_000

Place = tuple[str, ...]


def strict_problems(schema: Any) -> list[str]:
    """Return what a provider would refuse in strict mode, each fact with its place.  Pure."""
    if not isinstance(schema, dict):
        return ["the schema is no object"]
    found = []
    if schema.get("type") != "object":
        found.append("the schema itself must be of type object")
    if "anyOf" in schema:
        found.append("the schema itself may not be anyOf")
    every = list(_subschemas(schema, ()))
    found += [f"{_said(place)}{fact}" for place, part in every for fact in _facts(part, schema)]
    return found + _limits(every)


def _facts(part: Any, root: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(part, dict):
        yield "a schema is an object"
        return
    yield from (f"{word!r} is not permitted" for word in part if word not in _WORDS)
    kinds = part.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds in ([None], []) and not _STANDS_FOR_A_TYPE & part.keys():
        yield "there is no type"
    for kind in kinds:
        if kind is not None and (not isinstance(kind, str) or kind not in _TYPES):
            yield f"there is no type {kind!r}"
    if "format" in part and part["format"] not in _FORMATS:
        yield f"there is no format {part['format']!r}"
    if "array" in kinds and not isinstance(part.get("items"), dict):
        yield "a list needs items"
    if "object" in kinds:
        yield from _object_facts(part)
    reference = part.get("$ref")
    if reference is not None and not _leads_somewhere(reference, root):
        yield f"the reference {reference!r} leads nowhere in this schema"


def _object_facts(part: Mapping[str, Any]) -> Iterator[str]:
    if part.get("additionalProperties") is not False:
        yield "additionalProperties must be false"
    properties, required = part.get("properties", {}), part.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        yield "properties are an object, and required is a list"
        return
    yield from (f"{name!r} must be required" for name in properties if name not in required)
    yield from (f"{name!r} is required and is no property" for name in required if name not in properties)


def _leads_somewhere(reference: Any, root: Mapping[str, Any]) -> bool:
    if reference == "#":
        return True
    if not isinstance(reference, str) or not reference.startswith(("#/$defs/", "#/definitions/")):
        return False
    at: Any = root
    for step in reference[2:].split("/"):
        at = at.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
    return isinstance(at, dict)


def _limits(every: list[tuple[Place, Any]]) -> list[str]:
    parts = [(place, part) for place, part in every if isinstance(part, dict)]
    choices = [(place, part["enum"]) for place, part in parts if isinstance(part.get("enum"), list)]
    names = [
        name
        for _, part in parts
        for word in ("properties", "$defs", "definitions")
        for name in _keys(part, word)
    ]
    properties = sum(len(_keys(part, "properties")) for _, part in parts)
    levels = max(sum(step in {"properties", "items"} for step in place) for place, _ in every)
    letters = sum(map(len, names))
    letters += sum(len(str(one)) for _, values in choices for one in values)
    letters += sum(len(str(part["const"])) for _, part in parts if "const" in part)
    limits = (
        (properties, _MOST_PROPERTIES, "properties"),
        (levels, _MOST_LEVELS, "levels"),
        (sum(len(values) for _, values in choices), _MOST_CHOICES, "values of enum"),
        (letters, _MOST_LETTERS, "letters of names and values"),
    )
    found = [f"{number:,} {what}, more than {most:,}" for number, most, what in limits if number > most]
    for place, values in choices:
        length = sum(len(one) for one in values if isinstance(one, str))
        if len(values) > _MANY_CHOICES and length > _LETTERS_OF_MANY_CHOICES:
            found.append(f"{_said(place)}{length:,} letters of enum, more than {_LETTERS_OF_MANY_CHOICES:,}")
    return found


def _keys(part: Mapping[str, Any], word: str) -> list[str]:
    inside = part.get(word)
    return list(inside) if isinstance(inside, dict) else []


def _subschemas(schema: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """A schema and every one inside it, with the way to it; references are not followed."""
    yield place, schema
    if not isinstance(schema, dict):
        return
    for word in ("properties", "$defs", "definitions"):
        for key in _keys(schema, word):
            yield from _subschemas(schema[word][key], (*place, word, key))
    if isinstance(schema.get("items"), dict):
        yield from _subschemas(schema["items"], (*place, "items"))
    branches = schema.get("anyOf")
    for number, part in enumerate(branches if isinstance(branches, list) else ()):
        yield from _subschemas(part, (*place, "anyOf", str(number)))


def _said(place: Place) -> str:
    return f"{'/'.join(place)}: " if place else ""
