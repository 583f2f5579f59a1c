from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel, ConfigDict

from plumbline.localmodel.testing import RunningServer

REFUND = {"order_number": {"type": "string"}, "amount": {"type": "number"}}


def tool(name: str, description: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A function with all of its arguments required."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": schema, **more}
    return {"type": "function", "function": function}


TOOLS = [
    tool("get_weather", "Get the current weather in a city.", {"city": {"type": "string"}}, strict=True),
    tool("refund_order", "Refund an order of a customer.", REFUND),
    tool("lookup_order", "Look up the status of an order.", {"order_number": {"type": "string"}}),
]


def ask(client: OpenAI, text: str, **options: Any) -> Any:
    """One question to a model that has tools."""
    asked = {"tools": TOOLS, "messages": [{"role": "user", "content": text}], **options}
    return client.chat.completions.create(model="local-extractive", **asked)


def calls(answer: Any) -> list[tuple[str, dict[str, Any]]]:
    """What an answer calls."""
    return [
        (call.function.name, json.loads(call.function.arguments))
        for call in answer.choices[0].message.tool_calls or ()
    ]


def test_a_tool_is_called_with_arguments_from_the_text(client: OpenAI) -> None:
    """And nothing is said beside it."""
    answer = ask(client, "Please refund 25.50 EUR for order A-20391.")

    assert calls(answer) == [("refund_order", {"order_number": "A-20391", "amount": 25.5})]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None
    assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize("text", ["I would like my money back.", "Who was the first president?", "Thanks!"])
def test_without_support_for_its_arguments_no_tool_is_called(client: OpenAI, text: str) -> None:
    """The model answers in words instead of making arguments up."""
    answer = ask(client, text)

    assert calls(answer) == []
    assert (answer.choices[0].finish_reason, bool(answer.choices[0].message.content)) == ("stop", True)


def test_several_calls_come_in_one_answer_unless_that_is_forbidden(client: OpenAI) -> None:
    """Each with an identity of its own."""
    text = "What is the weather in Paris? And what is the weather in Berlin?"
    both = ask(client, text)
    one = ask(client, text, parallel_tool_calls=False)

    assert calls(both) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Berlin"})]
    assert len({call.id for call in both.choices[0].message.tool_calls}) == 2
    assert len(calls(one)) == 1


def test_none_forbids_required_demands_and_a_name_chooses(client: OpenAI) -> None:
    """A call that is demanded by its name ends with `stop`, as the provider's do."""
    text = "Refund order A-1 with 5 euros."
    named = {"type": "function", "function": {"name": "lookup_order"}}
    chosen = ask(client, text, tool_choice=named)

    assert calls(ask(client, text, tool_choice="none")) == []
    assert calls(ask(client, text, tool_choice="required"))[0][0] == "refund_order"
    assert calls(chosen) == [("lookup_order", {"order_number": "A-1"})]
    assert chosen.choices[0].finish_reason == "stop"


def test_arguments_that_are_demanded_and_not_in_the_text_are_refused(client: OpenAI) -> None:
    """Not even a demanded call is made up."""
    amount = tool("pay", "Pay an amount.", {"amount": {"type": "number"}})
    message = ask(client, "The weather is fine.", tools=[amount], tool_choice="required").choices[0].message

    assert message.tool_calls is None
    assert "The text says nothing for 'amount'" in message.refusal


def test_what_a_tool_answered_is_told_and_not_asked_again(client: OpenAI) -> None:
    """A loop of calls ends."""
    question = {"role": "user", "content": "What is the weather in Paris?"}
    first = ask(client, question["content"])
    call = first.choices[0].message.tool_calls[0]
    said = {
        "role": "tool",
        "tool_call_id": call.id,
        "content": "The weather in Paris is sunny and 21 degrees.",
    }
    answer = ask(client, "", messages=[question, first.choices[0].message.to_dict(), said])

    assert answer.choices[0].message.content == "The weather in Paris is sunny and 21 degrees."
    assert answer.usage.prompt_tokens > first.usage.prompt_tokens


def test_a_stream_calls_the_same_as_a_whole_answer(client: OpenAI) -> None:
    """Name first, then the arguments piece by piece, each under the number of its call."""
    text = "Refund order A-1 with 5 euros. Refund order B-22 with 7 euros."
    whole = ask(client, text).choices[0].message.tool_calls
    chunks = list(ask(client, text, stream=True))
    put_together: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        for delta in chunk.choices[0].delta.tool_calls or ():
            call = put_together.setdefault(delta.index, {"name": "", "arguments": ""})
            call["name"] += delta.function.name or ""
            call["arguments"] += delta.function.arguments or ""

    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert list(put_together.values()) == [call.function.to_dict() for call in whole]


class RefundOrder(BaseModel):
    """Refund an order of a customer."""

    model_config = ConfigDict(extra="forbid")

    order_number: str
    amount: float


def test_the_clients_own_parsing_reads_strict_arguments(client: OpenAI) -> None:
    """From a model class to an instance of it."""
    answer = client.chat.completions.parse(
        model="local-extractive",
        messages=[{"role": "user", "content": "Please refund 12 euros for order Z-77."}],
        tools=[pydantic_function_tool(RefundOrder)],
    )

    calls = answer.choices[0].message.tool_calls or []
    assert calls[0].function.parsed_arguments == RefundOrder(order_number="Z-77", amount=12)


def test_arguments_are_cut_at_the_tokens_allowed(client: OpenAI) -> None:
    """`length` is the sign that they may be no JSON."""
    answer = ask(client, "Please refund 25.50 EUR for order A-20391.", max_completion_tokens=6)

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 6


OPEN = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
TOLD = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
HELLO = {"role": "user", "content": "Hello."}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tools": []}, "Invalid 'tools': empty array"),
        ({"tools": TOOLS * 43}, "Invalid 'tools': array too long"),
        ({"tools": [TOOLS[0], TOOLS[0]]}, "used more than once"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "string does not match pattern"),
        ({"tools": [{"type": "web"}]}, "Invalid value for 'tools[0].type'"),
        ({"tools": [{"type": "function", "function": {}}]}, "Missing required parameter: 'tools[0].function.name'"),
        ({"tools": [OPEN]}, "Invalid schema for function 'f': In context=(), 'additionalProperties' is required"),
        ({"tool_choice": {"type": "function", "function": {"name": "fly"}}}, "tool choice 'fly' not found"),
        ({"tool_choice": "always"}, "Invalid value for 'tool_choice'"),
        ({"tools": openai.omit, "tool_choice": "auto"}, "'tool_choice' is only allowed when 'tools' are specified"),
        ({"messages": [HELLO, TOLD]}, "must be a response to a preceeding message with 'tool_calls'"),
        ({"messages": [HELLO, CALLING, HELLO]}, "did not have response messages: call_1"),
        ({"messages": [HELLO, CALLING]}, "did not have response messages: call_1"),
        ({"messages": [HELLO, CALLING, TOLD, TOLD]}, "must be a response to a preceeding message"),
        ({"messages": [HELLO, CALLING, {"role": "tool", "content": "x"}]}, "must have a 'tool_call_id'"),
    ],
)  # fmt: skip
def test_what_the_provider_refuses_of_tools_is_refused(
    client: OpenAI, options: dict[str, Any], message: str
) -> None:
    """A rehearsal that lets it pass would fail at the first paid call."""
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(client, "Hello.", **options)

    assert message in refusal.value.message


@pytest.mark.parametrize("kind", ["break_schema", "length", "content_filter", "refusal"])
def test_a_wrong_call_can_be_asked_for(client: OpenAI, model_server: RunningServer, kind: str) -> None:
    """Arguments that do not fit, half of them, or none at all; billed all the same."""
    model_server.fault(kind)
    answer = ask(client, "Please refund 25.50 EUR for order A-20391.")
    message = answer.choices[0].message
    if kind == "refusal":
        assert (message.tool_calls, message.content, bool(message.refusal)) == (None, None, True)
    elif kind == "break_schema":
        assert calls(answer)[0][1] == {"order_number": "A-20391", "unexpected": True}
    else:
        assert answer.choices[0].finish_reason == kind
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(message.tool_calls[0].function.arguments)

    assert model_server.meter()["billed_requests"] == 1
    assert calls(ask(client, "Please refund 25.50 EUR for order A-20391."))[0][1]["amount"] == 25.5


def test_a_wrong_answer_breaks_the_schema_asked_for(client: OpenAI, model_server: RunningServer) -> None:
    """Valid JSON, and still not what was asked."""
    model_server.fault("break_schema")
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["billing", "delivery"]}},
        "required": ["label"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "t", "strict": True, "schema": schema}}
    answer = ask(client, "Where is my parcel?", tools=openai.omit, response_format=wanted)

    assert json.loads(answer.choices[0].message.content) == {"unexpected": True}
    assert answer.choices[0].finish_reason == "stop"
