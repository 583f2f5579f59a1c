"""Tables in text files: values parted by commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
import re
from io import StringIO

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part
from plumbline.corpus.extraction.tables import add_table
from plumbline.corpus.extraction.text import tidy_text

# Those first that hardly ever stand in a value: commas do, in figures and in sentences.
_SEPARATORS = ("\t", ";", "|", ",")
_LOOKED_AT = 50  # rows
_NEARLY = 0.9
_SAID = re.compile(r"\"?sep=([^\n\"])\"?(?:\n|\Z)", re.IGNORECASE)


def read_csv(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A table as its text and its parts; it declares neither a title nor anything else of itself.

    Raises:
        Unreadable: It is no text, or too long a one.
    """
    text = tidy_text(content, limits)
    builder = Builder(limits.characters)
    csv.field_size_limit(limits.characters)
    said = _SAID.match(text)
    parted_by = said[1] if said else separator(text)
    text = text[said.end() :] if said else text
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=parted_by, strict=True))
    except csv.Error:  # a quote that is never closed: what follows it is one cell
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=parted_by))
    add_table(builder, rows)
    return builder.text, None, builder.parts, {}


def separator(text: str) -> str:
    """
    Return what parts the values: that which gives most rows the same number of columns, more than one.

    Of several that do so for nearly as many, it is the one that is rarer in values.  Pure.
    """
    sample = text[: 64 * 1024].split("\n")[:_LOOKED_AT]

    def fit(candidate: str) -> float:
        widths = [len(row) for row in csv.reader(sample, delimiter=candidate) if row]
        common = max(set(widths), key=widths.count, default=0)
        return widths.count(common) / len(widths) if common > 1 else 0.0

    fits = {candidate: fit(candidate) for candidate in _SEPARATORS}
    best = max(fits.values())
    return next(name for name, found in fits.items() if found >= _NEARLY * best) if best else ","
