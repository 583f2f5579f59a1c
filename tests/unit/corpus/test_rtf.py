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
