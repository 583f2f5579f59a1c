"""reStructuredText is read for its words and its structure; it opens nothing and runs nothing."""

from __future__ import annotations

import pytest

from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.rst import read_rst


def read(source: str):
    """What the reader makes of a source."""
    return read_rst(source.encode(), Limits())


def test_structure_is_kept():
    """Headings by their underlines, lists, definitions, quotes, code and tables."""
    text, title, parts, _ = read(
        "Berths\n======\n\nA *berth* costs ``40`` euros.\n\nPrices\n------\n\n- one\n\n  more\n\n  - deep\n- two\n\n"
        "3. third\n4. fourth\n\nterm\n   what it means\n\n   quoted?\n\n::\n\n   code  here\n\n"
        "=====  =====\nBoat   Price\n=====  =====\nsmall  40\n=====  =====\n"
    )

    assert (
        "# Berths\n\nA berth costs 40 euros.\n\n## Prices\n\n- one\n  more\n  - deep\n- two\n3. third\n4. fourth\n"
        "- term\n  what it means\n  quoted?\n\ncode  here\n\n| Boat | Price |\n| small | 40 |"
    ) == text
    assert "Berths" == title
    assert {"heading", "paragraph", "list_item", "code", "table"} == {part.kind for part in parts}


def test_what_only_sphinx_knows_keeps_its_words():
    """Half of all documentation is written for it."""
    text, *_ = read(
        "See :ref:`the prices <prices>` and :class:`Berth`.\n\n.. versionadded:: 2.0\n   Night berths.\n\n"
        ".. unheard-of:: argument\n   :option: value\n\n   Its *contents*.\n\n"
        ".. toctree::\n   :maxdepth: 2\n\n   prices\n\nEnd.\n"
    )

    for said in ("See the prices and Berth.", "Night berths.", "argument", "Its contents.", "End."):
        assert said in text
    assert "maxdepth" not in text


def test_a_warning_stays_a_warning():
    """Its label is half of what it says."""
    assert read(".. warning::\n\n   Hot water.\n")[0] == "Warning:\n\nHot water."


@pytest.mark.parametrize(
    "source",
    [
        ".. include:: /etc/passwd\n\nEnd.",
        ".. raw:: html\n   :file: /etc/passwd\n\nEnd.",
        ".. csv-table::\n   :file: /etc/passwd\n\nEnd.",
        ".. literalinclude:: /etc/passwd\n\nEnd.",
    ],
)
def test_nothing_is_opened(source):
    """A document is a stranger's; its wishes are words."""
    text, *_ = read(source)

    assert "root:" not in text
    assert "End." in text


def test_the_headers_of_a_proposal_are_what_it_says_of_itself():
    """Python's enhancement proposals begin like mails."""
    text, title, _, metadata = read(
        "PEP: 8\nTitle: Style Guide\nAuthor: A <a@example>\n\nAbstract\n========\n\nWords.\n"
    )

    assert "# PEP 8 – Style Guide\n\n## Abstract\n\nWords." == text
    assert ("PEP 8 – Style Guide", "A <a@example>") == (title, metadata["author"])


def test_broken_markup_keeps_its_words():
    """People write it by hand."""
    text, *_ = read("Title\n===\n\n*never closed and `nor this\n\n- a\nb\n\n.. code-block::python\n\n   x\n")

    for said in ("Title", "never closed", "nor this", "- a"):
        assert said in text


def test_one_document_does_not_change_how_the_next_one_is_read():
    """Roles that a document defines are its own; and the moment of reading is nobody's."""
    before = read("See :ref:`the guide <guide>` now.\n")
    read(".. role:: ref(raw)\n   :format: html\n\nText.\n")

    assert before == read("See :ref:`the guide <guide>` now.\n")
    assert read(".. |d| date:: %H:%M:%S\n\nAt |d|.\n") == read(".. |d| date:: %H:%M:%S\n\nAt |d|.\n")


def test_what_cannot_be_understood_is_kept_as_it_stands():
    """A table with a column too few is still what somebody wrote."""
    text, *_ = read(
        "Before.\n\n=====  =====\nBoat   Price\n=====  =====\nsmall 40 euros a night\n=====  ===\n\nAfter.\n"
    )

    for said in ("Before.", "small 40 euros a night", "After."):
        assert said in text


def test_what_stands_beside_the_text_begins_no_section():
    """A topic, a sidebar and a note of one's own have titles; what follows them is in the section around them."""
    text, _, parts, _ = read(
        "Berths\n======\n\n.. contents::\n\n.. topic:: Night\n\n   It is quiet.\n\n"
        ".. sidebar:: Day\n   :subtitle: Noon\n\n   It is loud.\n\n.. admonition:: Mind\n\n   The step.\n\n"
        "Prices\n------\n\nForty.\n"
    )

    assert (
        "# Berths\n\nNight\n\nIt is quiet.\n\nDay\n\nNoon\n\nIt is loud.\n\nMind\n\nThe step.\n\n## Prices\n\nForty."
    ) == text
    assert ["Berths", "Prices"] == [part.title for part in parts if part.kind == "heading"]


def test_what_pictures_show_is_read():
    """A reader who cannot see them reads it, too; a picture that says nothing is none."""
    text = read(
        ".. image:: a.png\n   :alt: A map of the piers\n\n.. figure:: b.png\n   :alt: The tug\n\n   Our *tug*.\n\n"
        ".. |x| image:: c.png\n   :alt: star\n\nFive |x| here.\n\n.. image:: d.png\n"
    )[0]

    assert "A map of the piers\n\nThe tug\n\nOur tug.\n\nFive star here." == text


def test_substitutions_are_made_and_those_that_explode_are_not():
    """Nine lines of ten references each ask for a thousand million words."""
    wanted = ".. |Boat| replace:: the |small| boat\n.. |small| replace:: *small*\n\nTake |boat|, |Boat| or |none|.\n"
    assert "Take the small boat, the small boat or |none|." in read(wanted)[0]
    bomb = "".join(f".. |a{n}| replace:: {f'|a{n + 1}| ' * 10}\n" for n in range(9))
    deep = "".join(f".. |a{n}| replace:: |a{n + 1}|\n" for n in range(3_000))
    for source, why in (
        (f"{bomb}.. |a9| replace:: x\n\n|a0|\n", "more than 100,000 pieces"),
        (f"{deep}\n|a0|\n", "more than 20 deep, or in a circle"),
        (".. |a| replace:: |b| |b|\n.. |b| replace:: |a| |a|\n\n|a|\n", "or in a circle"),
    ):
        with pytest.raises(Unreadable, match=why):
            read(source)
