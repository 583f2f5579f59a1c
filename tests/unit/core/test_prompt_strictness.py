"""What passes here passes the provider: the rules of strict schemas, held against the embedded server's own reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.core.prompts import strict_problems
from plumbline.localmodel.schemas import check_format

GOOD: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "parts", "again"],
    "properties": {
        "label": {"type": ["string", "null"], "enum": ["a", None]},
        "parts": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/one"}]}},
        "again": {"$ref": "#"},
    },
    "$defs": {"one": {"type": "string", "format": "date"}},
}

words = st.sampled_from(
    ["type", "properties", "required", "additionalProperties", "items", "anyOf", "$ref", "oneOf"]
)
values = st.one_of(
    st.sampled_from(["object", "string", "array", "number", "#", "#/$defs/a", "text", False, True, None]),
    st.lists(st.sampled_from(["a", "b", "string"]), max_size=2),
)
schemas = st.recursive(
    st.dictionaries(words, values, max_size=3),
    lambda inside: st.one_of(
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "additionalProperties": st.sampled_from([False]),
                "required": st.sampled_from([["a"], ["a", "b"], []]),
                "properties": st.dictionaries(st.sampled_from(["a", "b"]), inside, max_size=2),
            }
        ),
        st.fixed_dictionaries({"type": st.just("array"), "items": inside}),
        st.fixed_dictionaries({"anyOf": st.lists(inside, min_size=1, max_size=2)}),
    ),
    max_leaves=6,
)


def test_a_schema_that_leaves_nothing_open_has_no_problems() -> None:
    """References, choices and null are within the rules."""
    assert strict_problems(GOOD) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"additionalProperties": True}, "additionalProperties must be false"),
        ({"required": ["label", "parts"]}, "'again' must be required"),
        ({"required": ["label", "parts", "again", "more"]}, "'more' is required and is no property"),
        ({"type": "array"}, "the schema itself must be of type object"),
        ({"anyOf": [{"type": "string"}]}, "the schema itself may not be anyOf"),
        ({"allOf": []}, "'allOf' is not permitted"),
        ({"$defs": {"one": {"type": "text"}}}, "$defs/one: there is no type 'text'"),
        ({"$defs": {"one": {}}}, "$defs/one: there is no type"),
        ({"$defs": {"one": True}}, "$defs/one: a schema is an object"),
        (
            {"$defs": {"one": {"type": "string", "format": "colour"}}},
            "$defs/one: there is no format 'colour'",
        ),
        ({"$defs": {"one": {"type": "string", "minLength": 3}}}, "$defs/one: 'minLength' is not permitted"),
        ({"$defs": {"one": {"type": "array"}}}, "$defs/one: a list needs items"),
        (
            {"$defs": {}},
            "properties/parts/items/anyOf/1: the reference '#/$defs/one' leads nowhere in this schema",
        ),
        ({"$defs": {"one": {"enum": list(range(1001))}}}, "1,003 values of enum, more than 1,000"),
        (
            {"$defs": {"one": {"const": "x" * 120_001}}},
            "120,024 letters of names and values, more than 120,000",
        ),
    ],
)
def test_each_rule_says_what_it_found_and_where(change: dict[str, Any], problem: str) -> None:
    """One change, one sentence."""
    found = strict_problems({**GOOD, **change})

    assert any(one.startswith(problem) for one in found)


def test_a_schema_that_goes_too_deep_is_refused() -> None:
    """Ten levels, as the provider counts them."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(11):
        schema = {
            "type": "object",
            "additionalProperties": False,
            "required": ["a"],
            "properties": {"a": schema},
        }

    assert strict_problems(schema) == ["11 levels, more than 10"]
    assert strict_problems(schema["properties"]["a"]) == []


@pytest.mark.parametrize("schema", [None, [], "object", True])
def test_what_is_no_schema_is_said_to_be_none(schema: Any) -> None:
    """A file may hold any JSON."""
    assert strict_problems(schema) == ["the schema is no object"]


@given(schemas)
def test_what_has_no_problems_is_taken_by_the_embedded_server(schema: dict[str, Any]) -> None:
    """Two readings of the same rules, written apart."""
    if strict_problems(schema) == []:
        described = {"name": "any", "strict": True, "schema": schema}
        assert check_format({"type": "json_schema", "json_schema": described}) == schema
