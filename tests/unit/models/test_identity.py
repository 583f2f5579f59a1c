"""The key of an answer holds everything that could change it."""

from __future__ import annotations

import pytest

from plumbline.core.hashing import sha256
from plumbline.models.identity import Keys, fingerprint

BASE = {"tenant": "main", "use": "embed_chunk", "model": "m", "parameters": {"dimensions": 256}}


def test_the_same_wish_has_the_same_key() -> None:
    """Across processes and days, or nothing would ever be found again."""
    assert Keys(**BASE).of("text") == Keys(**BASE).of("text")
    assert sha256("main", "embed_chunk", "", "m", '{"dimensions":256}', "text") == Keys(**BASE).of("text")


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "other"},
        {"use": "search_query"},
        {"model": "n"},
        {"parameters": {"dimensions": 128}},
        {"prompt_sha256": b"\1" * 32},
    ],
)
def test_whatever_could_change_the_answer_changes_the_key(change: dict[str, object]) -> None:
    """Tenants never share an answer; a new prompt, model or length buys a new one."""
    assert Keys(**BASE).of("text") != Keys(**{**BASE, **change}).of("text")


def test_the_order_of_parameters_does_not_matter() -> None:
    """They are one set, however they were written."""
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}

    assert Keys(**{**BASE, "parameters": one}).of("x") == Keys(**{**BASE, "parameters": other}).of("x")


def test_a_request_is_known_by_its_inputs_in_order() -> None:
    """The same inputs in another order are another request."""
    assert fingerprint([b"a" * 32, b"b" * 32]) != fingerprint([b"b" * 32, b"a" * 32])
