"""What was written can be found as it was written, in any of the languages we serve."""

from __future__ import annotations

import pytest

from plumbline.corpus import terms
from plumbline.corpus.terms import MOST_OCCURRENCES, STEMMERS, analyse, chunk_terms, query_terms, stop_words


def forms(query: str, *languages: str) -> set[str]:
    """All forms that a query looks for."""
    return {form for term in query_terms(query, languages) for form in term.split(" ")}


@pytest.mark.parametrize(
    ("language", "written", "asked"),
    [
        ("en", "The sensors were running all night.", "sensor run"),
        ("en", "A naïve café owner", "naive cafe"),
        ("en", "the ﬁnal ﬂight", "final flight"),
        ("en", "Ｆｕｌｌ ｗｉｄｔｈ １２", "full 12"),
        ("de", "Die Häuser in der Straße", "haus strasse"),
        ("de", "Kündigungsfristen gelten", "kündigungsfrist"),
        ("fr", "l’hôtel de l'île d’Yeu", "hotel ile"),
        ("es", "Las devoluciones del teléfono", "devolucion telefono"),
        ("ru", "Собака любит собаку и ёжика", "собаки ежик"),
        ("tr", "İstanbul'da ışıklar", "istanbul ışık"),
        ("ar", "كِتَابٌ جديد في المدينة", "الكتاب مدينة"),
        ("hi", "हिन्दी में लिखना अच्छा है", "हिन्दी लिखना"),
        ("el", "Οι άνθρωποι της πόλης", "ανθρωποι πολης"),
        ("zh", "我爱北京天安门。", "天安门"),
        ("ja", "東京タワーに行きました", "東京タワー"),
        ("ko", "한국어는 재미있다", "한국어"),
        ("th", "ภาษาไทยไม่ยาก", "ภาษาไทย"),
        ("und", "quidquid latine dictum", "latine"),
    ],
)
def test_a_word_is_found_in_the_forms_that_people_write(language, written, asked):
    """Every word of the question meets a term of the text."""
    present = analyse(written, language).counts.keys()

    assert [] == [term for term in query_terms(asked, [language]) if not present & set(term.split(" "))]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("set max_connections = 200", "maxConnections"),
        ("set max_connections = 200", "connections"),
        ("order AB-1234 arrived", "ab1234"),
        ("order AB-1234 arrived", "AB-1234"),
        ("order AB-1234 arrived", "1234"),
        ("error E-17 appears", "E17"),
        ("send an e-mail", "email"),
        ("about 1,000 sensors", "1000"),
        ("Python 3.11.7 only", "3.11.7"),
        ("written in C++ and C#", "c++"),
        ("written in C++ and C#", "C#"),
        ("write to help@example.com.", "help@example.com"),
        ("see docs/tables.md", "tables.md"),
        ("released v2.0-rc1", "v2.0-rc1"),
        ("use --dry-run first", "dry run"),
    ],
)
def test_identifiers_and_numbers_are_found_whole_and_in_parts(written, asked):
    """People paste them, or remember half of them."""
    present = analyse(written, "en").counts.keys()

    assert [] == [term for term in query_terms(asked, ["en"]) if not present & set(term.split(" "))]


@pytest.mark.parametrize(("one", "other"), [("E-17", "e-mail"), ("3.14", "14"), ("C++", "C#"), ("1.5", "15")])
def test_identifiers_that_only_look_alike_do_not_meet(one, other):
    """A stray letter or digit in common is no match."""
    assert set() == forms(one, "en") & forms(other, "en")


def test_stop_words_of_the_language_are_left_out():
    """They say nothing about a text, and half of it consists of them."""
    assert {"cat": 1, "mat": 1} == analyse("The cat is on the mat.", "en").counts
    assert {"hund": 1} == analyse("Das ist der Hund", "de").counts
    assert [] == query_terms("what is the of and", ["en"])


def test_occurrences_are_counted_and_add_up_to_the_length():
    """BM25 needs both."""
    found = analyse("Gateway, gateways and the GATEWAY; sensor.", "en")

    assert {"gateway": 3, "sensor": 1} == found.counts
    assert 4 == found.length


def test_a_title_counts_once_more_than_the_text_says_it():
    """A question often names the document, and the reader of a chunk knows what it belongs to."""
    plain = chunk_terms("Warranty lasts two years.", "en")
    titled = chunk_terms("Warranty lasts two years.", "en", ["Warranty", "Sensors", "Warranty"])

    assert {**plain.counts, "warranti": 2, "sensor": 1} == titled.counts


def test_a_word_is_looked_for_in_the_form_of_every_language():
    """A short question does not tell its language; where the forms agree, the word is looked for once."""
    assert ["run running", "sensor"] == query_terms("running sensor", ["en", "und"])
    assert ["sensor"] == query_terms("sensor Sensor SENSOR", ["en", "und"])


def test_the_likeliest_language_decides_what_is_a_stop_word():
    """'die' is an article in German and a death in English."""
    assert ["die"] == query_terms("die", ["en", "de"])
    assert [] == query_terms("die", ["de", "en"])


@pytest.mark.parametrize("text", ["", " \n\t", "…!?—", "😀😀", "\ud800", "-- __ ..", "a" * 10_000, "\u0301"])
def test_texts_without_words_have_no_terms(text):
    """Nothing absurd that people paste may break a search."""
    assert [] == query_terms(text, ["en", "zh"])


def test_no_term_holds_what_the_search_function_separates_by():
    """Terms travel with a space between alternatives and a zero byte behind each."""
    odd = "it's \\ 'quoted' \"x\" a\u00a0b c\u2003d e\x00f ｇ　ｈ ½ ﷺ"

    assert [] == [
        term for term in analyse(odd, "en").counts if not term or set(term) & set(" \0'\\\"\u00a0\u2003")
    ]


def test_what_was_seen_before_changes_nothing():
    """The memory of words is a convenience: a text has the same terms in any company, and memory has a bound."""
    before = analyse("A gateway forgets nothing", "nl").counts
    analyse(" ".join(f"woord{number}" for number in range(2 * terms._REMEMBERED)), "nl")

    assert before == analyse("A gateway forgets nothing", "nl").counts
    assert len(terms._vocabulary("nl")) <= terms._REMEMBERED


def test_a_term_keeps_as_many_occurrences_as_a_tsvector_can_hold():
    """Beyond that, more occurrences say nothing new."""
    many = analyse("gateway " * 300, "en")

    assert {"gateway": 300} == many.counts
    assert many.tsvector().startswith(
        b"\0\0\0\1gateway\0" + MOST_OCCURRENCES.to_bytes(2, "big") + b"\0\1\0\2"
    )


def test_every_stemmer_exists():
    """A language that we say we stem is stemmed."""
    assert set(STEMMERS) == {language for language in STEMMERS if analyse("x1 word", language).length == 2}


def test_stop_words_are_for_languages_that_are_stemmed():
    """A list under a wrong code would never be used."""
    listed = [language for language in STEMMERS if stop_words(language)]

    assert [
        "da",
        "de",
        "en",
        "es",
        "fi",
        "fr",
        "hu",
        "it",
        "ne",
        "nl",
        "no",
        "pt",
        "ru",
        "sv",
        "tr",
    ] == sorted(listed)
    assert frozenset() == stop_words("und")
