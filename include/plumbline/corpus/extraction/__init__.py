"""
Reading documents: bytes become `Extracted`, or an `Unreadable` that says why not.

Markdown and plain text are read here, in linear time.  HTML and PDF have large parsers and come from strangers, so
they are read by a worker process with limits on time, memory and output; a document that kills it is refused, and the
next one gets a new worker.
"""

from __future__ import annotations

from plumbline.corpus.extraction.model import (
    Block,
    BlockKind,
    Extracted,
    Limits,
    Metadata,
    Part,
    Unreadable,
    UnreadableCode,
)
from plumbline.corpus.extraction.reading import extract

__all__ = [
    "Block",
    "BlockKind",
    "Extracted",
    "Limits",
    "Metadata",
    "Part",
    "Unreadable",
    "UnreadableCode",
    "extract",
]
