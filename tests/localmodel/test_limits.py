from __future__ import annotations

import re
from collections.abc import Callable

import openai
import pytest
from openai import OpenAI

from plumbline.localmodel.testing import RunningServer, running_server

Embed = Callable[..., list[list[float]]]


def test_every_answer_tells_the_limits(client: OpenAI, model_server: RunningServer) -> None:
    """A client that paces itself reads them."""
    model_server.limit(requests_per_minute=60, tokens_per_minute=6000)

    headers = client.embeddings.with_raw_response.create(model="local-wordllama", input="hello world").headers

    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-limit-tokens"] == "6000"
    assert headers["x-ratelimit-remaining-tokens"] == "5998"
    assert re.fullmatch(r"1s|\d{1,3}ms", headers["x-ratelimit-reset-requests"])
    assert headers["x-request-id"].startswith("req_")
    assert int(headers["openai-processing-ms"]) >= 0


def test_one_request_too_many_is_refused_with_the_time_to_wait(
    embed: Embed, model_server: RunningServer
) -> None:
    """And is not billed."""
    model_server.limit(requests_per_minute=2)
    embed("a")
    embed("a")

    with pytest.raises(openai.RateLimitError, match=r"requests per min \(RPM\): Limit 2, Used 2") as refusal:
        embed("a")

    assert 25 <= int(refusal.value.response.headers["retry-after"]) <= 30
    assert model_server.meter()["billed_requests"] == 2


def test_tokens_are_limited_too(embed: Embed, model_server: RunningServer) -> None:
    """Two requests of four tokens do not fit into seven."""
    model_server.limit(tokens_per_minute=7)
    embed("one two three four")

    with pytest.raises(openai.RateLimitError, match=r"tokens per min \(TPM\): Limit 7"):
        embed("one two three four")
    with pytest.raises(openai.RateLimitError, match="Request too large"):
        embed("one two three four five six seven eight")


def test_an_answer_from_memory_takes_nothing_from_the_limits(
    embed: Embed, model_server: RunningServer
) -> None:
    """It was paid for, and it is no work."""
    model_server.limit(requests_per_minute=1)
    key = {"extra_headers": {"Idempotency-Key": "k"}}

    assert embed("a", **key) == embed("a", **key)


def test_limits_can_be_given_at_the_start() -> None:
    """And a reset comes back to them."""
    with (
        running_server(requests_per_minute=1) as server,
        OpenAI(base_url=server.base_url, api_key="any") as client,
    ):
        raw = client.with_options(max_retries=0)
        server.limit(requests_per_minute=None)
        server.reset()
        raw.embeddings.create(model="local-wordllama", input="a")
        with pytest.raises(openai.RateLimitError):
            raw.embeddings.create(model="local-wordllama", input="a")
