"""
What a run over a source agrees on: the source's identity, the pipeline's fingerprint, the ids of its documents.

A source is known by its tenant and name, a document by its source and path.  The pipeline's fingerprint goes up when
extraction or chunking would give another result for the same bytes: then every document is read anew, and only the
chunks whose text differs are paid for.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from plumbline.core.hashing import stable_uuid
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools

PIPELINE = "extract-1 chunk-1 terms-1"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of documents."""

    source_id: uuid.UUID
    name: str
    location: Path


def source_of(tools: Tools, run: Run, folder: str | None, name: str | None) -> Source:
    """Return the source of a run: the inbox, unless a folder is named; its path is its name, unless one is given."""
    location = Path(folder).expanduser() if folder else tools.settings.inbox
    location = location.absolute()
    name = name or f"folder:{location}"
    return Source(stable_uuid("source", run.tenant, name), name, location)


INGESTION_COUNTS = (
    "found",
    "stored",
    "unchanged",
    "refused",
    "removed",
    "chunks_added",
    "chunks_kept",
    "chunks_removed",
    "embedded",
    "reused",
    "requests",
    "tokens",
)
"""What an ingestion counts, as columns of corpus.ingestion; receipts and summaries give all of them."""

STAND_IN = "local-wordllama"
"""The embedding model of the embedded server; whatever it answers is said to come from it."""


def known_as(model: str) -> str:
    """Return how a model is called before people: the stand-in is never mistaken for more."""
    return f"{model}, the embedded stand-in" if model == STAND_IN else model
