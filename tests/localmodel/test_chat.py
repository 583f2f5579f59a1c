from __future__ import annotations

import json
from typing import Any, Literal

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel, ConfigDict

from plumbline.localmodel.testing import RunningServer

CONTEXT = """<context>
<chunk id="c1">Returns are free within 30 days of delivery. Write to support to get a label.</chunk>
<chunk id="c2">The warranty on lamps lasts two years. It covers defects but not damage by water.</chunk>
</context>

Question: """


class Ticket(BaseModel):
    """What a ticket is about."""

    model_config = ConfigDict(extra="forbid")

    category: Literal["billing", "delivery", "account access"]
    order_number: str | None
    summary: str


def ask(client: OpenAI, text: str, **options: Any) -> Any:
    """One question."""
    return client.chat.completions.create(
        model="local-extractive", messages=[{"role": "user", "content": text}], **options
    )


def test_a_question_is_answered_by_a_sentence_of_its_context(client: OpenAI) -> None:
    """With the name of the passage it stands in, and the label of the model that gave it."""
    answer = ask(client, CONTEXT + "How long does the warranty last?")

    assert answer.choices[0].message.content == "The warranty on lamps lasts two years. [c2]"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.model, answer.system_fingerprint) == ("local-extractive", "local-extractive")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CONTEXT + "Who is the chief executive?", "The text given does not answer this."),
        ("What is the capital of France?", "There is no text in this request to answer from."),
        ("Write a poem about rain.", "There is no text in this request to answer from."),
    ],
)
def test_what_is_not_in_the_text_is_not_said(client: OpenAI, text: str, said: str) -> None:
    """No support means no answer."""
    assert ask(client, text).choices[0].message.content.startswith(said)


def test_a_schema_is_filled_from_the_text(client: OpenAI) -> None:
    """Through the client's own parsing, strict schema and all."""
    text = "Where is my parcel? Order A-20391 should have been delivered on Monday, but nothing has arrived."
    answer = client.chat.completions.parse(
        model="local-extractive",
        messages=[{"role": "system", "content": "Read the ticket."}, {"role": "user", "content": text}],
        response_format=Ticket,
    )

    ticket = answer.choices[0].message.parsed
    assert ticket is not None
    assert (ticket.category, ticket.order_number) == ("delivery", "A-20391")
    assert ticket.summary in text


def test_the_same_request_has_the_same_answer(client: OpenAI) -> None:
    """Extraction has no temperature."""
    contents = {
        ask(client, CONTEXT + "Are returns free?", temperature=1.0).choices[0].message.content
        for _ in range(3)
    }

    assert len(contents) == 1


def test_usage_is_billed(client: OpenAI, model_server: RunningServer) -> None:
    """Prompt and answer apart."""
    usage = ask(client, CONTEXT + "Are returns free?").usage

    bill = model_server.meter()
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert (bill["prompt_tokens"], bill["completion_tokens"]) == (
        usage.prompt_tokens,
        usage.completion_tokens,
    )
    assert bill["embeddings"] == 0


def test_an_answer_that_is_cut_says_so(client: OpenAI) -> None:
    """`length` is the sign that JSON may be half."""
    answer = ask(client, CONTEXT + "How long does the warranty last?", max_completion_tokens=3)

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3
    assert answer.choices[0].message.content == "The warranty on"


def test_a_stop_sequence_ends_the_answer(client: OpenAI) -> None:
    """And is left out of it."""
    content = (
        ask(client, CONTEXT + "How long does the warranty last?", stop=[" lasts"]).choices[0].message.content
    )

    assert content == "The warranty on lamps"


def test_a_stream_says_the_same_as_a_whole_answer(client: OpenAI) -> None:
    """Piece by piece, with its reason to end, and usage when asked for."""
    text = CONTEXT + "How long does the warranty last?"
    whole = ask(client, text)
    chunks = list(ask(client, text, stream=True, stream_options={"include_usage": True}))

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)


def test_a_truncated_stream_ends_without_a_reason(client: OpenAI, model_server: RunningServer) -> None:
    """Nothing is raised: a client must miss the finish_reason itself."""
    model_server.fault("truncate")
    chunks = list(ask(client, CONTEXT + "How long does the warranty last?", stream=True))

    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)


def test_an_invalid_strict_schema_is_refused(client: OpenAI) -> None:
    """In the provider's words."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": schema}}

    with pytest.raises(openai.BadRequestError) as refusal:
        ask(client, "Hello.", response_format=wanted)

    assert "'additionalProperties' is required to be supplied and to be false" in refusal.value.message
    assert refusal.value.param == "response_format"


def test_a_value_that_is_not_in_the_text_is_refused_as_the_provider_refuses(client: OpenAI) -> None:
    """`refusal` in place of content; the request was answered, and is billed."""
    schema = {
        "type": "object",
        "properties": {"vat": {"type": "number"}},
        "required": ["vat"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": schema}}

    message = ask(client, "The weather is fine.", response_format=wanted).choices[0].message

    assert message.content is None
    assert "The text says nothing for 'vat'" in message.refusal


def test_json_mode_gives_json(client: OpenAI) -> None:
    """Without a schema there is one field."""
    content = (
        ask(client, CONTEXT + "Are returns free?", response_format={"type": "json_object"})
        .choices[0]
        .message.content
    )

    assert json.loads(content) == {"answer": "Returns are free within 30 days of delivery."}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extra_body": {"functions": [{"name": "f"}]}}, "Unsupported parameter: 'functions'"),
        ({"max_completion_tokens": 0}, "Invalid 'max_completion_tokens'"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "wizard", "content": "a"}]}, "Invalid value for 'messages[0].role'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
            "text parts only",
        ),
        (
            {"messages": [{"role": "user", "content": "word " * 130_000}]},
            "maximum context length is 128000 tokens",
        ),
        ({"extra_body": {"colour": "red"}}, "Unknown parameter: 'colour'"),
        ({"stop": 5}, "Invalid type for 'stop'"),
        ({"stop": ["a", 5]}, "Invalid type for 'stop'"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "Invalid 'stop': array too long"),
        ({"extra_body": {"stream_options": "x"}}, "Invalid type for 'stream_options'"),
    ],
)
def test_what_cannot_be_done_is_refused(client: OpenAI, options: dict[str, Any], message: str) -> None:
    """Rather than ignored."""
    request = {"model": "local-extractive", "messages": [{"role": "user", "content": "a"}], **options}
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(**request)

    assert message in refusal.value.message


@pytest.mark.parametrize("model", ["local-wordllama", "gpt-5"])
def test_only_the_chat_model_chats(client: OpenAI, model: str) -> None:
    """Under its own name."""
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "a"}])
