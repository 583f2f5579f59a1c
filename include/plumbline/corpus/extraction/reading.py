"""
One door to all formats.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from plumbline.corpus.extraction.markdown import read_markdown
from plumbline.corpus.extraction.model import (
    Extracted,
    Limits,
    Metadata,
    Part,
    Unreadable,
    bounded,
    with_paths,
)
from plumbline.corpus.extraction.pool import SHARED
from plumbline.corpus.extraction.text import decode, first_line, plain_parts, tidy
from plumbline.corpus.intake import Kind
from plumbline.corpus.language import of_document


def extract(content: bytes, kind: Kind, path: str, *, limits: Limits = Limits()) -> Extracted:
    """
    Read one document.

    Raises:
        Unreadable: It holds no text that can be read; the error says why.
    """
    text, title, parts, metadata = _read(content, kind, limits)
    if not text.strip():
        raise Unreadable("empty", "The document holds no text.")
    language, mixed = of_document(text)
    return Extracted(
        text, title or first_line(text) or _named(path), language, with_paths(text, parts), metadata, mixed
    )


def _read(content: bytes, kind: Kind, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    if kind in ("text", "markdown"):
        text = tidy(decode(content)).strip("\n")
        if len(text) > limits.characters:
            raise Unreadable(
                "oversized", f"The document holds more than {limits.characters:,} characters of text."
            )
        return (text, None, bounded(plain_parts(text)), {}) if kind == "text" else read_markdown(text)
    return SHARED.read(content, kind, limits)


def _named(path: str) -> str:
    return re.sub(r"[-_]+", " ", PurePosixPath(path).stem).strip()
