from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import openai
import pytest
from openai import OpenAI

from plumbline.core.tokenizer import tokenizer
from plumbline.localmodel.testing import RunningServer

Embed = Callable[..., list[list[float]]]
TEXTS = ["Where is my parcel?", "My card was stolen.", "退货免费吗？", "a " * 3000]


def test_vectors_have_256_dimensions_and_length_one(embed: Embed) -> None:
    """Cosine distance is then an inner product."""
    vectors = np.array(embed(*TEXTS))

    assert vectors.shape == (4, 256)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("dimensions", [1, 64, 255, 256])
def test_fewer_dimensions_are_the_first_ones_made_a_unit_vector(embed: Embed, dimensions: int) -> None:
    """`dimensions` is honoured, as by the provider."""
    whole, short = np.array(embed(TEXTS[0])[0]), np.array(embed(TEXTS[0], dimensions=dimensions)[0])

    assert short.shape == (dimensions,)
    assert np.allclose(short, whole[:dimensions] / np.linalg.norm(whole[:dimensions]), atol=1e-6)


def test_a_text_has_the_same_bytes_in_any_company(client: OpenAI, embed: Embed) -> None:
    """Alone, in a batch, twice in a batch, as base64, as numbers, as tokens."""
    alone = embed(TEXTS[0])[0]
    batch = embed(*TEXTS, TEXTS[0])
    numbers = embed(TEXTS[0], encoding_format="float")[0]
    raw = (
        client.embeddings.create(model="local-wordllama", input=TEXTS[0], encoding_format="base64")
        .data[0]
        .embedding
    )
    tokens = (
        client.embeddings.create(model="local-wordllama", input=tokenizer().encode(TEXTS[0]))
        .data[0]
        .embedding
    )

    assert alone == batch[0] == batch[4] == tokens
    assert np.array_equal(np.array(alone, dtype="<f4"), np.array(numbers, dtype="<f4"))
    assert np.array_equal(
        np.frombuffer(base64.b64decode(str(raw)), dtype="<f4"), np.array(alone, dtype="<f4")
    )


def test_near_meanings_are_near(embed: Embed) -> None:
    """These are embeddings, not hashes."""
    password, account, weather = np.array(
        embed("How do I reset my password?", "I cannot log in to my account", "It rains in Spain")
    )

    assert password @ account > 2 * abs(password @ weather)


def test_usage_is_counted_by_the_providers_tokenizer(client: OpenAI) -> None:
    """What is billed here is what would be billed there."""
    usage = client.embeddings.create(
        model="local-wordllama", input=["hello world", "tiktoken is great!"]
    ).usage

    assert (usage.prompt_tokens, usage.total_tokens) == (2 + 6, 2 + 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimensions": 1536}, "Invalid value for 'dimensions' = 1536. Must be less than or equal to 256."),
        ({"dimensions": 0}, "Must be greater than or equal to 1"),
        ({"input": ""}, "input cannot be an empty string"),
        ({"input": []}, "empty array"),
        ({"input": ["a", ""]}, "input cannot be an empty string"),
        ({"input": ["a"] * 2049}, "maximum length 2048, but got an array with length 2049"),
        ({"input": "word " * 8200}, "maximum context length is 8192 tokens"),
        ({"input": ["word " * 8000] * 38}, "max 300000 tokens per request"),
        ({"input": [[1, 2], [200_000]]}, "a token is outside the vocabulary"),
        ({"input": [["a"]]}, "'$.input' is invalid"),
        ({"encoding_format": "hex"}, "Supported values are: 'float' and 'base64'"),
        ({"extra_body": {"colour": "red"}}, "Unknown parameter: 'colour'"),
    ],
)
def test_what_the_provider_refuses_is_refused(client: OpenAI, options: dict[str, Any], message: str) -> None:
    """With its status and its kind of body, and nothing is billed."""
    with pytest.raises(openai.BadRequestError) as refusal:
        client.embeddings.create(**{"model": "local-wordllama", "input": "a", **options})

    assert message in refusal.value.message
    assert isinstance(refusal.value.body, dict)
    assert refusal.value.body.keys() == {"message", "type", "param", "code"}


def test_a_refused_request_costs_nothing(client: OpenAI, model_server: RunningServer) -> None:
    """The provider bills work, not mistakes."""
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="local-wordllama", input="")

    bill = model_server.meter()
    assert (bill["requests"], bill["billed_requests"], bill["refused"]) == (1, 0, {"400": 1})


@pytest.mark.parametrize(
    ("model", "error"),
    [("text-embedding-3-small", openai.NotFoundError), ("local-extractive", openai.PermissionDeniedError)],
)
def test_only_the_embedding_model_embeds(client: OpenAI, model: str, error: type[Exception]) -> None:
    """A stand-in must not answer under the provider's names."""
    with pytest.raises(error):
        client.embeddings.create(model=model, input="a")


def test_models_are_listed_by_their_own_names(client: OpenAI) -> None:
    """Every answer says which model gave it."""
    assert [model.id for model in client.models.list()] == [
        "local-wordllama",
        "local-extractive",
        "local-wordlists",
    ]
    assert client.models.retrieve("local-wordllama").owned_by == "plumbline-local"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_a_key_is_asked_for_and_any_is_good(client: OpenAI) -> None:
    """A client that forgets its key finds out here."""
    with pytest.raises(openai.AuthenticationError, match="You didn't provide an API key"):
        client.embeddings.create(
            model="local-wordllama", input="a", extra_headers={"Authorization": openai.Omit()}
        )
