"""
`POST /v1/embeddings`: what the provider accepts, refuses and bills, answered by WordLlama.

The limits are the provider's (2,048 inputs, 8,192 tokens an input, 300,000 tokens a request), so that
a client that batches wrongly finds out here and not in production.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from plumbline.localmodel.answers import Admit, Answer, Bill
from plumbline.localmodel.catalog import CHAT_MODEL, EMBEDDING_MODEL, MODERATION_MODEL
from plumbline.localmodel.errors import ApiError, InvalidRequest, TooMany, UnknownModel, wanted
from plumbline.localmodel.tokens import count_tokens, text_of
from plumbline.localmodel.vectors import DIMENSIONS, Vectors, word_vectors

MOST_INPUTS = 2048
MOST_TOKENS_AN_INPUT = 8192
MOST_TOKENS_A_REQUEST = 300_000

PARAMETERS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A request that will be answered: every limit is kept."""

    texts: list[str]
    tokens: int
    dimensions: int
    as_base64: bool


def answer_embeddings(payload: Any, admit: Admit) -> Answer:
    """
    Embed the inputs of one request.

    Raises:
        ApiError: The provider would refuse it too; or `admit` did.
    """
    request = read_request(payload)
    admit(EMBEDDING_MODEL, request.tokens)
    vectors = word_vectors().embed(request.texts, request.dimensions)
    marks = tuple(
        blake2b(text.encode(), digest_size=8, salt=request.dimensions.to_bytes(2, "little")).digest()
        for text in request.texts
    )
    bill = Bill(EMBEDDING_MODEL, inputs=len(request.texts), prompt_tokens=request.tokens, marks=marks)
    return Answer(body=_body(vectors, request), bill=bill)


def read_request(payload: Any) -> EmbeddingRequest:
    """The request as we shall answer it.  Pure, apart from counting tokens."""
    fields = wanted(payload, PARAMETERS)
    _check_model(fields.get("model"))
    encoding = fields.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise InvalidRequest(
            f"Invalid value: '{encoding}'. Supported values are: 'float' and 'base64'.",
            param="encoding_format",
            code="invalid_value",
        )
    texts, counts = _read_inputs(fields.get("input"))
    return EmbeddingRequest(texts, sum(counts), _dimensions(fields.get("dimensions")), encoding == "base64")


def _check_model(model: Any) -> None:
    if model is None:
        raise InvalidRequest("you must provide a model parameter")
    if model in (CHAT_MODEL, MODERATION_MODEL):
        raise ApiError(403, "You are not allowed to generate embeddings from this model")
    if model != EMBEDDING_MODEL:
        raise UnknownModel(str(model))


def _dimensions(asked: Any) -> int:
    if asked is None:
        return DIMENSIONS
    if not isinstance(asked, int) or isinstance(asked, bool):
        raise InvalidRequest(
            "Invalid type for 'dimensions': expected an integer.", param="dimensions", code="invalid_type"
        )
    if not 1 <= asked <= DIMENSIONS:
        bound = "greater than or equal to 1" if asked < 1 else f"less than or equal to {DIMENSIONS}"
        raise InvalidRequest(
            f"Invalid value for 'dimensions' = {asked}. Must be {bound}.", param="dimensions"
        )
    return asked


def _read_inputs(given: Any) -> tuple[list[str], list[int]]:
    """Texts and their token counts, from a string, strings, a token array or token arrays."""
    if isinstance(given, str) or _are_tokens(given):
        inputs: list[Any] = [given]
    elif isinstance(given, list):
        inputs = given
    else:
        raise InvalidRequest("'$.input' is invalid. Please check the API reference.", param="input")
    if not inputs:
        raise InvalidRequest(
            "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="input",
            code="empty_array",
        )
    if len(inputs) > MOST_INPUTS:
        raise TooMany("input", len(inputs), MOST_INPUTS)
    read: Callable[[Any], tuple[str, int]] = _read_text if isinstance(inputs[0], str) else _read_tokens
    texts, counts = zip(*(read(one) for one in inputs), strict=True)
    if sum(counts) > MOST_TOKENS_A_REQUEST:
        raise ApiError(
            400,
            f"Requested {sum(counts)} tokens, max {MOST_TOKENS_A_REQUEST} tokens per request",
            kind="max_tokens_per_request",
            code="max_tokens_per_request",
        )
    return list(texts), list(counts)


def _are_tokens(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and isinstance(given[0], int)


def _read_text(text: Any) -> tuple[str, int]:
    if not isinstance(text, str):
        raise InvalidRequest("'$.input' is invalid. Please check the API reference.", param="input")
    if not text:
        raise InvalidRequest("Invalid 'input': input cannot be an empty string.", param="input")
    return text, _within_context(count_tokens(text))


def _read_tokens(tokens: Any) -> tuple[str, int]:
    if not isinstance(tokens, list) or not tokens or any(type(token) is not int for token in tokens):
        raise InvalidRequest("'$.input' is invalid. Please check the API reference.", param="input")
    count = _within_context(len(tokens))
    try:
        return text_of(tokens), count
    except ValueError as error:
        raise InvalidRequest(f"Invalid 'input': {error}.", param="input") from error


def _within_context(count: int) -> int:
    if count > MOST_TOKENS_AN_INPUT:
        raise InvalidRequest(
            f"This model's maximum context length is {MOST_TOKENS_AN_INPUT} tokens, however you requested "
            f"{count} tokens ({count} in your prompt; 0 for the completion). Please reduce your prompt; "
            "or completion length."
        )
    return count


def _body(vectors: Vectors, request: EmbeddingRequest) -> bytes:
    """Vectors as little-endian float32 in base64, or as JSON numbers that read back to the same floats."""
    rows = (
        [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]
        if request.as_base64
        else vectors
    )
    data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
    usage = {"prompt_tokens": request.tokens, "total_tokens": request.tokens}
    answer = {"object": "list", "data": data, "model": EMBEDDING_MODEL, "usage": usage}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
