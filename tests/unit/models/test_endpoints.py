"""One connection switches from the stand-in to the provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from plumbline.core.connections import Connection, parse_connection
from plumbline.core.errors import Misconfigured
from plumbline.core.settings import Settings
from plumbline.models.endpoints import connected, embedded, endpoint_of, with_model

LOCAL = Settings({"PLUMBLINE_LOCAL_MODEL_URL": "http://127.0.0.1:9/v1"}, Path())
NONE = Settings({}, Path())


def provider(**extra: object) -> Connection:
    """Return a connection with a key."""
    return Connection(kind="openai", password="sk-secret", extra=extra)


def test_without_a_connection_the_embedded_server_answers() -> None:
    """No key, no network."""
    endpoint = endpoint_of(LOCAL, None)

    assert (endpoint.model, endpoint.dimensions, endpoint.idempotent) == ("local-wordllama", 256, True)
    assert "stand-in" in endpoint.label


def test_the_embedded_server_keeps_its_name_when_its_port_changes() -> None:
    """What a crash cut off is repeated after a restart on another port."""
    moved = Settings({"PLUMBLINE_LOCAL_MODEL_URL": "http://127.0.0.1:10/v1"}, Path())

    assert endpoint_of(LOCAL, None).name == endpoint_of(moved, None).name


def test_a_connection_goes_live() -> None:
    """It comes before the embedded server; nothing else has to be set."""
    endpoint = endpoint_of(LOCAL, provider())

    assert endpoint.base_url == "https://api.openai.com/v1"
    assert (
        endpoint.model,
        endpoint.dimensions,
        endpoint.idempotent,
    ) == ("text-embedding-3-small", 1536, False)


def test_the_key_is_never_shown() -> None:
    """An endpoint ends up in logs."""
    assert "sk-secret" not in f"{connected(provider())!r} {connected(provider()).label}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"conn_type": "openai", "password": "k", "host": "https://h/v1/"}', "https://h/v1"),
        (
            '{"conn_type": "openai", "password": "k", "host": "http://127.0.0.1:80/v1"}',
            "http://127.0.0.1:80/v1",
        ),
        ('{"conn_type": "openai", "password": "k"}', "https://api.openai.com/v1"),
        ("openai://:k@gateway.example:8443/llm/v1", "https://gateway.example:8443/llm/v1"),
        ("openai://:k@gateway.example", "https://gateway.example/v1"),
    ],
)
def test_the_address_is_read_from_either_notation(written: str, expected: object) -> None:
    """JSON or URI, as Airflow writes them."""
    assert expected == connected(parse_connection("AIRFLOW_CONN_PLUMBLINE_OPENAI", written)).base_url


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, (1536, False)),
        ({"dimensions": 1536}, (1536, False)),
        ({"dimensions": 512}, (512, True)),
        ({"embedding_model": "text-embedding-3-large"}, (3072, False)),
        ({"embedding_model": "text-embedding-ada-002"}, (1536, False)),
        ({"embedding_model": "our-own", "dimensions": 1024}, (1024, False)),
    ],
)
def test_dimensions_are_asked_for_only_where_they_are_fewer(
    extra: dict[str, object], expected: object
) -> None:
    """Older models and other servers refuse the parameter."""
    endpoint = connected(provider(**extra))

    assert expected == (endpoint.dimensions, endpoint.shortened)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"dimensions": 4096}, "1536"),
        ({"dimensions": "many"}, "number above 0"),
        ({"embedding_model": "our-own"}, "how many dimensions"),
        ({"embedding_model": "text-embedding-ada-002", "dimensions": 256}, "1536"),
        ({"idempotent": "perhaps"}, "true or false"),
        ({"tokens_per_minute": -1}, "number above 0"),
        ({"timeout": "nan"}, "number above 0"),
    ],
)
def test_a_connection_that_cannot_work_says_why(extra: dict[str, object], reason: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Misconfigured, match=reason):
        connected(provider(**extra))


@pytest.mark.parametrize("host", ["https://me:sk-secret@host/v1", "ftp://host", "https://"])
def test_an_address_that_cannot_be_one_is_refused(host: str) -> None:
    """It would be written into the book, with the key in it."""
    with pytest.raises(Misconfigured, match="host") as refused:
        connected(Connection(kind="openai", host=host, password="k"))

    assert "sk-secret" not in str(refused.value)


def test_without_a_key_it_says_where_to_put_it() -> None:
    """Not at the first call."""
    with pytest.raises(Misconfigured, match="password"):
        connected(Connection(kind="openai"))


def test_without_any_model_it_says_what_to_do() -> None:
    """Both ways out are named."""
    with pytest.raises(Misconfigured, match=r"AIRFLOW_CONN_PLUMBLINE_OPENAI.*make demo"):
        endpoint_of(NONE, None)


def test_another_model_is_asked_at_the_same_address_with_the_same_key() -> None:
    """Only what is said of the model changes."""
    base = connected(provider(answers_as="ours"))

    other = with_model(base, "text-embedding-3-large", 1024)

    assert (other.base_url, other.api_key, other.limits) == (base.base_url, base.api_key, base.limits)
    assert ("text-embedding-3-large", 1024, True) == (other.model, other.dimensions, other.shortened)
    assert "text-embedding-3-large" == other.answers_as
    assert (512, "ours") == ((fewer := with_model(base, None, 512)).dimensions, fewer.answers_as)
    assert with_model(base, base.model, base.dimensions) is base
    assert 3072 == with_model(base, "text-embedding-3-large").dimensions


def test_the_embedded_model_can_be_shortened_and_is_at_its_own_address_alone() -> None:
    """So another index can be tried without a key."""
    base = embedded("http://127.0.0.1:1/v1")

    assert (128, True) == ((made := with_model(base, dimensions=128)).dimensions, made.shortened)
    for model, endpoint in [("text-embedding-3-small", base), ("local-wordllama", connected(provider()))]:
        with pytest.raises(Misconfigured, match="not at one address"):
            with_model(endpoint, model)


@pytest.mark.parametrize(
    ("model", "dimensions", "reason"),
    [
        ("text-embedding-ada-002", 256, "1536"),
        ("text-embedding-3-small", 2000, "2000 cannot be had"),
        ("our-own", None, "with --dimensions"),
        ("our-own", 5000, "1 to 3900"),
    ],
)
def test_what_a_model_cannot_be_asked_for_is_said(model: str, dimensions: int | None, reason: str) -> None:
    """Before anything is built or paid."""
    with pytest.raises(Misconfigured, match=reason):
        with_model(connected(provider()), model, dimensions)
