"""
Embeddings as they travel: the body of a request, the body of an answer, and vectors as Postgres takes them.
Pure.

An answer is believed only after it was looked at: as many vectors as inputs, each in its place, of the length
asked for, finite, and from the model asked for.  A vector that is none of these would spoil every search
quietly.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from plumbline.models.calls import Billed, Unusable

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""What Postgres cannot keep; an escaped backslash before it makes it something else."""

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """`vectors`: half precision, one row an input."""

    vectors: NDArray[np.float16]
    billed: Billed
    answered_by: str
    outcome: None = None


def embeddings_body(model: str, texts: Sequence[str], dimensions: int | None) -> bytes:
    """Return the request, the same bytes whenever it is made again; `dimensions` only to ask for fewer."""
    body: dict[str, object] = {"model": model, "input": texts, "encoding_format": "base64"}
    if dimensions is not None:
        body["dimensions"] = dimensions
    return orjson.dumps(body)


def read_embeddings(content: bytes, *, inputs: int, dimensions: int, answers_as: str) -> Embeddings:
    """
    Return the vectors of an answer in the order of the inputs.

    Raises:
        Unusable: It is not what was asked for.
    """
    body = json_object(content)
    answered_by = body.get("model")
    if not isinstance(answered_by, str) or not answered_by.startswith(answers_as):
        raise Unusable("another model answered")
    vectors = _matrix(_rows(body.get("data"), inputs), dimensions)
    return Embeddings(vectors, Billed(billed_tokens(body)), answered_by)


def billed_tokens(body: bytes | dict[str, Any]) -> int | None:
    """Return the input tokens that an answer bills, as far as it says."""
    try:
        fields = json_object(body) if isinstance(body, bytes) else body
        tokens = fields["usage"]["prompt_tokens"]
    except (Unusable, KeyError, TypeError):
        return None
    return tokens if isinstance(tokens, int) and tokens >= 0 else None


def halfvecs(vectors: NDArray[np.float16]) -> bytes:
    """Return the rows as elements of a `halfvec[]` in binary form, each with its length."""
    import numpy as np

    count, dimensions = vectors.shape
    layout = np.dtype(
        [("bytes", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("vector", ">f2", (dimensions,))]
    )
    elements = np.zeros(count, layout)
    elements["bytes"] = 4 + 2 * dimensions
    elements["dimensions"] = dimensions
    elements["vector"] = vectors
    return elements.tobytes()


def vector_of(halfvec: bytes) -> list[float]:
    """Return the numbers of one `halfvec` in binary form."""
    (dimensions,) = struct.unpack_from(">h", halfvec)
    return list(struct.unpack_from(f">{dimensions}e", halfvec, 4))


def json_object(content: bytes) -> dict[str, Any]:
    """
    Return the JSON object that an answer is.

    Raises:
        Unusable: It is none.
    """
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Unusable("the answer is no JSON") from None
    if not isinstance(body, dict):
        raise Unusable("the answer is no JSON object")
    if b"\\" in content and _NUL.search(content):  # vectors hold none, and are long
        raise Unusable("the answer holds a character that no text may have")
    return body


def _rows(data: object, inputs: int) -> list[Any]:
    """Return the embeddings in the order of the inputs: each index once, whatever the order they came in."""
    if not isinstance(data, list) or len(data) != inputs:
        raise Unusable(f"{len(data) if isinstance(data, list) else 'no'} vectors for {inputs} inputs")
    rows: list[Any] = [None] * inputs
    for item in data:
        index = item.get("index") if isinstance(item, dict) else None
        if not isinstance(index, int) or not 0 <= index < inputs or rows[index] is not None:
            raise Unusable("vectors are not in their places")
        rows[index] = item.get("embedding")
    return rows


def _matrix(rows: list[Any], dimensions: int) -> NDArray[np.float16]:
    import numpy as np
    import pybase64

    try:
        if all(isinstance(row, str) for row in rows):
            parts = [pybase64.b64decode(row, validate=True) for row in rows]
            if any(len(part) != len(parts[0]) for part in parts):
                raise ValueError
            full = np.frombuffer(b"".join(parts), "<f4").reshape(len(rows), -1)
        else:
            full = np.array(rows, np.float32)
    except (ValueError, TypeError, binascii.Error):
        raise Unusable("vectors cannot be read") from None
    if full.shape != (len(rows), dimensions):
        raise Unusable(f"vectors do not have {dimensions} dimensions")
    with np.errstate(over="ignore"):
        half = full.astype(np.float16)
    if not np.isfinite(half).all():
        raise Unusable("vectors hold numbers that are not finite")
    return half
