"""
`/v1/files`: files that were uploaded, or that a batch wrote, until they are deleted or expire.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import orjson

from plumbline.localmodel.errors import ApiError, InvalidRequest
from plumbline.localmodel.paging import page

PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
SHORTEST_LIFE, LONGEST_LIFE = 3600, 2_592_000
"""Seconds that `expires_after` may ask for: an hour, and 30 days."""
MOST_LISTED = 10_000


class UnknownFile(ApiError):
    """No file of that identity is there, or no more (404)."""

    def __init__(self, identity: str) -> None:
        super().__init__(404, f"No such File object: {identity}", param="id")


@dataclass(frozen=True, slots=True)
class Stored:
    """One file; times are seconds since 1970."""

    id: str
    path: Path
    bytes: int
    filename: str
    purpose: str
    created_at: int
    expires_at: int | None

    def card(self) -> dict[str, Any]:
        """What the provider tells of it."""
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "status": "processed",
            "status_details": None,
        }


class FileStore:
    """The files that exist.  Belongs to the event loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, Stored] = {}

    def add(self, path: Path, filename: str, purpose: str, life: int | None) -> Stored:
        """Take over a file that has been written; `life` in seconds, those of batches 30 days unless told."""
        if life is None and purpose.startswith("batch"):
            life = LONGEST_LIFE
        now = int(time.time())
        made = Stored(
            id=f"file-{uuid4().hex[:24]}",
            path=path,
            bytes=path.stat().st_size,
            filename=filename,
            purpose=purpose,
            created_at=now,
            expires_at=None if life is None else now + life,
        )
        self._files[made.id] = made
        return made

    def get(self, identity: str) -> Stored:
        """
        The file of that identity.

        Raises:
            UnknownFile: There is none.
        """
        self._expire()
        if identity not in self._files:
            raise UnknownFile(identity)
        return self._files[identity]

    def open(self, identity: str) -> BinaryIO:
        """
        Its content; what has been opened can be read to its end, also when the file is deleted meanwhile.

        Raises:
            UnknownFile: There is none.
        """
        return self.get(identity).path.open("rb")

    def delete(self, identity: str) -> bytes:
        """
        Delete it.

        Raises:
            UnknownFile: There is none.
        """
        self.get(identity).path.unlink(missing_ok=True)
        del self._files[identity]
        return orjson.dumps({"object": "file", "id": identity, "deleted": True})

    def list(self, asked: Mapping[str, str]) -> bytes:
        """One page, newest first; `purpose` leaves out the others."""
        self._expire()
        purpose = asked.get("purpose")
        files = [file for file in self._files.values() if purpose in (None, file.purpose)]
        return page(files, asked, usual=MOST_LISTED, most=MOST_LISTED)

    def clear(self) -> None:
        """Delete all of them."""
        for file in self._files.values():
            file.path.unlink(missing_ok=True)
        self._files.clear()

    def reading(self) -> dict[str, Any]:
        """How many files there are, by purpose, and their bytes."""
        self._expire()
        return {
            "count": len(self._files),
            "bytes": sum(file.bytes for file in self._files.values()),
            "by_purpose": dict(Counter(file.purpose for file in self._files.values())),
        }

    def _expire(self) -> None:
        now = time.time()
        for file in list(self._files.values()):
            if file.expires_at is not None and file.expires_at <= now:
                file.path.unlink(missing_ok=True)
                del self._files[file.id]


def read_purpose(fields: Mapping[str, str], filename: str) -> str:
    """
    What an uploaded file is for.

    Raises:
        InvalidRequest: Nothing that there is; or a batch that is no .jsonl.
    """
    purpose = fields.get("purpose")
    if not purpose:
        raise InvalidRequest(
            "Missing required parameter: 'purpose'.", param="purpose", code="missing_required_parameter"
        )
    if purpose not in PURPOSES:
        raise InvalidRequest(
            f"'{purpose}' is not one of {list(PURPOSES)} - 'purpose'", param="purpose", code="invalid_value"
        )
    if purpose == "batch" and not filename.lower().endswith(".jsonl"):
        raise InvalidRequest("Invalid file format for Batch API. Must be .jsonl", param="file")
    return purpose


def read_life(anchor: Any, seconds: Any, param: str) -> int | None:
    """
    The life that an `expires_after` asks for, in seconds; None when it asks for none.

    Raises:
        InvalidRequest: It is no life from an hour to 30 days after `created_at`.
    """
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise InvalidRequest(
            f"Invalid value for '{param}.anchor'. Supported values are: 'created_at'.",
            param=f"{param}.anchor",
            code="invalid_value",
        )
    life = int(seconds) if isinstance(seconds, str) and seconds.isdecimal() else seconds
    if type(life) is not int or not SHORTEST_LIFE <= life <= LONGEST_LIFE:
        raise InvalidRequest(
            f"Invalid '{param}.seconds': expected an integer from {SHORTEST_LIFE} to {LONGEST_LIFE}.",
            param=f"{param}.seconds",
            code="invalid_value",
        )
    return life
