"""
Reading documents: bytes become `Extracted`, or an `Unreadable` that says why not.

All of them come from strangers.  They are read by worker processes with limits on time, memory and output: a document
that exceeds them, or kills its worker, is refused, and the next one gets a new worker.  Markdown and text of at most
64 KB are read here, which is cheaper, and never takes long.
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
