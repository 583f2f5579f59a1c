"""
`/v1/batches`: what a batch is and which states it goes through.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from plumbline.localmodel.answers import Bill
from plumbline.localmodel.endpoints import MODEL_OF
from plumbline.localmodel.errors import ApiError, InvalidRequest, wanted
from plumbline.localmodel.faults import Fault, Kind
from plumbline.localmodel.files import read_life
from plumbline.localmodel.paging import page

WINDOW_SECONDS = 24 * 60 * 60
ENDED = frozenset({"failed", "completed", "expired", "cancelled"})
STAMPS = (
    "in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at",
)  # fmt: skip
PARAMETERS = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"})
MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512
USUAL_PAGE, LARGEST_PAGE = 20, 100


@dataclass(slots=True)
class Batch:
    """One batch; times are seconds since 1970."""

    input_file_id: str
    endpoint: str
    metadata: dict[str, str] | None
    output_life: int | None = None
    faults: dict[Kind, Fault] = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"batch_{uuid4().hex}")
    created_at: int = field(default_factory=lambda: int(time.time()))
    status: str = "validating"
    stamps: dict[str, int] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    model: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    enqueued_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self, status: str) -> None:
        """Go on to another state, now."""
        self.status = status
        self.stamps[f"{status}_at"] = int(time.time())

    def settle(self, bill: Bill | None) -> None:
        """Count one line: with its bill when it was answered."""
        if bill is None:
            self.failed += 1
        else:
            self.completed += 1
            self.input_tokens += bill.prompt_tokens
            self.output_tokens += bill.completion_tokens

    def card(self) -> dict[str, Any]:
        """What the provider tells of it."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "expires_at": self.created_at + WINDOW_SECONDS,
            **{stamp: self.stamps.get(stamp) for stamp in STAMPS},
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "usage": {
                "input_tokens": self.input_tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": self.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": self.input_tokens + self.output_tokens,
            },
            "metadata": self.metadata,
        }


class Batches:
    """All batches since the start, oldest first.  Belongs to the event loop."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}

    def add(self, batch: Batch) -> None:
        """Put a new one into the list."""
        self._batches[batch.id] = batch

    def get(self, identity: str) -> Batch:
        """
        The batch of that identity.

        Raises:
            ApiError: There is none (404).
        """
        if identity not in self._batches:
            raise ApiError(404, f"No batch found with id '{identity}'.")
        return self._batches[identity]

    def list(self, asked: Mapping[str, str]) -> bytes:
        """One page, newest first."""
        newest_first = {**asked, "order": "desc"}
        return page(list(self._batches.values()), newest_first, usual=USUAL_PAGE, most=LARGEST_PAGE)

    def enqueued(self, model: str) -> int:
        """The tokens of all batches of a model that have not ended."""
        return sum(
            batch.enqueued_tokens
            for batch in self._batches.values()
            if batch.model == model and batch.status not in ENDED
        )

    def by_state(self) -> dict[str, int]:
        """How many there are in each state."""
        return dict(Counter(batch.status for batch in self._batches.values()))

    def clear(self) -> None:
        """Forget all of them."""
        self._batches.clear()


def read_batch(payload: Any) -> Batch:
    """
    The batch that a `POST /v1/batches` asks for; whether its file exists is not looked at.

    Raises:
        InvalidRequest: The provider would refuse it too.
    """
    fields = wanted(payload, PARAMETERS)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(fields.get(name), str):
            raise InvalidRequest(
                f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
            )
    for name, allowed in (("endpoint", list(MODEL_OF)), ("completion_window", ["24h"])):
        if fields[name] not in allowed:
            raise InvalidRequest(
                f"Invalid value: '{fields[name]}'. Supported values are: {', '.join(allowed)}.",
                param=name,
                code="invalid_value",
            )
    life = fields.get("output_expires_after") or {}
    if not isinstance(life, dict):
        raise InvalidRequest("Invalid type for 'output_expires_after'.", param="output_expires_after")
    return Batch(
        input_file_id=fields["input_file_id"],
        endpoint=fields["endpoint"],
        metadata=_metadata(fields.get("metadata")),
        output_life=read_life(life.get("anchor"), life.get("seconds"), "output_expires_after"),
    )


def _metadata(given: Any) -> dict[str, str] | None:
    """At most 16 short texts under short names."""
    if given is None:
        return None
    kept = isinstance(given, dict) and len(given) <= MOST_METADATA
    if not kept or any(
        not isinstance(value, str) or len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE
        for key, value in given.items()
    ):
        raise InvalidRequest(
            f"Invalid 'metadata': at most {MOST_METADATA} pairs, with keys of at most {LONGEST_KEY} and strings of "
            f"at most {LONGEST_VALUE} characters.",
            param="metadata",
            code="invalid_value",
        )
    return dict(given)
