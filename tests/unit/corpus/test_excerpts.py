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


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How long may I keep it before I send it back?", "You have **30 days** to return anything."),
        ("¿Cuánto tiempo tengo para devolverlo?", "You have **30 days** to return anything."),
        ("Wie lange darf ich es behalten?", "You have **30 days** to return anything."),
        ("How much does a label cost?", "Labels are £4 each."),
        ("How many parcels may I send back?", "At most 3 parcels a person."),
        ("Where do I send it back?", "Send it back to the workshop."),
    ],
)
def test_a_question_for_a_figure_is_answered_by_a_sentence_that_holds_one(question, answer):
    """The words of the question often stand where the answer does not."""
    text = (
        "Send it back to the workshop. Reviewed on 4 June 2026. You have **30 days** to return anything. "
        "At most 3 parcels a person. Labels are £4 each."
    )

    start, end = excerpt(text, "en", query_terms(question, ["en"]), about=45, question=question)

    assert text[start:end] == answer


def test_an_excerpt_does_not_end_with_a_heading():
    """It would announce what is not shown."""
    text = "# Returns\n\nSend it back.\n\n## The short version\n\n" + "Word " * 60

    start, end = excerpt(text, "en", query_terms("send back", ["en"]))

    assert "Send it back." in text[start:end]
    assert not text[start:end].endswith("version")


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
