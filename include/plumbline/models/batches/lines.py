"""
The lines of a batch as they travel, out and back, and how many of them fit into one.  Pure.

Nothing of what comes back is believed: a line is ours only when it names a call of the batch, and what it holds is read
by the service that reads single answers.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from plumbline.models.policy import safe_code
from plumbline.models.requests import BatchLimits

_ANSWERED = 200
_FIRST_OF_SERVERS = 500
_TOO_MANY = 429
_EXPIRED = "batch_expired"
_CANCELLED = "batch_cancelled"


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch, before it is sent; see `plumbline.models.calls.Call`."""

    call_id: uuid.UUID
    keys: Sequence[bytes]
    tokens: Sequence[int]
    request: bytes = field(repr=False)
    tokens_out: int = 0
    mends: uuid.UUID | None = None
    user: str | None = None
    session: str | None = None


@dataclass(slots=True)
class Part:
    """A part of a plan: what its lines add up to so far."""

    number: int
    batch_id: uuid.UUID = field(default_factory=uuid.uuid4)
    lines: int = 0
    inputs: int = 0
    bytes: int = 0
    tokens: int = 0
    tokens_out: int = 0

    def takes(self, line: Line, size: int, limits: BatchLimits, enqueued: int | None) -> bool:
        """Whether a line whose text has so many bytes fits as well; the first one always does."""
        return not self.lines or (
            self.lines < limits.requests
            and self.inputs + len(line.keys) <= limits.inputs
            and self.bytes + size <= limits.bytes
            and (enqueued is None or self.tokens + sum(line.tokens) <= enqueued)
        )

    def add(self, line: Line, size: int) -> None:
        """Count a line in."""
        self.lines += 1
        self.inputs += len(line.keys)
        self.bytes += size
        self.tokens += sum(line.tokens)
        self.tokens_out += line.tokens_out


@dataclass(frozen=True, slots=True)
class Result:
    """
    What the provider says became of a line.

    `content`: the answer, where there is one; empty, where it is nested too deeply to be written again.  `code`: the
    kind of error; `label`: the word under which it is counted.
    """

    call_id: uuid.UUID
    state: Literal["answered", "refused", "failed", "expired"]
    label: str
    content: bytes = field(default=b"", repr=False)
    code: str = ""
    request_id: str | None = None

    @property
    def error(self) -> str:
        """A sentence of what went wrong."""
        if self.state == "expired":
            return "The provider did not come to it in time. It was not billed."
        if self.code == _CANCELLED:
            return "Its batch was cancelled before it was answered. It was not billed."
        return f"The line of the batch ended with {self.code or self.label}. It was not billed."


def written(call_id: uuid.UUID, route: str, request: bytes) -> bytes:
    """Return a request as a line of a batch's file."""
    return b'{"custom_id":"%s","method":"POST","url":"%s","body":%s}\n' % (
        str(call_id).encode(),
        route.encode(),
        request,
    )


def read_result(line: bytes) -> Result | None:
    """Return what a line of the provider's files says; None where it cannot be one of ours."""
    try:
        fields = orjson.loads(line)
        call_id = uuid.UUID(fields["custom_id"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None
    response, error = fields.get("response"), fields.get("error")
    response = response if isinstance(response, dict) else {}
    status, body = response.get("status_code"), response.get("body")
    request_id = response.get("request_id")
    request_id = request_id if isinstance(request_id, str) and request_id.isprintable() else None
    if status == _ANSWERED:
        # Whatever its body is: it was answered, and billed.
        return Result(call_id, "answered", "200", _again(body), request_id=request_id)
    code = _code(error) or _code(body.get("error") if isinstance(body, dict) else None)
    label = str(status) if isinstance(status, int) else code or "no answer"
    return Result(call_id, _state(status, code), label, code=code, request_id=request_id)


def _again(body: object) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        return b""


def _state(status: object, code: str) -> Literal["refused", "failed", "expired"]:
    if code == _EXPIRED:
        return "expired"
    refused = isinstance(status, int) and _ANSWERED < status < _FIRST_OF_SERVERS and status != _TOO_MANY
    return "refused" if refused else "failed"


def _code(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    return safe_code(error.get("code")) or safe_code(error.get("type"))
