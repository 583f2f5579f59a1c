"""
JSON schemas as the provider takes them: what `strict` demands, and what a reference stands for.

The provider refuses a strict schema that leaves anything open.  If this server took it, a rehearsal
would pass and the first paid call would fail, so the refusals and their sentences are the provider's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.localmodel.errors import InvalidRequest

Schema = Mapping[str, Any]

TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
DEEPEST = 10
MOST_PROPERTIES = 5000
MOST_ENUM_VALUES = 1000
PERMITTED = frozenset(
    {
        "$defs", "$ref", "$schema", "$id", "definitions", "type", "title", "description", "enum", "const", "anyOf",
        "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "pattern", "format",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "default", "examples",
    }
)  # fmt: skip
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Owner:
    """What a schema belongs to, in the words of a refusal."""

    name: str
    param: str = "response_format"
    code: str | None = None


def check_format(given: Any) -> Schema | None:
    """
    The schema of a `response_format`, or None when any text will do.

    Raises:
        InvalidRequest: The provider would refuse it; the sentence is its own.
    """
    if given is None or given == {"type": "text"}:
        return None
    if given == {"type": "json_object"}:
        return {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    if not isinstance(given, dict) or given.get("type") != "json_schema":
        raise InvalidRequest(
            "Invalid value for 'response_format.type'. Supported values are: 'text', 'json_object' and 'json_schema'.",
            param="response_format.type",
            code="invalid_value",
        )
    described = given.get("json_schema")
    if not isinstance(described, dict) or not isinstance(described.get("name"), str):
        raise InvalidRequest(
            "Missing required parameter: 'response_format.json_schema.name'.",
            param="response_format.json_schema.name",
            code="missing_required_parameter",
        )
    name = described["name"]
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            "Invalid 'response_format.json_schema.name': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$', of at most 64 characters.",
            param="response_format.json_schema.name",
            code="invalid_value",
        )
    return _checked(
        described.get("schema", {}), _Owner(f"response_format '{name}'"), strict=bool(described.get("strict"))
    )


def check_parameters(given: Any, function: str, param: str, *, strict: bool) -> Schema:
    """
    The schema of a function's arguments; a function without `parameters` takes none.

    Raises:
        InvalidRequest: The provider would refuse it; the sentence is its own.
    """
    if given is None:
        return {"type": "object", "properties": {}}
    return _checked(
        given, _Owner(f"function '{function}'", param, "invalid_function_parameters"), strict=strict
    )


def _checked(schema: Any, owner: _Owner, *, strict: bool) -> Schema:
    if not isinstance(schema, dict):
        raise _invalid(owner, (), "schema must be a JSON Schema object")
    if schema.get("type") != "object":
        raise _invalid(
            owner, (), f"schema must be a JSON Schema of 'type: \"object\"', got '{schema.get('type')}'"
        )
    if strict:
        _check_strict(owner, schema)
    _check_references(owner, schema)
    return schema


def resolve(schema: Schema, root: Schema) -> Schema:
    """
    `schema` with its reference replaced by what it stands for, and `allOf` put together.

    Words beside a reference (a description, for one) win over those behind it.
    """
    seen: set[str] = set()
    while isinstance(schema.get("$ref"), str) and schema["$ref"] not in seen:
        seen.add(schema["$ref"])
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**_follow(schema["$ref"], root), **rest}
    for part in schema.get("allOf", ()):
        schema = _joined({key: value for key, value in schema.items() if key != "allOf"}, resolve(part, root))
    return schema


def options(schema: Schema, root: Schema, depth: int = 0) -> list[Schema]:
    """
    The alternatives of a schema, none with alternatives of its own.

    They are the branches of `anyOf` or `oneOf`, one for each of several types, or the schema itself.
    """
    schema = resolve(schema, root)
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list):
            rest = {key: value for key, value in schema.items() if key != word}
            branches = [{**rest, **branch} for branch in schema[word] if isinstance(branch, dict)]
            # A branch that leads back to its own schema adds nothing.
            return (
                [one for branch in branches for one in options(branch, root, depth + 1)]
                if depth < DEEPEST
                else []
            )
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _joined(schema: Schema, part: Schema) -> Schema:
    joined = {**part, **schema}
    if "properties" in schema and "properties" in part:
        joined["properties"] = {**schema["properties"], **part["properties"]}
        joined["required"] = [*schema.get("required", ()), *part.get("required", ())]
    return joined


def _follow(reference: str, root: Schema) -> Schema:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _check_references(owner: _Owner, root: Schema) -> None:
    for place, schema in _subschemas(root, ()):
        reference = schema.get("$ref")
        if isinstance(reference, str) and not (reference == "#" or _follow(reference, root)):
            raise _invalid(
                owner,
                place,
                f"reference can only point to definitions defined at the top level "
                f"of the schema, got '{reference}'",
            )


def _check_strict(owner: _Owner, root: Schema) -> None:
    properties = values = 0
    for place, schema in _subschemas(root, ()):
        _check_one(owner, place, schema)
        properties += len(schema.get("properties", ()))
        values += len(schema.get("enum", ()))
        levels = sum(step in ("properties", "items") for step in place)
        if levels > DEEPEST:
            raise _invalid(owner, (), f"{levels} levels of nesting exceeds limit of {DEEPEST}", context=False)
    if properties > MOST_PROPERTIES or values > MOST_ENUM_VALUES:
        raise _invalid(
            owner,
            (),
            f"{properties} properties and {values} enum values exceed the limits of {MOST_PROPERTIES} "
            f"and {MOST_ENUM_VALUES}",
            context=False,
        )


def _check_one(owner: _Owner, place: tuple[str, ...], schema: Schema) -> None:
    """One schema, without those inside it."""
    for word in schema:
        if word not in PERMITTED:
            raise _invalid(owner, place, f"'{word}' is not permitted")
    if not place and "anyOf" in schema:
        raise _invalid(owner, place, "schema must have type 'object' and not have 'anyOf' at the top level")
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds == [None] and not {"$ref", "anyOf", "enum", "const"} & schema.keys():
        raise _invalid(owner, place, "schema must have a 'type' key")
    if any(kind not in TYPES for kind in kinds if kind is not None):
        raise _invalid(owner, place, f"'{kinds[0]}' is not valid under any of the given schemas")
    if "format" in schema and schema["format"] not in FORMATS:
        raise _invalid(owner, place, f"'{schema['format']}' is not a valid format")
    if "array" in kinds and not isinstance(schema.get("items"), dict):
        raise _invalid(owner, place, "array schema missing items")
    if "object" in kinds:
        _check_object(owner, place, schema)


def _check_object(owner: _Owner, place: tuple[str, ...], schema: Schema) -> None:
    if schema.get("additionalProperties") is not False:
        raise _invalid(owner, place, "'additionalProperties' is required to be supplied and to be false")
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    missing = next((key for key in properties if key not in required), None)
    if missing is not None:
        raise _invalid(
            owner,
            place,
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{missing}'",
        )
    extra = next((key for key in required if key not in properties), None)
    if extra is not None:
        raise _invalid(owner, place, f"Extra required key '{extra}' supplied")


def _subschemas(schema: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """A schema and every one inside it, with the way to it; references are not followed."""
    if not isinstance(schema, dict):
        return
    yield place, schema
    for word in ("properties", "$defs", "definitions"):
        inside = schema.get(word)
        if isinstance(inside, dict):
            for key, part in inside.items():
                yield from _subschemas(part, (*place, word, key))
    yield from _subschemas(schema.get("items"), (*place, "items"))
    for word in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(word)
        for number, part in enumerate(branches if isinstance(branches, list) else ()):
            yield from _subschemas(part, (*place, word, str(number)))


def _invalid(owner: _Owner, place: tuple[str, ...], fact: str, *, context: bool = True) -> InvalidRequest:
    where = f"In context={place!r}, " if context else ""
    return InvalidRequest(
        f"Invalid schema for {owner.name}: {where}{fact}.", param=owner.param, code=owner.code
    )
