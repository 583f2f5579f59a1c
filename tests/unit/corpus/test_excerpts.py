"""An excerpt shows the place that answers, as it stands in the document."""

from __future__ import annotations

import pytest

from plumbline.corpus.excerpts import ABOUT, excerpt
from plumbline.corpus.terms import query_terms

TEXT = (
    "Wrenfold makes sensors. They measure soil, air and light.\n\n"
    "A gateway collects their readings. It sends them every ten minutes.\n\n"
    "The warranty lasts two years. It begins on the day of delivery. Damage by lightning is not covered.\n"
) + "Filling sentence about nothing. " * 20


def test_the_sentence_with_most_words_of_the_question_is_shown():
    """Readers judge a result by this sentence."""
    start, end = excerpt(TEXT, "en", query_terms("how long is the warranty after delivery", ["en"]), about=60)

    assert "The warranty lasts two years." == TEXT[start:end]


def test_neighbouring_sentences_fill_the_excerpt():
    """One short sentence alone explains little."""
    start, end = excerpt(TEXT, "en", query_terms("warranty", ["en"]))

    assert TEXT[start:end].startswith("The warranty lasts two years. It begins on the day of delivery.")
    assert end - start <= ABOUT


@pytest.mark.parametrize(
    "text", ["", "   ", "no stop", "x" * 1000, "…", "a. b. c.", "一二三。四五六。", "| a | b |\n|---|---|"]
)
def test_an_excerpt_is_a_span_of_the_text(text):
    """Whatever the text, the span lies inside it and begins and ends at something visible."""
    start, end = excerpt(text, "en", ["nothing"])

    assert 0 <= start <= end <= len(text)
    assert end - start <= ABOUT
    if text.strip():
        assert text[start:end].strip() == text[start:end] != ""


def test_without_a_matching_word_the_beginning_is_shown():
    """A result that was found by meaning alone has no sentence of its own."""
    start, end = excerpt(TEXT, "en", [])

    assert TEXT[start:end].startswith("Wrenfold makes sensors.")
