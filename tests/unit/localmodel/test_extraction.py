from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from plumbline.localmodel.extraction import Extraction, TextIsSilent
from plumbline.localmodel.prompts import read_prompt

LETTER = """Hello,

I ordered two desk lamps on 3 March 2026 (order A-20391) and was charged $149.90, but the parcel arrived damaged.
One of them does not switch on at all.
I would like a full refund as soon as possible, this is urgent because our office opens on Monday.
Please write to dana.miller@example.com.

Kind regards,
Dana Miller
City: Leeds
"""


def extract(schema: dict[str, Any], text: str = LETTER, system: str = "Read the letter.") -> dict[str, Any]:
    """The answer to one schema over one text."""
    prompt = read_prompt([{"role": "system", "content": system}, {"role": "user", "content": text}])
    return Extraction(schema, prompt).answer()


def one(schema: dict[str, Any], name: str = "field", **conversation: str) -> Any:
    """The value of one required field."""
    return extract({"type": "object", "properties": {name: schema}, "required": [name]}, **conversation)[name]


@pytest.mark.parametrize(
    ("name", "schema", "expected"),
    [
        ("order_number", {"type": "string"}, "A-20391"),
        ("email", {"type": ["string", "null"]}, "dana.miller@example.com"),
        ("customer_name", {"type": "string"}, "Dana Miller"),
        ("city", {"type": "string"}, "Leeds"),
        ("order_date", {"type": "string", "format": "date"}, "2026-03-03"),
        ("order_date", {"type": "string"}, "3 March 2026"),
        ("ordered_at", {"type": "string", "format": "date-time"}, "2026-03-03T00:00:00Z"),
        ("amount_charged", {"type": "number"}, 149.9),
        ("number_of_desk_lamps", {"type": "integer"}, 2),
        ("refund_requested", {"type": "boolean"}, True),
        ("order", {"type": "string", "pattern": "^[A-Z]-[0-9]{5}$"}, "A-20391"),
        ("phone", {"type": ["string", "null"]}, None),
        ("invoice_total", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
        ("urgency", {"type": "string", "enum": ["low", "medium", "high"]}, "high"),
        ("topic", {"enum": ["refund", "careers", "press"]}, "refund"),
        ("version", {"const": 3}, 3),
    ],
)
def test_a_field_is_filled_from_the_text(name: str, schema: dict[str, Any], expected: Any) -> None:
    """By its name, its type and its format."""
    assert expected == one(schema, name)


def test_labels_defined_in_the_description_are_used() -> None:
    """A label's name alone may mislead."""
    schema = {"enum": ["a", "b"], "description": "a: praise for the shop\nb: goods that arrived damaged"}

    assert one(schema) == "b"


def test_several_labels_may_apply() -> None:
    """A list of labels takes every near one, in the schema's order."""
    schema = {"type": "array", "items": {"enum": ["careers", "damaged goods", "refund"]}}

    assert one(schema, "tags") == ["damaged goods", "refund"]


def test_nested_objects_are_filled() -> None:
    """The parent's name is part of the question."""
    schema = {"type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"]}

    assert one(schema, "address") == {"city": "Leeds"}


def test_an_optional_object_without_support_is_null() -> None:
    """Not an object full of nothing."""
    part = {"type": "object", "properties": {"iban": {"type": ["string", "null"]}}, "required": ["iban"]}

    assert one({"anyOf": [part, {"type": "null"}]}, "bank_account", text="The weather is fine.") is None


def test_a_list_of_objects_takes_one_from_each_sentence() -> None:
    """Each is filled from its own sentence, so values do not mix."""
    item = {
        "type": "object",
        "properties": {"product": {"type": "string"}, "price": {"type": "number"}},
        "required": ["product", "price"],
    }
    found = one(
        {"type": "array", "items": item},
        "prices",
        text="The product lamp has the price $9.\nThe product chair has the price $50.",
    )

    assert [thing["price"] for thing in found] == [9, 50]


def test_quotes_stand_in_the_text_letter_for_letter() -> None:
    """A citation that is not in the source is worth nothing."""
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "source_id": {"type": ["string", "null"]}},
        "required": ["answer", "source_id"],
    }
    text = '<chunk id="w">Lamps have a warranty of two years.</chunk><chunk id="s">Shipping is free.</chunk>'
    text += "\nQuestion: How long is the warranty of lamps?"

    assert extract(schema, text) == {"answer": "Lamps have a warranty of two years.", "source_id": "w"}


def test_no_support_is_said_and_not_filled() -> None:
    """`supported` is false, and there is no answer."""
    schema = {
        "type": "object",
        "properties": {
            "supported": {"type": "boolean"},
            "answer": {"type": ["string", "null"]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["supported", "answer", "confidence"],
    }
    text = "<context>Lamps have a warranty of two years.</context>\nQuestion: Who founded the company?"

    assert extract(schema, text) == {"supported": False, "answer": None, "confidence": 0}


def test_a_value_that_is_not_there_is_refused_rather_than_invented() -> None:
    """A figure without a source is the worst answer of all."""
    with pytest.raises(TextIsSilent, match=r"'invoice\.vat_rate'"):
        one(
            {"type": "object", "properties": {"vat_rate": {"type": "number"}}, "required": ["vat_rate"]},
            "invoice",
            text="The weather is fine.",
        )


def test_a_scale_without_evidence_says_its_middle() -> None:
    """A judgement on a scale with two ends has a value that claims nothing."""
    assert (
        one({"type": "integer", "minimum": 1, "maximum": 5}, "politeness", text="The weather is fine.") == 3
    )


def test_earlier_answers_are_examples() -> None:
    """The label of the most similar earlier text is the label here."""
    prompt = read_prompt(
        [
            {"role": "user", "content": "my card was stolen"},
            {"role": "assistant", "content": '{"kind": "k1"}'},
            {"role": "user", "content": "which rate do you use for dollars"},
            {"role": "assistant", "content": '{"kind": "k2"}'},
            {"role": "user", "content": "what rate do I get for dollars"},
        ]
    )
    schema = {"type": "object", "properties": {"kind": {"enum": ["k1", "k2"]}}, "required": ["kind"]}

    assert Extraction(schema, prompt).answer() == {"kind": "k2"}


def test_a_schema_that_contains_itself_ends() -> None:
    """Trees are described so."""
    root = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "replies": {"type": "array", "items": {"$ref": "#"}},
            "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        },
        "required": ["text", "replies", "parent"],
    }
    answer = extract(root, "One short text.")

    Draft202012Validator(root).validate(answer)
    depth, part = 0, answer
    while part is not None:
        assert ("One short text.", []) == (part["text"], part["replies"])
        depth, part = depth + 1, part.get("parent")
    assert 1 <= depth <= 32


names = st.sampled_from(
    ["order_number", "summary", "answer", "price", "is_late", "due_date", "tags", "confidence", "x"]
)
leaves = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"format": st.sampled_from(["date", "date-time", "time", "email", "uuid", "ipv4"])},
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["number", "integer"])},
        optional={
            "minimum": st.integers(-5, 5),
            "maximum": st.integers(6, 200),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
        },
    ),
    st.just({"type": "boolean"}),
    st.fixed_dictionaries(
        {"enum": st.lists(st.sampled_from(["a", "late", 3, None]), min_size=1, unique=True)}
    ),
    st.fixed_dictionaries({"type": st.just(["string", "null"])}),
    st.fixed_dictionaries({"const": st.sampled_from(["k", 1, None])}),
)


def objects(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Closed objects with such fields."""
    return st.dictionaries(names, parts, max_size=4).map(
        lambda properties: {
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
            "additionalProperties": False,
        }
    )


def larger(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of such schemas."""
    return st.one_of(
        objects(parts),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": parts},
            optional={"minItems": st.integers(0, 2), "maxItems": st.integers(2, 4)},
        ),
        parts.map(lambda part: {"anyOf": [part, {"type": "null"}]}),
    )


@settings(max_examples=150, deadline=None)
@given(
    objects(st.recursive(leaves, larger, max_leaves=6)),
    st.sampled_from([LETTER, "", "It is late. 3 of 7.", "下周到。"]),
)
def test_every_answer_conforms_to_its_schema(schema: dict[str, Any], text: str) -> None:
    """Or there is none, and the refusal says which field the text is silent on."""
    prompt = read_prompt([{"role": "user", "content": text}])
    with suppress(TextIsSilent):
        answer = Extraction(schema, prompt).answer()
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(answer)
