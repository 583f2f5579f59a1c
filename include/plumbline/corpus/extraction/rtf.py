"""Rich Text Format: its words, with tables as rows; it marks headings and pages in no way that can be relied on."""

from __future__ import annotations

from plumbline.corpus.extraction.model import Limits, Metadata, Part, Unreadable, bounded, too_long
from plumbline.corpus.extraction.text import plain_parts, tidy

_MARK = b"{\\rtf"


def read_rtf(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    The text of an RTF file and its parts.

    Raises:
        Unreadable: It is no RTF, or too long.
    """
    from striprtf.striprtf import rtf_to_text

    if not content.lstrip().startswith(_MARK):
        raise Unreadable("malformed", "The file is no RTF, whatever its name says.")
    said: str = rtf_to_text(content.decode("latin-1"), errors="replace")  # type: ignore[no-untyped-call]
    text = tidy("\n\n".join(line.strip() for line in said.split("\n"))).strip("\n")
    if len(text) > limits.characters:
        raise too_long(limits.characters)
    return text, None, bounded(plain_parts(text)), {}
