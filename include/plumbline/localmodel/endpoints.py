"""The addresses whose work is billed: single calls and the lines of batches go through the same functions."""

from __future__ import annotations

from typing import Any

import orjson

from plumbline.localmodel.answers import Admit, Answer
from plumbline.localmodel.catalog import CHAT_MODEL, EMBEDDING_MODEL, MODERATION_MODEL
from plumbline.localmodel.chat import answer_chat
from plumbline.localmodel.embeddings import answer_embeddings
from plumbline.localmodel.errors import InvalidRequest
from plumbline.localmodel.manner import HONEST, Manner
from plumbline.localmodel.moderation import answer_moderation

MODEL_OF = {
    "/v1/embeddings": EMBEDDING_MODEL,
    "/v1/chat/completions": CHAT_MODEL,
    "/v1/moderations": MODERATION_MODEL,
}
"""The billed addresses, and the model that answers there."""


def answer(path: str, payload: Any, admit: Admit, manner: Manner = HONEST) -> Answer:
    """
    The answer of one of the addresses in `MODEL_OF`; `manner` is heeded by chat alone.

    Raises:
        ApiError: The provider would refuse it too; or `admit` did.
    """
    if path == "/v1/chat/completions":
        return answer_chat(payload, admit, manner)
    if path == "/v1/embeddings":
        return answer_embeddings(payload, admit)
    return answer_moderation(payload, admit)


def always(_model: str, _tokens: int) -> None:
    """Admit work that no limit a minute is for: what has been paid for, and lines of batches."""


def parse(body: bytes) -> Any:
    """
    The JSON of a request.

    Raises:
        InvalidRequest: It is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"We could not parse the JSON body of your request. (What we got is not valid JSON: {error})"
        ) from error
