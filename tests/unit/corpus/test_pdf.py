from __future__ import annotations

import zlib

import pytest

from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.pdf import read_pdf

BODY = [f"Sentence number {n} of the body, long enough to be a line." for n in range(12)]


def refusal(content: bytes, limits: Limits | None = None) -> tuple[str, str]:
    """Why a file is refused: the code and the sentence."""
    with pytest.raises(Unreadable) as caught:
        read_pdf(content, limits or Limits())
    return caught.value.code, caught.value.reason


def test_pages_have_paragraphs_and_numbers(make_pdf, page_of):
    """A citation names the page."""
    first, second = page_of("One line", "of a paragraph."), page_of("Another page.")
    text, _, parts, metadata = read_pdf(make_pdf(first, second), Limits())
    assert "One line\nof a paragraph.\n\nAnother page." == text
    assert [(1, "One line\nof a paragraph."), (2, "Another page.")] == [
        (part.page, text[part.start : part.end]) for part in parts
    ]
    assert {"pages": 2} == metadata


def test_a_gap_begins_a_paragraph_and_size_makes_a_heading(make_pdf, page_of):
    """A PDF says neither, but shows both."""
    page = page_of("Return policy", size=20, top=760) + page_of(*BODY[:6]) + page_of(*BODY[6:], top=560)
    text, title, parts, _ = read_pdf(make_pdf(page), Limits())
    assert "Return policy" == title
    assert ["heading", "paragraph", "paragraph"] == [part.kind for part in parts]
    assert "# Return policy" == text[parts[0].start : parts[0].end]
    assert "\n".join(BODY[6:]) == text[parts[2].start : parts[2].end]


def test_bullets_are_items(make_pdf, page_of):
    """Each its own block."""
    _, _, parts, _ = read_pdf(make_pdf(page_of("To do:", "- pack it", "- send it", "1. wait")), Limits())
    assert ["paragraph", "list_item", "list_item", "list_item"] == [part.kind for part in parts]


def test_running_heads_and_page_numbers_are_not_text(make_pdf, page_of):
    """They would be found by every search, on every page."""
    said = ["We are glad", "that you are here", "and hope you stay", "as long as you like", "with all of us"]
    pages = [page_of("Company Handbook", line, "Draft", f"Page {n} of 5") for n, line in enumerate(said, 1)]
    text, *_ = read_pdf(make_pdf(*pages), Limits())
    assert "\n\n".join(said) == text


def test_pages_that_all_say_the_same_keep_it(make_pdf, page_of):
    """A rule that leaves nothing has misunderstood the document."""
    text, *_ = read_pdf(make_pdf(page_of("The same."), shared=4), Limits())
    assert "\n\n".join(["The same."] * 4) == text


def test_scans_are_refused_with_what_to_do(make_pdf, page_of):
    """A picture of a page has no words, and an empty document would look like one that was read."""
    drawn = b"q 600 0 0 800 0 0 cm /I Do Q\n"
    code, reason = refusal(make_pdf(drawn, picture=True))
    assert "image_only" == code
    assert "OCR" in reason
    _, _, _, metadata = read_pdf(
        make_pdf(drawn, page_of("A page with enough words."), picture=True), Limits()
    )
    assert {"pages": 2, "pages_without_text": 1} == metadata


def test_files_that_are_no_pdf_are_refused(make_pdf, page_of):
    """Cut short, garbled, or something else under a wrong name."""
    whole = make_pdf(page_of("Hello there"))
    for content in (whole[:300], b"%PDF-1.4\n" + bytes(range(256)) * 300, b"<html>", b"\0" * 100, b"x"):
        assert "malformed" == refusal(content)[0]


def test_empty_pages_are_empty(make_pdf):
    """No words and no pictures."""
    assert ("empty", "The PDF holds no text.") == refusal(make_pdf(b" "))


def test_too_many_pages_are_refused_before_they_are_read(make_pdf, page_of):
    """Counting them costs nothing."""
    code, reason = refusal(make_pdf(page_of("Hello"), shared=10_000))
    assert ("too_many_pages", "The PDF has 10,000 pages; the limit is 5,000.") == (code, reason)


def test_more_text_than_allowed_is_refused(make_pdf, page_of):
    """Page by page, before it is all in memory."""
    assert "oversized" == refusal(make_pdf(page_of(*BODY), shared=100), Limits(characters=5_000))[0]


def test_declared_titles_are_taken_unless_they_are_a_file_name(make_pdf, page_of):
    """Most programs write one, and many write nonsense."""
    page = page_of("What the page says first")
    for declared, title in (
        (b"Travel guide", "Travel guide"),
        (b"Microsoft Word - final2.docx", None),
        (b"untitled", None),
    ):
        assert title == read_pdf(make_pdf(page, information=b"/Title(%s)" % declared), Limits())[1]


def test_a_small_bomb_is_read_for_what_it_says(make_pdf, page_of):
    """Two hundred kilobytes that unpack to two hundred megabytes of blanks around one sentence."""
    bomb = zlib.compress(b" " * 50_000_000 + page_of("Only this."))
    assert "Only this." == read_pdf(make_pdf(compressed=bomb), Limits())[0]
