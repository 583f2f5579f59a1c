"""Tables in text files: values parted by commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
from io import StringIO

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part
from plumbline.corpus.extraction.tables import add_table
from plumbline.corpus.extraction.text import tidy_text

_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 50  # rows


def read_csv(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A table as its text and its parts; it declares neither a title nor anything else of itself.

    Raises:
        Unreadable: It is no text, or too long a one.
    """
    text = tidy_text(content, limits)
    builder = Builder(limits.characters)
    csv.field_size_limit(limits.characters)
    parted_by = separator(text)
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=parted_by, strict=True))
    except csv.Error:  # a quote that is never closed: what follows it is one cell
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=parted_by))
    add_table(builder, rows)
    return builder.text, None, builder.parts, {}


def separator(text: str) -> str:
    """Return what parts the values: that which gives most rows the same number of columns, more than one.  Pure."""
    sample = text[: 64 * 1024].split("\n")[:_LOOKED_AT]

    def fit(candidate: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=candidate) if row]
        common = max(set(widths), key=widths.count, default=0)
        return (widths.count(common) / len(widths) if common > 1 else 0.0, common)

    return max(_SEPARATORS, key=fit)
