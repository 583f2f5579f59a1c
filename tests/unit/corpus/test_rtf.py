"""Rich Text is read for its words."""

from __future__ import annotations

import pytest

from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.rtf import read_rtf

SOURCE = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title x}}\f0 \b Berths\b0\par A berth costs 40 \'80.\par "
    rb"Caf\u233?\par}"
)


def test_words_and_paragraphs_are_kept():
    """Fonts and what the file says of itself are not words; characters beyond ASCII are."""
    text, _, parts, _ = read_rtf(SOURCE, Limits())

    assert "Berths\n\nA berth costs 40 €.\n\nCafé" == text
    assert ["paragraph"] * 3 == [part.kind for part in parts]


@pytest.mark.parametrize("content", [b"no rtf", b"", b"PK\x03\x04"])
def test_what_is_no_rtf_is_refused(content):
    """Whatever its name says."""
    with pytest.raises(Unreadable, match="no RTF"):
        read_rtf(content, Limits())


def read(body: str) -> str:
    """What the reader makes of a body."""
    return read_rtf(b"{\\rtf1\\ansi " + body.encode("ascii") + b"}", Limits())[0]


@pytest.mark.parametrize(
    "emoji",
    [r"\u-10179?\u-8704?", r"\uc0\u55357 \u56832 ", r"\uc0\u-10179?\u-8704?", r"{\uc1\u-10179 ?\u-8704 ?}"],
)
def test_characters_of_two_halves_are_put_together(emoji):
    """RTF is older than them; each half alone would be dropped."""
    assert "before 😀 after" == read(rf"before {emoji} after\par").replace("  ", " ")


def test_a_table_stays_a_table():
    """Word says what a row is like before it and behind it, others once; a cell may hold several paragraphs."""
    row = r"\trowd\cellx1\cellx2\intbl {}\cell {}\cell{}\row"
    text = read(
        r"Prices\par "
        + row.format("Boat", "Price", r"\trowd\cellx1\cellx2")
        + row.format(r"small\par white", r"40 | 50", "")
        + r"\pard After \\cell\par"
    )

    assert "Prices\n\n| Boat | Price |\n| small white | 40 \\| 50 |\n\nAfter \\cell" == text


def test_notes_and_boxes_come_behind_their_paragraph():
    """They say what the text does not; what repeats on every page is left out, and so is what a picture is made of."""
    text = read(
        r"{\header Harbour\par}{A berth{\super\chftn{\footnote\pard Water {\b included}.}} costs 40 \{euros\}.\par}"
        r"{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt Boxed.\par}}{\shprslt older\par}}Next.\par Last{\footnote Ends.}"
    )

    assert ["A berth costs 40 {euros}.", "Water included.", "Next.", "Boxed.", "Last", "Ends."] == text.split(
        "\n\n"
    )


@pytest.mark.parametrize(
    "body",
    [r"{\footnote " * 50_000, "{" * 100_000, "}" * 1_000, r"\trowd\cell\row" * 20_000, r"\row\row x\cell"],
)
def test_what_is_made_wrong_on_purpose_ends(body):
    """A group that is never closed, or was never opened, costs what it is long."""
    assert len(read(body)) < 10_000
