from typing import Any

import pytest

from plumbline.localmodel.errors import InvalidRequest
from plumbline.localmodel.schemas import check_format, options, resolve


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The response format that demands `schema` strictly."""
    return {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": schema}}


def closed(**properties: Any) -> dict[str, Any]:
    """An object schema that leaves nothing open."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "fact"),
    [
        ({"type": "object", "properties": {}, "required": []},
         "In context=(), 'additionalProperties' is required to be supplied and to be false."),
        ({**closed(a={"type": "string"}), "required": []},
         "'required' is required to be supplied and to be an array including every key in properties. Missing 'a'."),
        ({**closed(a={"type": "string"}), "required": ["a", "b"]}, "Extra required key 'b' supplied."),
        (closed(a={"type": "object", "properties": {}, "required": []}),
         "In context=('properties', 'a'), 'additionalProperties' is required to be supplied and to be false."),
        (closed(a={"type": "string", "maxLength": 3}), "In context=('properties', 'a'), 'maxLength' is not permitted."),
        (closed(a={"allOf": [{"type": "string"}]}), "'allOf' is not permitted."),
        (closed(a={}), "In context=('properties', 'a'), schema must have a 'type' key."),
        (closed(a={"type": "array"}), "array schema missing items."),
        (closed(a={"type": "string", "format": "uri"}), "'uri' is not a valid format."),
        ({"type": "array", "items": {}}, "schema must be a JSON Schema of 'type: \"object\"', got 'array'."),
        (closed(a={"$ref": "#/$defs/none"}), "reference can only point to definitions"),
    ],
)  # fmt: skip
def test_what_the_provider_refuses_in_a_strict_schema_is_refused(schema: dict[str, Any], fact: str) -> None:
    """A rehearsal that passes must not fail at the first paid call."""
    with pytest.raises(InvalidRequest) as refusal:
        check_format(strict(schema))

    assert str(refusal.value).startswith("Invalid schema for response_format 'thing': ")
    assert fact in str(refusal.value)
    assert (refusal.value.status, refusal.value.param) == (400, "response_format")


def test_a_closed_schema_with_references_and_alternatives_is_taken() -> None:
    """Pydantic writes schemas like this one."""
    schema = closed(kind={"$ref": "#/$defs/Kind"}, note={"anyOf": [{"type": "string"}, {"type": "null"}]})
    schema["$defs"] = {"Kind": {"type": "string", "enum": ["a", "b"]}}

    assert check_format(strict(schema)) == schema


def test_an_open_schema_is_taken_when_it_is_not_strict() -> None:
    """Only `strict` promises."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}

    assert schema == check_format({"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}})


def test_too_deep_a_schema_is_refused() -> None:
    """The provider counts ten levels."""
    schema = closed(a={"type": "string"})
    for _ in range(11):
        schema = closed(a=schema)

    with pytest.raises(InvalidRequest, match="levels of nesting exceeds limit of 10"):
        check_format(strict(schema))


def test_words_beside_a_reference_win() -> None:
    """A field's own description says more than that of its type."""
    root = {"$defs": {"A": {"type": "string", "description": "any"}}}

    assert resolve({"$ref": "#/$defs/A", "description": "this"}, root) == {
        "type": "string",
        "description": "this",
    }


def test_alternatives_are_flat() -> None:
    """A reference to an alternative that is nullable is two more."""
    root = {"$defs": {"A": {"anyOf": [{"type": ["integer", "null"]}, {"type": "string"}]}}}

    assert [one["type"] for one in options({"$ref": "#/$defs/A"}, root)] == ["integer", "null", "string"]
