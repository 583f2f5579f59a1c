"""
One door to all formats.

Whatever the format, what comes out keeps the promises of `model`: clean text, exact blocks that cover it, a title, a
language.  The rest of the code never asks what kind of file a document was.

Whatever a parser stumbles over, the document is refused and the next one is read.  Without it, one odd file would
stop every ingestion of its source.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from plumbline.corpus.extraction.formats import Read, read_format
from plumbline.corpus.extraction.model import LIMITS, Extracted, Limits, Metadata, Unreadable, with_paths
from plumbline.corpus.extraction.pool import SHARED
from plumbline.corpus.extraction.text import first_line
from plumbline.corpus.kinds import Kind
from plumbline.corpus.language import UNDETERMINED, of_document

_READ_HERE: frozenset[Kind] = frozenset({"markdown", "text"})
_READ_HERE_BYTES = 64 * 1024
"""So much Markdown takes half a second at the very worst; a trip to the worker and back costs a tenth of reading it."""

_TABLES: frozenset[Kind] = frozenset({"xlsx", "csv"})
"""Their first line names columns; the name of the file says more."""

_LANGUAGE_TAG = re.compile(r"[a-z]{2}(?:[-_][a-z0-9]{2,8})*")


def extract(content: bytes, kind: Kind, path: str, *, limits: Limits = LIMITS) -> Extracted:
    """
    Read one document.

    Raises:
        Unreadable: It holds no text that can be read; the error says why.
        MemoryError, OSError, ImportError: Ours, not the document's; nothing is known about it.
    """
    text, title, parts, metadata = _read(content, kind, limits)
    if not text.strip():
        raise Unreadable("empty", "The document holds no text.")
    language, mixed = of_document(text)
    first = "" if kind in _TABLES else first_line(text)
    if language == UNDETERMINED:
        language = _declared_language(metadata)
    blocks = with_paths(text, parts)
    return Extracted(text, title or first or _named(path), language, blocks, metadata, mixed)


def is_read_here(kind: Kind, size: int) -> bool:
    """Whether a document of so many bytes is read by this very process, which does one at a time.  Pure."""
    return kind in _READ_HERE and size <= _READ_HERE_BYTES


def _read(content: bytes, kind: Kind, limits: Limits) -> Read:
    if not is_read_here(kind, len(content)):
        return SHARED.read(content, kind, limits)
    try:
        return read_format(content, kind, limits)
    except (Unreadable, MemoryError, OSError, ImportError):
        raise
    except Exception as error:
        reason = f"The file cannot be read: its parser failed ({type(error).__name__})."
        raise Unreadable("malformed", reason) from error


def _named(path: str) -> str:
    return re.sub(r"[-_]+", " ", PurePosixPath(path).stem).strip()


def _declared_language(metadata: Metadata) -> str:
    """What the document says of itself, where its text is too short to tell."""
    declared = str(metadata.get("lang") or metadata.get("language") or "").strip().lower()
    return declared[:2] if _LANGUAGE_TAG.fullmatch(declared) else UNDETERMINED
