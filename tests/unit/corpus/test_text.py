from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.corpus.extraction import Unreadable, extract
from plumbline.corpus.extraction.text import decode, tidy

RUSSIAN = (
    "Возврат товара. Вы можете вернуть товар в течение тридцати дней после покупки, если он не испорчен."
)
JAPANESE = "返品について。購入後三十日以内であれば、未使用の商品を返品することができます。"
CHINESE = "特斯拉以其成就和表现力而闻名，最终使他在流行文化中成为典型的疯狂科学家。"
GERMAN = "Die Rückgabe ist möglich, wenn die Ware nicht benützt wurde; größere Stücke holen wir ab. Straße, Ähre, Öl."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_in_every_form(encoding):
    """With and without a byte order mark."""
    assert "Grüße an alle, und schöne Tage" == decode("Grüße an alle, und schöne Tage".encode(encoding))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", GERMAN),
        ("cp1252", "“Café” — 10 €"),
        ("cp1251", RUSSIAN),
        ("koi8_r", RUSSIAN),
        ("shift_jis", JAPANESE),
        ("euc_jp", JAPANESE),
        ("iso2022_jp", JAPANESE),
        ("gb18030", CHINESE),
        ("big5", "退貨說明。購買後三十天內，未使用的商品可以退貨。請與客服聯絡。"),
        ("euc_kr", "반품 안내. 구매 후 삼십일 이내에 사용하지 않은 상품을 반품할 수 있습니다."),
    ],
)
def test_legacy_encodings_are_recognised(encoding, text):
    """Old files are in the encoding of the country they come from, and do not say so."""
    assert text == decode(text.encode(encoding))


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 text",
        b"PK\x03\x04rest",
        b"\x89PNG\r\n",
        b"\0" * 1000,
        bytes(range(256)) * 40,
        b"GIF89a" + b"\0" * 90,
    ],
)
def test_what_is_not_text_is_refused(content):
    """A picture that was renamed to .txt is not gibberish to be embedded and paid for."""
    with pytest.raises(Unreadable) as caught:
        extract(content, "text", "a.txt")
    assert "binary" == caught.value.code


def test_a_few_stray_nuls_do_not_make_a_text_binary():
    """Exports of databases have them; Postgres would refuse them."""
    assert "abcd and more" == tidy(decode(b"ab\0cd and\0 more"))


@given(st.text(max_size=300))
def test_tidy_text_can_be_stored(text):
    """One normal form, one kind of line end, nothing invisible that Postgres or a search would stumble over."""
    clean = tidy(text)
    assert unicodedata.is_normalized("NFC", clean)
    assert not {letter for letter in clean if unicodedata.category(letter) in ("Cc", "Cs")} - {"\n", "\t"}
    assert clean == tidy(clean)
    clean.encode()
    assert not any(line.endswith((" ", "\t")) for line in clean.split("\n"))


@given(st.text(alphabet="a\u1100\u1161\u0301\u0316\u0344\u0f73\U0001d15e", max_size=300))
def test_marks_without_end_cost_no_time_without_end(text):
    """Sorting those of one letter takes time with the square of their number."""
    clean = tidy(text * 100)
    assert unicodedata.is_normalized("NFC", clean)
    assert clean == tidy(clean)
    assert not re.search("[\u0301\u0316\u0f71\u0f72\u0308]{31}", clean)


def test_the_marks_of_a_language_all_stay():
    """Vietnamese puts two on a letter, pointed Hebrew three."""
    for said in ("Việt Nam là tiếng Việt", "בְּרֵאשִׁ֖ית"):
        assert unicodedata.normalize("NFC", said) == tidy(unicodedata.normalize("NFD", said))


def test_line_ends_of_all_systems_are_one():
    """A file does not change when it is saved on another system."""
    assert "a\nb\nc\nd\ne" == tidy("a\r\nb\rc\u2028d\x85e")


@pytest.mark.parametrize("content", [b" ", b"\n\n\t\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\x0c"])
def test_a_file_of_white_space_is_empty(content):
    """It has bytes but says nothing."""
    with pytest.raises(Unreadable) as caught:
        extract(content, "text", "a.txt")
    assert ("empty", "The document holds no text.") == (caught.value.code, str(caught.value))


def test_plain_text_has_paragraphs_items_and_underlined_headings():
    """What people type when nobody renders it."""
    source = "Return policy\n=============\n\nWhat to do:\n- pack it\n- send it\n\nDetails\n-------\nWithin 30 days.\n"
    extracted = extract(source.encode(), "text", "a.txt")
    said = [(block.kind, block.level, extracted.text[block.start : block.end]) for block in extracted.blocks]
    assert [
        ("heading", 1, "Return policy\n============="),
        ("paragraph", 0, "What to do:"),
        ("list_item", 1, "- pack it"),
        ("list_item", 1, "- send it"),
        ("heading", 2, "Details\n-------"),
        ("paragraph", 0, "Within 30 days."),
    ] == said
    assert ("Return policy", "Details") == extracted.blocks[-1].heading_path


def test_a_title_is_the_first_line_with_a_word_or_the_name_of_the_file():
    """Something has to stand in the list of documents."""
    assert "How to return" == extract(b"---\n2026\n\nHow to return\nmore", "text", "a.txt").title
    assert "price list" == extract(b"12\n13", "text", "docs/price-list.txt").title
    assert "…" == extract(b"word " * 100, "text", "a.txt").title[-1]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\xff\xfe\xd8\xdc\xd8\xdc", b"\xfe\xff\xdc"])
def test_a_mark_before_bytes_that_are_no_text_makes_none_of_them(content):
    """A document of nothing but replacement characters would be published and found by nobody."""
    with pytest.raises(Unreadable, match="binary data"):
        decode(content)


def test_a_few_bytes_with_a_nul_between_them_are_not_taken_for_wide_characters():
    """They would become Chinese."""
    assert "abc\0def" == decode(b"abc\0def")
