"""An answer is believed only after it was looked at."""

from __future__ import annotations

import base64
import json
import struct

import numpy as np
import pytest

from plumbline.models.wire import (
    Unusable,
    billed_tokens,
    embeddings_body,
    halfvecs,
    read_embeddings,
    vector_of,
)

ASKED = {"inputs": 2, "dimensions": 3, "answers_as": "text-embedding-3-small"}
ROWS = [[0.1, 0.2, 0.3], [1.0, -2.0, 0.0]]


def packed(row: list[float]) -> str:
    """Return a vector as the provider sends it."""
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()


def answer(rows: list[object] | None = None, **changes: object) -> bytes:
    """Return an answer to two inputs, with changes."""
    rows = [packed(row) for row in ROWS] if rows is None else rows
    body = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": number, "embedding": row} for number, row in enumerate(rows)
        ],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    return json.dumps({**body, **changes}).encode()


def test_vectors_come_back_in_half_precision_with_what_was_billed() -> None:
    """As they are kept."""
    read = read_embeddings(answer(), **ASKED)

    np.testing.assert_array_equal(np.array(ROWS, np.float16), read.vectors)
    assert (read.billed.tokens_in, read.answered_by) == (7, "text-embedding-3-small")


def test_vectors_as_plain_numbers_are_understood_too() -> None:
    """Some servers do not know base64."""
    np.testing.assert_array_equal(
        np.array(ROWS, np.float16), read_embeddings(answer(list(ROWS)), **ASKED).vectors
    )


def test_vectors_are_put_in_the_order_of_the_inputs() -> None:
    """The index counts, not the place in the list."""
    data = [{"index": 1, "embedding": packed(ROWS[1])}, {"index": 0, "embedding": packed(ROWS[0])}]

    read = read_embeddings(answer(data=data), **ASKED)

    np.testing.assert_array_equal(np.array(ROWS, np.float16), read.vectors)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"object": "li', "no JSON"),
        (b"[]", "no JSON object"),
        (answer([packed(ROWS[0])]), "1 vectors for 2 inputs"),
        (answer(data=None), "no vectors for 2 inputs"),
        (answer(data=[{"index": 0, "embedding": packed(ROWS[0])}] * 2), "not in their places"),
        (answer(data=[{"embedding": packed(ROWS[0])}] * 2), "not in their places"),
        (answer([packed([0.1, 0.2]), packed([0.1, 0.2])]), "3 dimensions"),
        (answer([packed([0.1, 0.2, 0.3, 0.4]), packed([0.1, 0.2])]), "cannot be read"),
        (answer([[0.1, 0.2, 0.3], [0.1]]), "cannot be read"),
        (answer(["%%%%", packed(ROWS[1])]), "cannot be read|dimensions"),
        (answer([packed([0.1, 0.2, float("nan")]), packed(ROWS[1])]), "not finite"),
        (answer([packed([0.1, 0.2, float("inf")]), packed(ROWS[1])]), "not finite"),
        (answer([packed([0.1, 0.2, 1e6]), packed(ROWS[1])]), "not finite"),
        (answer(model="text-embedding-3-large"), "another model"),
        (answer(model=None), "another model"),
    ],
)
def test_anything_else_is_not_used(content: bytes, reason: str) -> None:
    """A wrong vector would spoil every search quietly."""
    with pytest.raises(Unusable, match=reason):
        read_embeddings(content, **ASKED)


@pytest.mark.parametrize(
    ("content", "tokens"),
    [(answer(), 7), (answer(usage=None), None), (answer(usage={"prompt_tokens": -1}), None), (b"{", None)],
)
def test_what_was_billed_is_read_even_from_a_useless_answer(content: bytes, tokens: int) -> None:
    """It was paid for all the same."""
    assert tokens == billed_tokens(content)


def test_a_request_is_the_same_bytes_each_time() -> None:
    """A provider recognises a repetition by its bytes."""
    assert (
        embeddings_body("m", ["a", "b"], None)
        == b'{"model":"m","input":["a","b"],"encoding_format":"base64"}'
    )
    assert embeddings_body("m", ["a"], 128)[-18:] == b',"dimensions":128}'


def test_a_vector_travels_to_the_database_and_back() -> None:
    """Every bit of the half precision number."""
    vectors = np.array(ROWS, np.float16)
    element = 4 + 4 + 2 * 3

    elements = halfvecs(vectors)

    assert vectors[1].tolist() == vector_of(elements[element + 4 :])
    assert element * 2 == len(elements)
