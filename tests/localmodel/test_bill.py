from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from plumbline.localmodel.testing import RunningServer, running_server

Embed = Callable[..., list[list[float]]]


def keyed(key: str) -> dict[str, dict[str, str]]:
    """The options of a call that may be repeated."""
    return {"extra_headers": {"Idempotency-Key": key}}


def test_the_bill_says_what_was_paid(embed: Embed, model_server: RunningServer) -> None:
    """Tests of the pipeline read it as the provider's."""
    embed("hello world", "tiktoken is great!", **keyed("k1"))
    embed("hello world")

    bill = model_server.meter()
    paid = {"requests": 2, "inputs": 3, "prompt_tokens": 10, "completion_tokens": 0, "tokens": 10}
    assert bill["by_model"] == {"local-wordllama": paid}
    assert (bill["billed_requests"], bill["embeddings"], bill["tokens"]) == (2, 3, 10)
    assert bill["by_key"] == {"k1": 1}


def test_an_input_paid_for_twice_is_counted(embed: Embed, model_server: RunningServer) -> None:
    """Whatever the keys: this is the figure that must stay zero."""
    embed("a", "b")
    embed("b", "c")
    embed("b", dimensions=64)

    assert model_server.meter()["repeated_inputs"] == 1


def test_a_repeated_key_is_answered_again_and_not_billed_again(
    client: OpenAI, model_server: RunningServer
) -> None:
    """A crash after the answer costs nothing."""
    call = client.embeddings.with_raw_response.create
    first = call(model="local-wordllama", input="a", **keyed("k"))
    again = call(model="local-wordllama", input="a", **keyed("k"))

    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    bill = model_server.meter()
    assert (bill["requests"], bill["billed_requests"], bill["answered_from_memory"]) == (2, 1, 1)


def test_a_key_used_for_another_request_is_refused(embed: Embed) -> None:
    """The answer of another question would be worse than none; a client must not try it again."""
    embed("a", **keyed("k"))

    with pytest.raises(openai.BadRequestError, match="with the same parameters"):
        embed("b", **keyed("k"))


def test_a_refused_request_does_not_use_up_its_key(embed: Embed, model_server: RunningServer) -> None:
    """A 429 is tried again under the same key."""
    model_server.fault("429")
    with pytest.raises(openai.RateLimitError):
        embed("a", **keyed("k"))
    embed("a", **keyed("k"))

    assert model_server.meter()["by_key"] == {"k": 1}


def test_many_at_once_with_one_key_are_billed_once(embed: Embed, model_server: RunningServer) -> None:
    """Two workers that were given the same task."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: embed("a", "b", **keyed("k")), range(8)))

    assert all(answer == answers[0] for answer in answers)
    assert model_server.meter()["billed_requests"] == 1


def test_an_answer_lost_on_the_way_is_given_again_for_nothing(
    embed: Embed, model_server: RunningServer
) -> None:
    """Work done, billed, the connection dead: the repeat finds it."""
    model_server.fault("drop_after")
    with pytest.raises(openai.APIConnectionError):
        embed("a", **keyed("k"))
    assert model_server.meter()["billed_requests"] == 1

    assert len(embed("a", **keyed("k"))) == 1
    assert model_server.meter()["billed_requests"] == 1


def test_a_bill_in_a_file_outlives_a_killed_server(tmp_path: Path) -> None:
    """And what it says was paid is not billed again by the next server."""
    file = tmp_path / "bill.jsonl"
    options = {"model": "local-wordllama", "input": ["a", "b"], **keyed("k")}
    with running_server(meter=file) as first, OpenAI(base_url=first.base_url, api_key="any") as client:
        before = client.embeddings.create(**options).data[1].embedding
        first.kill()
    with running_server(meter=file) as second, OpenAI(base_url=second.base_url, api_key="any") as client:
        after = client.embeddings.create(**options).data[1].embedding
        bill = second.meter()

    assert before == after
    assert (bill["billed_requests"], bill["inputs"], bill["by_key"]) == (1, 2, {"k": 1})


def test_a_reset_bill_still_knows_its_keys(embed: Embed, model_server: RunningServer) -> None:
    """Throwing a bill away makes nothing unpaid; only a whole reset forgets."""
    embed("a", **keyed("k"))
    model_server.call("POST", "/_meter/reset")
    embed("a", **keyed("k"))
    assert model_server.meter()["billed_requests"] == 0

    model_server.reset()
    embed("a", **keyed("k"))
    assert model_server.meter()["billed_requests"] == 1
