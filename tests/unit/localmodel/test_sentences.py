import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.localmodel.sentences import content, is_ideographic, readable, sentences, stem, words


@given(st.text())
def test_a_sentence_is_a_span_of_the_text(text: str) -> None:
    """A citation must be found again letter for letter."""
    found = sentences(text)

    assert [sentence.text for sentence in found] == [
        text[sentence.start : sentence.end] for sentence in found
    ]


@given(st.text())
def test_sentences_cover_everything_that_is_not_blank(text: str) -> None:
    """What is in no sentence could never be quoted."""
    covered = "".join(sentence.text for sentence in sentences(text))

    assert "".join(covered.split()) == "".join(text.split())


def test_abbreviations_do_not_end_a_sentence() -> None:
    """Half a sentence supports nothing."""
    text = "Please ask Dr. Weber about it. She knows, e.g. The old contracts."

    assert [s.text for s in sentences(text)] == [
        "Please ask Dr. Weber about it.",
        "She knows, e.g. The old contracts.",
    ]


def test_lines_parted_by_the_width_of_a_page_are_one_sentence() -> None:
    """Plain-text e-mails break lines where the window ended."""
    text = "The parcel that I had ordered in the first week of March has still not\narrived at my house."

    assert [text] == [s.text for s in sentences(text)]


def test_list_items_and_fields_are_sentences_of_their_own() -> None:
    """They are not parts of the line before."""
    text = "Steps:\n- unplug it\n- wait\nStatus: open\nOwner: Ida"

    assert [s.text for s in sentences(text)] == [
        "Steps:",
        "- unplug it",
        "- wait",
        "Status: open",
        "Owner: Ida",
    ]


def test_chinese_sentences_end_without_a_space() -> None:
    """There is none to wait for."""
    assert [s.text for s in sentences("退货免费。保修两年。")] == ["退货免费。", "保修两年。"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("shipping", "ship"), ("ships", "ship"), ("died", "die"), ("charges", "charg"), ("charged", "charg"),
     ("warranties", "warran"), ("warranty", "warran"), ("class", "clas"), ("use", "use")],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(word: str, expected: str) -> None:
    """A question and its answer seldom use the same form."""
    assert expected == stem(word)


def test_words_leave_out_what_says_nothing() -> None:
    """Sharing `the` is no support."""
    assert words("What is the colour of a lamp?") == ["colour", "lamp"]


def test_words_of_chinese_are_pairs_of_characters() -> None:
    """Chinese does not part its words."""
    assert words("保修两年") == ["保修", "修两", "两年"]


def test_a_text_of_nothing_but_common_words_keeps_them() -> None:
    """An empty text has no vector."""
    assert content("what is it") == "what is it"


def test_names_of_fields_are_readable() -> None:
    """Labels and fields are compared with prose."""
    assert [readable(name) for name in ("orderNumber", "order_number", "order-number")] == [
        "order number"
    ] * 3


def test_japanese_and_chinese_are_told_from_the_rest() -> None:
    """Their vectors need a higher line."""
    assert [is_ideographic(text) for text in ("保修多久？", "How long?", "Lampe 保")] == [True, False, False]
