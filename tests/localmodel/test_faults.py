from __future__ import annotations

import time
from collections.abc import Callable

import openai
import pytest
from openai import OpenAI

from plumbline.localmodel.testing import RunningServer

Embed = Callable[..., list[list[float]]]


def test_429_says_when_to_come_back(embed: Embed, model_server: RunningServer) -> None:
    """And is not billed."""
    model_server.fault("429", retry_after=7)

    with pytest.raises(openai.RateLimitError) as refusal:
        embed("a")

    assert refusal.value.response.headers["retry-after"] == "7"
    assert refusal.value.code == "rate_limit_exceeded"
    assert model_server.meter()["billed_requests"] == 0


def test_a_spent_quota_is_told_from_a_full_minute(embed: Embed, model_server: RunningServer) -> None:
    """Waiting does not help against it."""
    model_server.fault("429", code="insufficient_quota")

    with pytest.raises(openai.RateLimitError) as refusal:
        embed("a")

    assert refusal.value.code == "insufficient_quota"


def test_500_is_not_billed(embed: Embed, model_server: RunningServer) -> None:
    """As the provider promises."""
    model_server.fault("500")

    with pytest.raises(openai.InternalServerError):
        embed("a")

    assert model_server.meter()["refused"] == {"500": 1}


@pytest.mark.parametrize(("kind", "billed"), [("drop_before", 0), ("drop_after", 1), ("truncate", 1)])
def test_a_broken_connection_is_billed_only_if_the_work_was_done(
    embed: Embed, model_server: RunningServer, kind: str, billed: int
) -> None:
    """The client sees the same error; the bill tells them apart."""
    model_server.fault(kind)

    with pytest.raises((openai.APIConnectionError, openai.APIResponseValidationError, ValueError)):
        embed("a")

    bill = model_server.meter()
    assert (bill["billed_requests"], bill["faults"]) == (billed, {kind: 1})
    assert len(embed("a")) == 1


def test_a_slow_answer_comes_late(embed: Embed, model_server: RunningServer) -> None:
    """Time-outs can be tried out."""
    model_server.fault("slow", seconds=0.3)

    begun = time.monotonic()
    embed("a")

    assert time.monotonic() - begun >= 0.3


def test_a_client_that_gives_up_has_still_paid(client: OpenAI, model_server: RunningServer) -> None:
    """The work had begun; nobody told the provider."""
    model_server.fault("slow", seconds=0.5)

    with pytest.raises(openai.APITimeoutError):
        client.embeddings.create(model="local-wordllama", input="a", timeout=0.1)

    assert model_server.meter()["billed_requests"] == 1


def test_a_fault_strikes_after_and_as_often_as_asked(embed: Embed, model_server: RunningServer) -> None:
    """The second and third request, and only there."""
    model_server.fault("500", after=1, times=2)
    outcomes = []
    for _ in range(4):
        try:
            embed("a")
            outcomes.append("answered")
        except openai.InternalServerError:
            outcomes.append("failed")

    assert outcomes == ["answered", "failed", "failed", "answered"]


def test_a_fault_keeps_to_its_path_and_can_be_cleared(
    client: OpenAI, embed: Embed, model_server: RunningServer
) -> None:
    """Other endpoints go on working."""
    model_server.fault("500", path="/v1/chat", times=None)
    assert len(embed("a")) == 1
    ask = {"model": "local-extractive", "messages": [{"role": "user", "content": "Hello."}]}
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ask)

    model_server.clear_faults()

    assert client.chat.completions.create(**ask).choices


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [({"kind": "fire"}, "one of: 429, 500, drop_before"), ({"kind": "slow", "seconds": -1}, "not negative"),
     ({"kind": "500", "often": 2}, "Unknown parameter: 'often'"),
     ({"kind": "500", "times": 1.5}, "'times' must be a whole number of at least 1"),
     ({"kind": "500", "times": 0}, "'times' must be a whole number of at least 1"),
     ({"kind": "500", "after": None}, "'after' must be a whole number"),
     ({"kind": "500", "path": 5}, "'path' must be a string"),
     ({"kind": "slow", "seconds": None}, "'seconds' must be a number of seconds"),
     ({"kind": "429", "retry_after": "soon"}, "'retry_after' must be a number of seconds"),
     ({"kind": "429", "code": 5}, "'code' must be a string")],
)  # fmt: skip
def test_a_fault_that_does_not_exist_is_refused(
    model_server: RunningServer, fault: dict[str, object], sentence: str
) -> None:
    """A test that asks for it would otherwise pass for the wrong reason."""
    with pytest.raises(RuntimeError, match=sentence):
        model_server.call("POST", "/_faults", fault)
