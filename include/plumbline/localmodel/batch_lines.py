"""
The lines of a batch's input file: read one after another, and checked before any of them is answered.

The whole file is judged first, as the provider does it: one wrong line, and nothing is answered or
billed.  Only marks of the lines are kept meanwhile, never the lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, BinaryIO

import orjson

from plumbline.localmodel.catalog import MODELS
from plumbline.localmodel.endpoints import MODEL_OF
from plumbline.localmodel.tokens import count_tokens

MOST_LINES = 50_000
MOST_INPUTS = 50_000
"""Embedding inputs in one batch."""
MOST_ERRORS = 100
"""Errors that are told; a file of the wrong kind has as many as lines."""


@dataclass(slots=True)
class Checked:
    """What is known of a file after one reading."""

    model: str | None = None
    total: int = 0
    tokens: int = 0
    inputs: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    _seen: set[bytes] = field(default_factory=set)

    def wrong(self, code: str, message: str, line: int | None, param: str | None = None) -> None:
        """Note an error, if there is still room for it."""
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"code": code, "message": message, "param": param, "line": line})

    def new(self, custom_id: str) -> bool:
        """Whether no line before bore this name."""
        mark = blake2b(custom_id.encode(), digest_size=12).digest()
        known = mark in self._seen
        self._seen.add(mark)
        return not known


def lines_of(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers from 1."""
    source.seek(0)
    for number, line in enumerate(source, 1):
        if line.strip():
            yield number, line


def check_lines(source: BinaryIO, endpoint: str) -> Checked:
    """Read a whole input file; `errors` says what the provider would refuse it for."""
    checked = Checked()
    for number, line in lines_of(source):
        checked.total += 1
        if checked.total > MOST_LINES:
            checked.wrong(
                "too_many_requests", f"The batch input file is larger than {MOST_LINES} requests.", None
            )
            break
        _check_line(checked, number, line, endpoint)
    if not checked.total:
        checked.wrong(
            "empty_file",
            "The input file is empty. Please ensure it contains at least one batch request.",
            None,
        )
    if checked.inputs > MOST_INPUTS:
        checked.wrong(
            "too_many_inputs", f"The batch holds more than {MOST_INPUTS} embedding inputs.", None, "input"
        )
    return checked


def _check_line(checked: Checked, number: int, line: bytes, endpoint: str) -> None:
    try:
        asked = orjson.loads(line)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        checked.wrong("invalid_json_line", "This line is not parseable as valid JSON.", number)
        return
    custom_id = asked.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        checked.wrong(
            "missing_required_parameter", "Missing required parameter: 'custom_id'.", number, "custom_id"
        )
    elif not checked.new(custom_id):
        checked.wrong(
            "duplicate_custom_id",
            f"The custom_id '{custom_id[:64]}' for this request is a duplicate of another request. "
            "The custom_id parameter must be unique for each request in a batch.",
            number,
            "custom_id",
        )
    if asked.get("method") != "POST":
        checked.wrong("invalid_method", "The method of a batch request must be 'POST'.", number, "method")
    if asked.get("url") != endpoint:
        checked.wrong(
            "mismatched_url",
            f"The URL provided for this request does not prefix-match the batch endpoint '{endpoint}'.",
            number,
            "url",
        )
    _check_body(checked, number, asked.get("body"), endpoint)


def _check_body(checked: Checked, number: int, body: Any, endpoint: str) -> None:
    if not isinstance(body, dict):
        checked.wrong(
            "missing_required_parameter", "Missing required parameter: 'body', an object.", number, "body"
        )
        return
    needed = "messages" if endpoint == "/v1/chat/completions" else "input"
    if needed not in body:
        checked.wrong(
            "missing_required_parameter",
            f"Missing required parameter: 'body.{needed}'.",
            number,
            f"body.{needed}",
        )
    model = body.get("model", MODEL_OF[endpoint] if endpoint == "/v1/moderations" else None)
    if model not in MODELS:
        checked.wrong(
            "model_not_found",
            f"The provided model '{model}' is not supported by the Batch API.",
            number,
            "model",
        )
    elif checked.model not in (None, model):
        checked.wrong(
            "mismatched_model",
            f"The provided model '{model}' is different from the model '{checked.model}' of the lines before.",
            number,
            "model",
        )
    checked.model = checked.model or (model if model in MODELS else None)
    checked.tokens += _tokens(body)
    given = body.get("input")
    if endpoint == "/v1/embeddings":
        checked.inputs += len(given) if isinstance(given, list) and not _tokens_alone(given) else 1


def _tokens(body: Mapping[str, Any]) -> int:
    """About what a line will be billed for its prompt, for the limit of enqueued tokens."""
    asked = body.get("messages", body.get("input"))
    return count_tokens(asked if isinstance(asked, str) else orjson.dumps(asked).decode())


def _tokens_alone(given: list[Any]) -> bool:
    return bool(given) and isinstance(given[0], int)
