"""
The place in a chunk that a reader should look at first.

The excerpt is a span, never a rewriting: what is shown stands in the document, character for character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from plumbline.corpus.terms import analyse

ABOUT = 240
"""Characters that an excerpt aims at."""

_SENTENCE = re.compile(r"(?:[^.!?。！？।\n]|[.!?](?=\w))+(?:[.!?。！？।]+[\"'”’»)\]]*)?")


def excerpt(text: str, language: str, terms: Sequence[str], about: int = ABOUT) -> tuple[int, int]:
    """
    Return the span (end exclusive) around the sentence that holds most of the terms.

    `terms` are as `query_terms` gives them: alternatives of one word stand in one string.  Where no sentence holds
    any, the span begins where the text begins.  A whole sentence is longer than `about` only if it is cut there.
    """
    sentences = list(_sentences(text))
    if not sentences:
        return 0, min(len(text), about)
    wanted = [frozenset(term.split(" ")) for term in terms]
    matched = [_matched(text[start:end], language, wanted) for start, end in sentences]
    best = max(range(len(sentences)), key=lambda number: (matched[number], -number))
    first = last = best
    while True:
        start, end = sentences[first][0], sentences[last][1]
        after = last + 1 < len(sentences) and sentences[last + 1][1] - start <= about
        before = first > 0 and end - sentences[first - 1][0] <= about
        if not after and not before:
            return start, min(end, _word_end(text, start, end, start + about))
        # What follows explains more often than what comes before.
        first, last = (first, last + 1) if after else (first - 1, last)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    for found in _SENTENCE.finditer(text):
        start, end = found.span()
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start < end:
            yield start, end


def _matched(sentence: str, language: str, wanted: Sequence[frozenset[str]]) -> int:
    present = analyse(sentence, language).counts.keys()
    return sum(1 for alternatives in wanted if not alternatives.isdisjoint(present))


def _word_end(text: str, start: int, end: int, limit: int) -> int:
    """The last place not after `limit` where a word ends."""
    if end <= limit:
        return end
    space = text.rfind(" ", start, limit)
    return space if space > start else limit
