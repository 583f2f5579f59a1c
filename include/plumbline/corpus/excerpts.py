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


_UNITS = (
    r"(?:second|minute|hour|day|week|month|year|sekunde|stunde|tag|arbeitstag|werktag|woche|monat|jahr|segundo|minuto|hora"
    r"|día|semana|mes(?:es)?\b|año|jour|heure|semaine|mois|an(?:s|née)?\b|giorn|settiman|or[ae]\b|mes[ei]|ann[oi])"
)
_ASKED: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (
        re.compile(
            r"\b(?:how (?:long|soon)|wie lange|cuánto tiempo|combien de temps|quanto tempo)\b", re.IGNORECASE
        ),
        re.compile(rf"\d+\W{{0,3}}(?:\w+ )?{_UNITS}", re.IGNORECASE),
    ),
    (
        re.compile(
            r"\b(?:how much|what .{0,30}\b(?:cost|price)|wie ?viel kost|was kost|cuánto cuest|combien coût)",
            re.IGNORECASE,
        ),
        re.compile(r"[$€£]\s?\d|\d\s?(?:[$€£]|EUR|USD|GBP)"),
    ),
    (
        re.compile(
            r"\b(?:how (?:many|often|far|big)|wie ?(?:viele|oft|weit|groß)|cuánt[oa]s)\b", re.IGNORECASE
        ),
        re.compile(r"\d"),
    ),
)
"""What a question for a figure looks like, and what a sentence that holds one does."""
_FIGURE = 2  # as good as two words of the question


def excerpt(
    text: str, language: str, terms: Sequence[str], about: int = ABOUT, question: str = ""
) -> tuple[int, int]:
    """
    Return the span (end exclusive) around the sentence that answers best.

    That is the one that holds most of the terms; where the question asks how long, how much or how many, a figure of
    that kind counts, too.  `terms` are as `query_terms` gives them: alternatives of one word stand in one string.
    Where no sentence holds anything, the span begins where the text begins.  A whole sentence is longer than `about`
    only if it is cut there, and no heading stands at the end.
    """
    sentences = list(_sentences(text))
    if not sentences:
        return 0, min(len(text), about)
    wanted = [frozenset(term.split(" ")) for term in terms]
    figure = next((holds for asks, holds in _ASKED if asks.search(question)), None)
    worth = [_worth(text[start:end], language, wanted, figure) for start, end in sentences]
    best = max(range(len(sentences)), key=lambda number: (*worth[number], -number))
    first = last = best
    while True:
        start, end = sentences[first][0], sentences[last][1]
        after = last + 1 < len(sentences) and sentences[last + 1][1] - start <= about
        before = first > 0 and end - sentences[first - 1][0] <= about
        if not after and not before:
            break
        # What follows explains more often than what comes before.
        first, last = (first, last + 1) if after else (first - 1, last)
    while last > best and _is_heading(text, sentences[last][0]):
        last -= 1
    end = sentences[last][1]
    return start, min(end, _word_end(text, start, end, start + about))


def _worth(
    sentence: str, language: str, wanted: Sequence[frozenset[str]], figure: re.Pattern[str] | None
) -> tuple[int, bool]:
    """How much a sentence says to the question, and whether it holds the figure that is asked for."""
    present = analyse(sentence, language).counts.keys()
    matched = sum(1 for alternatives in wanted if not alternatives.isdisjoint(present))
    holds = figure is not None and figure.search(sentence) is not None
    return matched + _FIGURE * holds, holds


def _is_heading(text: str, start: int) -> bool:
    return text.startswith("#", start) and (start == 0 or text[start - 1] == "\n")


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    for found in _SENTENCE.finditer(text):
        start, end = found.span()
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start < end:
            yield start, end


def _word_end(text: str, start: int, end: int, limit: int) -> int:
    """The last place not after `limit` where a word ends."""
    if end <= limit:
        return end
    space = text.rfind(" ", start, limit)
    return space if space > start else limit
