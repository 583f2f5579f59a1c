"""Our client, judged by imitations of the provider that nobody here wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.models import (
    Action,
    ChatRequest,
    Door,
    Ended,
    MayHaveBeenBilled,
    Message,
    RetryLater,
    Schema,
    Tool,
    effects,
)
from plumbline.models.errors import CallRefused

Booked = Callable[[str], list[tuple[Any, ...]]]
LABEL = Schema(
    "label",
    {
        "type": "object",
        "properties": {"intent": {"type": "string", "enum": ["billing", "technical"]}},
        "required": ["intent"],
        "additionalProperties": False,
    },
)
REFUND = Tool(
    "refund",
    "Pay an amount back.",
    {
        "type": "object",
        "properties": {"order": {"type": "string"}, "cents": {"type": "integer"}},
        "required": ["order", "cents"],
        "additionalProperties": False,
    },
)


def question(text: str = "My invoice is wrong.") -> ChatRequest:
    """Return a question that is to be answered by a label."""
    return ChatRequest((Message("user", text),), max_output_tokens=50, schema=LABEL)


@pytest.fixture(params=["llmock", "aimock"])
def judge(request: pytest.FixtureRequest) -> Any:
    """Return the one, then the other."""
    return request.getfixturevalue(request.param)


def test_a_structured_answer_fits_and_is_booked(
    judge: Any, door_to: Callable[..., Door], booked: Booked
) -> None:
    """At the tokens that the server bills."""
    answer = door_to(judge).chat("classify", question())

    assert answer.ended is Ended.ANSWERED
    assert answer.content["intent"] in ("billing", "technical")
    ((state, outcome, tokens_in, tokens_out, cost),) = booked(
        "state, outcome, tokens_in, tokens_out, cost_usd"
    )
    assert (state, outcome) == ("settled", "answered")
    assert min(tokens_in, tokens_out, cost) > 0


def test_embeddings_are_read_in_either_form(judge: Any, door_to: Callable[..., Door]) -> None:
    """Base64 or plain numbers."""
    (vector,) = door_to(judge).embed("search_query", ["where is my order"])

    assert len(vector) == 1536


def test_tools_are_called_and_their_results_told(
    judge: Any, door_to: Callable[..., Door], tools: Tools
) -> None:
    """Until the model answers in words."""
    paid: list[object] = []
    door, run = door_to(judge), Run(tenant="main", job="tests.judges")

    def pay(_: object, given: Any) -> object:
        paid.append(given["cents"])
        return {"paid": given["cents"]}

    answer = effects.converse(
        lambda request: door.chat("refund", request),
        lambda: tools.db.transaction("main"),
        run,
        ChatRequest((Message("user", "Pay order 7 back."),), max_output_tokens=50),
        [effects.Action(REFUND, pay)],
        door.minimise,
    )

    assert (answer.ended, len(paid)) == (Ended.ANSWERED, 1)


def test_texts_are_judged(aimock: Any, door_to: Callable[..., Door]) -> None:
    """By another's imitation of the moderation."""
    (judgement,) = door_to(aimock).moderate("triage", ["My invoice is wrong."])

    assert judgement.action is Action.ALLOW


def test_an_answer_that_does_not_fit_is_put_right(
    aimock: Any, door_to: Callable[..., Door], booked: Booked
) -> None:
    """The server sees its own answer, and what is wrong with it."""
    answer = door_to(aimock).chat("classify", question("The weather is fine."))

    assert (answer.ended, answer.content) == (Ended.ANSWERED, {"intent": "technical"})
    assert booked("outcome") == [("invalid",), ("answered",)]


def test_throttled_twice_we_wait_as_long_as_we_are_asked_to(
    llmock: Any, door_to: Callable[..., Door], booked: Booked
) -> None:
    """The judge finds nothing to say."""
    llmock.call(
        "POST",
        "/_llmock/scenario",
        {"behaviors": [{"type": "fail", "status": 429, "retry_after": 1, "times": 2}]},
    )

    assert door_to(llmock).chat("classify", question()).ended is Ended.ANSWERED
    assert findings(llmock) == []
    assert booked("state, attempts") == [("settled", 3)]


def test_throttled_for_longer_than_we_wait_we_say_when_to_come_back(
    llmock: Any, door_to: Callable[..., Door], booked: Booked
) -> None:
    """Nothing was bought, and nothing is left open."""
    llmock.call(
        "POST", "/_llmock/scenario", {"behaviors": [{"type": "fail", "status": 429, "retry_after": 60}]}
    )

    with pytest.raises(RetryLater) as told:
        door_to(llmock).chat("classify", question())

    assert told.value.seconds >= 60
    assert booked("state, cost_usd") == [("refused", 0)]


def test_a_server_that_fails_is_asked_again_after_growing_pauses(
    llmock: Any, door_to: Callable[..., Door], booked: Booked
) -> None:
    """503 is the provider's word that it has not begun."""
    llmock.call("POST", "/_llmock/scenario", {"behaviors": [{"type": "fail", "status": 503, "times": 2}]})

    assert door_to(llmock).chat("classify", question()).ended is Ended.ANSWERED
    assert findings(llmock) == []
    assert booked("state, attempts") == [("settled", 3)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_is_refused_is_not_asked_again(
    llmock: Any, door_to: Callable[..., Door], booked: Booked, status: int
) -> None:
    """It would be refused again."""
    llmock.call("POST", "/_llmock/scenario", {"behaviors": [{"type": "fail", "status": status}]})

    with pytest.raises(CallRefused):
        door_to(llmock).chat("classify", question())

    assert findings(llmock) == []
    assert booked("state, attempts, cost_usd") == [("refused", 1, 0)]


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
def test_a_broken_tool_call_is_not_acted_on(llmock: Any, door_to: Callable[..., Door], kind: str) -> None:
    """It is shown to the model once, then given up."""
    llmock.call(
        "POST", "/_llmock/scenario", {"behaviors": [{"type": "tool_fault", "kind": kind, "times": None}]}
    )
    request = ChatRequest((Message("user", "Pay order 7 back."),), max_output_tokens=50, tools=(REFUND,))

    answer = door_to(llmock).chat("refund", request)

    assert answer.ended in (Ended.INVALID, Ended.ANSWERED)
    assert answer.tool_calls == ()


def test_a_connection_that_breaks_may_have_been_billed(
    aimock: Any, door_to: Callable[..., Door], booked: Booked
) -> None:
    """One attempt, and a person decides."""
    aimock.call("POST", "/__aimock/chaos", {"disconnectRate": 1})

    with pytest.raises(MayHaveBeenBilled):
        door_to(aimock).chat("classify", question())

    assert booked("state, attempts") == [("unknown", 1)]


def findings(llmock: Any) -> list[str]:
    """Return what llmock has to say of its client."""
    return [finding["code"] for finding in llmock.call("GET", "/_llmock/verdict")["findings"]]
