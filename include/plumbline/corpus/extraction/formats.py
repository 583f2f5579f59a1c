"""Which reader reads which kind of file.  Their parsers are imported where they are used: a worker stays light."""

from __future__ import annotations

from plumbline.corpus.extraction.model import Limits, Metadata, Part

Read = tuple[str, str | None, list[Part], Metadata]
"""The text of a document, its title if it declares one, its parts, and what it says of itself."""


def read_format(content: bytes, kind: str, limits: Limits) -> Read:
    """
    Read one document, here and now.

    Raises:
        Unreadable: It cannot be read; the error says why.
        Exception: Its parser stumbled over it.
    """
    if kind == "markdown":
        from plumbline.corpus.extraction.markdown import read_markdown

        return read_markdown(content, limits)
    if kind == "text":
        from plumbline.corpus.extraction.text import read_text

        return read_text(content, limits)
    if kind == "html":
        from plumbline.corpus.extraction.html import read_html

        return read_html(content, limits)
    from plumbline.corpus.extraction.pdf import read_pdf

    return read_pdf(content, limits)
