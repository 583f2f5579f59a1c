"""
What an ingestion asks of a source: which documents are there, and the bytes of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from plumbline.core import db
from plumbline.core.receipts import Run
from plumbline.core.stores import ObjectGone, Store, StoreAway, StoreUnusable
from plumbline.core.tools import Tools
from plumbline.corpus import intake
from plumbline.corpus.intake import Moved
from plumbline.corpus.outcomes import MAX_BYTES, Bounds, Found, Refusal, expired
from plumbline.corpus.sources import Source


class Origin(Protocol):
    """The documents of one source."""

    def scan(self) -> Iterator[Found | Refusal]:
        """Yield every document once, as found or refused, in the order of their paths."""

    def fetch(self, path: str, expected_sha256: bytes) -> bytes:
        """
        Return the bytes of a document that `scan` has found.  Threads may ask at once.

        Raises:
            Moved: It is gone, cannot be had now, or its bytes are no longer the ones that were found.
        """


def origin_of(tools: Tools, run: Run, source: Source) -> Origin:
    """Return the documents of a source: of a folder as they lie there, of any other as they were fetched."""
    return Folder(source.folder, source.keep_days) if source.is_folder else _Fetched(tools, run, source)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, read where it lies."""

    location: Path
    keep_days: int | None = None

    def scan(self) -> Iterator[Found | Refusal]:
        """Yield every file."""
        return intake.scan(self.location, Bounds.of(self.keep_days))

    def fetch(self, path: str, expected_sha256: bytes) -> bytes:
        """Return the bytes of a file."""
        return intake.fetch(self.location, path, expected_sha256=expected_sha256)


@dataclass(frozen=True)
class _Fetched:
    tools: Tools
    run: Run
    source: Source

    @cached_property
    def _store(self) -> Store:
        """Opened once: to open one asks Airflow for its connection."""
        return self.tools.open_store(self.source.location)

    def scan(self) -> Iterator[Found | Refusal]:
        """Yield what was fetched; a server-side cursor, so that memory does not grow with the source."""
        bounds = Bounds.of(self.source.keep_days)
        with self.tools.db.transaction(self.run.tenant) as session, session.cursor("items") as cursor:
            cursor.execute(db.query("corpus/select_items"), {"source_id": self.source.source_id})
            for row in cursor:
                yield _outcome(row, bounds)

    def fetch(self, path: str, expected_sha256: bytes) -> bytes:
        """Read a page from where it was kept, and any other document from its source again."""
        keys = {"source_id": self.source.source_id, "path": path, "sha256": expected_sha256}
        with self.tools.db.transaction(self.run.tenant) as session:
            item = db.row(session, "corpus/select_item", **keys)
        if item is not None and item["content"] is not None:
            return bytes(item["content"])
        content = None if item is None else self._read(item["address"])
        if content is None or sha256(content).digest() != expected_sha256:
            raise Moved(
                f"{path} has changed since its source was looked at; the next run reads it as it is then."
            )
        return content

    def _read(self, address: str) -> bytes | None:
        if self.source.kind == "store":
            try:
                return self._store.read(address, MAX_BYTES)
            except ObjectGone:
                return None
            except (StoreUnusable, StoreAway) as error:
                raise Moved(str(error)) from error
        if self.source.kind == "mailbox":
            from plumbline.corpus.origins.mailboxes import read_message

            return read_message(self.source.folder, address)
        return None


def _outcome(row: Mapping[str, Any], bounds: Bounds) -> Found | Refusal:
    if gone := expired(row["path"], row["modified_at"], bounds):
        return gone
    if row["problem"] is not None:
        return Refusal(row["path"], row["problem_code"], row["problem"])
    return Found(row["path"], row["sha256"], row["bytes"], row["kind"])
