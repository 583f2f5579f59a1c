"""What a detection says: from where to where a text holds something, and of which kind it is."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

PSEUDONYM = re.compile(r"\[([a-z][a-z_]{1,19})-([0-9a-hjkmnp-tv-z]{8})\]")
"""A word that stands for a value: its kind, and the id by which the value is found again."""

LEFT_ALONE = re.compile(
    rf"{PSEUDONYM.pattern}|\[(?:api key|access key|access token|signed token|private key|password)\]"
)
"""Words that stand for something already: nothing is found in them, or across them."""


class Span(NamedTuple):
    """
    Characters `start` to `end` (exclusive) of a text, and what they are.

    `value` is the form in which all spellings of one thing are the same, `shown` what comes back on delivery.  A
    credential has a `word` instead, which takes its place and leads back to nothing.
    """

    start: int
    end: int
    kind: str
    value: str = ""
    shown: str = ""
    word: str | None = None


def longest(spans: Iterable[Span], taken: Iterable[tuple[int, int]] = ()) -> list[Span]:
    """
    Return spans in order, none over another or over what is taken: of two that overlap, the longer.  Pure.

    Of two that are equally long, the one that was named first is kept.
    """
    edges = sorted(taken)
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        place = bisect_left(edges, (span.start, span.end))
        before = edges[place - 1][1] if place else 0
        after = edges[place][0] if place < len(edges) else span.end
        if before <= span.start and span.end <= after:
            edges.insert(place, (span.start, span.end))
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)
