"""
What a look at a source says of each of its documents, before it is written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from plumbline.corpus.outcomes import Bounds, RefusalCode, expired

Known = Mapping[str, Any]
"""A row of corpus.source_item, without its bytes."""


@dataclass(frozen=True, slots=True)
class Taken:
    """
    A document was read: it is new, or may have changed.

    `kept` are its bytes, where the source may not give the same ones again.
    """

    path: str
    address: str
    kind: str
    size: int
    sha256: bytes
    etag: str | None = None
    last_modified: str | None = None
    modified_at: datetime | None = None
    kept: bytes | None = None

    @classmethod
    def of(cls, path: str, address: str, kind: str, content: bytes, **said: Any) -> Taken:
        """Return a document with these bytes."""
        return cls(path, address, kind, len(content), sha256(content).digest(), **said)


@dataclass(frozen=True, slots=True)
class Same:
    """A document is as it was when it was fetched; its source says so, unless it was not `asked` again."""

    path: str
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """A document cannot be had, for now or for good."""

    path: str
    address: str
    code: RefusalCode
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """A document is not there any more."""

    path: str


Change = Taken | Same | Problem | Left


def asked_again(known: Known | None, bounds: Bounds, *, kept: bool) -> bool:
    """
    Whether it is enough to ask a source for what is newer than what we have.  Pure.

    It is not where bytes that should be kept are not there, unless the document has outlived its time.
    """
    if known is None or known["sha256"] is None:
        return False
    return not kept or known["held"] or expired(known["path"], known["modified_at"], bounds) is not None
