"""
`POST /v1/moderations`: category scores from short, readable word lists, in the provider's shape.

The lists (`moderation_lists.toml`) make a pipeline that blocks or reviews flagged text possible to
rehearse.  They are no protection, and the answers say so by their model's name, `local-wordlists`.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import prod
from typing import Any

import orjson

from plumbline.localmodel.answers import Admit, Answer, Bill
from plumbline.localmodel.catalog import MODELS, MODERATION_MODEL
from plumbline.localmodel.errors import ApiError, InvalidRequest, TooMany, UnknownModel, wanted
from plumbline.localmodel.tokens import count_tokens

CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
WEIGHTS = {"sure": 0.9, "likely": 0.6, "hint": 0.3}
LINE = 0.5
FLOOR = 0.00001
"""The score of a text in which nothing was found; the provider never says zero either."""
MOST_INPUTS = 1024


def answer_moderation(payload: Any, admit: Admit) -> Answer:
    """
    Score the inputs of one request; it is free, as at the provider.

    Raises:
        ApiError: The provider would refuse it too; or `admit` did.
    """
    fields = wanted(payload, frozenset({"input", "model"}))
    _check_model(fields.get("model"))
    texts = read_inputs(fields.get("input"))
    tokens = sum(count_tokens(text) for text in texts)
    admit(MODERATION_MODEL, tokens)
    body = {
        "id": f"modr-{sha256(orjson.dumps(texts)).hexdigest()[:29]}",
        "model": MODERATION_MODEL,
        "results": [_result(text) for text in texts],
    }
    return Answer(
        Bill(MODERATION_MODEL, inputs=len(texts), prompt_tokens=tokens, priced=False), orjson.dumps(body)
    )


def scores(text: str) -> dict[str, float]:
    """
    The score of every category, from 0 to 1.  Pure.

    A threatening, violent or otherwise narrower category counts for the wider one it belongs to.
    """
    found = {}
    for category, entries in _patterns().items():
        left = prod(1 - WEIGHTS[weight] for weight, pattern in entries if pattern.search(text))
        found[category] = max(FLOOR, round(1 - left, 5))
    for category in CATEGORIES:
        wider = category.partition("/")[0]
        found[wider] = max(found[wider], found[category])
    return found


def read_inputs(given: Any) -> list[str]:
    """The texts of a request: a string, strings, or parts that together are one input."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise InvalidRequest(
            "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
        )
    if len(given) > MOST_INPUTS:
        raise TooMany("input", len(given), MOST_INPUTS)
    if all(isinstance(one, str) for one in given):
        return given
    if all(
        isinstance(one, dict) and one.get("type") == "text" and isinstance(one.get("text"), str)
        for one in given
    ):
        return ["\n".join(one["text"] for one in given)]
    raise InvalidRequest("Invalid 'input': this model reads text only.", param="input", code="invalid_value")


def _check_model(model: Any) -> None:
    if model is None or model == MODERATION_MODEL:
        return
    if model in MODELS:
        raise ApiError(404, "This is not a moderation model and thus not supported here.", param="model")
    raise UnknownModel(str(model))


def _result(text: str) -> dict[str, Any]:
    found = scores(text)
    flags = {category: found[category] >= LINE for category in CATEGORIES}
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": {category: found[category] for category in CATEGORIES},
        "category_applied_input_types": {category: ["text"] for category in CATEGORIES},
    }


@cache
def _patterns() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The lists, compiled; a category that they do not name has none."""
    lists = tomllib.loads((files(__package__) / "moderation_lists.toml").read_text(encoding="utf-8"))
    return {
        category: [
            (weight, re.compile(rf"(?<!\w)(?:{entry})(?!\w)", re.IGNORECASE))
            for weight, entries in lists.get(category, {}).items()
            for entry in entries
        ]
        for category in CATEGORIES
    }
