"""
What a scan says of a document: that it is there and can be read, or why not.  Pure.

The words are the same for every source, whether it is a folder, an object store, the web or a mailbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from plumbline.corpus.kinds import KINDS, OLDER, Kind

MAX_BYTES = 50 * 1024 * 1024

RefusalCode = Literal[
    "outside_inbox",
    "link",
    "special_file",
    "unreadable",
    "oversized",
    "empty",
    "unsupported",
    "unusable_name",
    "same_name",
    "changing",
    "too_deep",
    "expired",
    "unreachable",
    "forbidden_address",
    "forbidden_scheme",
    "robots",
    "denied",
    "too_many_redirects",
]

ACCESS_CODES: frozenset[str] = frozenset({"unreadable", "changing", "unreachable"})
"""Refusals that say nothing about the content: what was read from there before is still the best we have."""
STRAINED_CODES: frozenset[str] = frozenset({"timeout", "out_of_memory", "crashed"})
"""Refusals that say as much about the machine as about the content; the file is tried again after a day."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    How large a file may be, in bytes, and how old.

    What was last changed before `since` has outlived the `keep_days` of its source.
    """

    max_bytes: int = MAX_BYTES
    keep_days: int | None = None
    since: datetime | None = None

    @classmethod
    def of(cls, keep_days: int | None, now: datetime | None = None) -> Bounds:
        """Return the bounds of a source with this time-to-live, as they are now."""
        if keep_days is None:
            return cls()
        return cls(keep_days=keep_days, since=(now or datetime.now(UTC)) - timedelta(days=keep_days))


@dataclass(frozen=True, slots=True)
class Found:
    """
    One readable file: `path` is relative to its source, with `/`, in Unicode NFC; `size` is in bytes.

    `content` are the bytes that `sha256` was taken over, where the scan itself has read them.
    """

    path: str
    sha256: bytes
    size: int
    kind: Kind
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One file or folder that will not be read, and why, in words for a person."""

    path: str
    code: RefusalCode
    reason: str
    sha256: bytes | None = None
    size: int | None = None


def expired(path: str, changed: datetime | None, bounds: Bounds) -> Refusal | None:
    """Refuse what has outlived the time-to-live of its source; None for what has not.  Pure."""
    if bounds.since is None or changed is None or changed >= bounds.since:
        return None
    days = "day" if bounds.keep_days == 1 else f"{bounds.keep_days:,} days"
    reason = f"Last changed on {changed:%Y-%m-%d}; its source keeps what was changed in the last {days}."
    return Refusal(path, "expired", reason)


def unsupported(name: str) -> str:
    """Say that files with such a name are not read.  Pure."""
    dot = name.rfind(".")
    if newer := OLDER.get(name[dot:].lower() if dot > 0 else ""):
        return f"Files ending in {name[dot:]} are not supported; save a copy as {newer}."
    ending = f"Files ending in {name[dot:]}" if dot > 0 else "Files without an ending"
    return f"{ending} are not supported; supported are {', '.join(KINDS)}."


def oversized(size: int, limit: int) -> str:
    """Say that a file has too many bytes.  Pure."""
    return f"The file has {size / 1e6:,.1f} MB; the limit is {limit / 1e6:,.1f} MB."
