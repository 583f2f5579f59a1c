"""`GET /v1/models`: what lives here, by names that say what it is."""

from __future__ import annotations

import orjson

from plumbline.localmodel.errors import UnknownModel

EMBEDDING_MODEL = "local-wordllama"
CHAT_MODEL = "local-extractive"
MODERATION_MODEL = "local-wordlists"

MODELS = (EMBEDDING_MODEL, CHAT_MODEL, MODERATION_MODEL)
BORN = 1_767_225_600
"""When these models are said to have been created: the start of 2026, in seconds since 1970."""


def list_models() -> bytes:
    """The body of `GET /v1/models`."""
    return orjson.dumps({"object": "list", "data": [_card(model) for model in MODELS]})


def describe_model(model: str) -> bytes:
    """
    The body of `GET /v1/models/{model}`.

    Raises:
        UnknownModel: There is none of that name.
    """
    if model not in MODELS:
        raise UnknownModel(model)
    return orjson.dumps(_card(model))


def _card(model: str) -> dict[str, str | int]:
    return {"id": model, "object": "model", "created": BORN, "owned_by": "plumbline-local"}
