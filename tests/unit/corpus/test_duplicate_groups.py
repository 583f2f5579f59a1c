"""Pairs become groups that a person can read, and nothing is said of two documents that is not true of them."""

from __future__ import annotations

from uuid import UUID

import pytest

from plumbline.cli.duplicates import alike, percent
from plumbline.corpus.duplicate_groups import Link, grouped
from plumbline.corpus.duplicates import stand_ins

A, B, C, D, E, F = (UUID(int=number) for number in range(1, 7))
ORDER = {one: place for place, one in enumerate((A, B, C, D, E, F))}


def test_the_largest_group_comes_first_and_each_document_names_what_it_is_most_like():
    """Versions in a chain are one group, although its ends have little in common."""
    links = [Link(E, F, 0.99), Link(A, B, 0.9), Link(B, C, 0.95), Link(A, C, 0.82), Link(C, D, 0.85)]

    first, second = grouped(links, ORDER)

    # B and C have two links each, and B was there before.
    assert [(B, None, None), (C, B, 0.95), (A, B, 0.9), (D, C, 0.85)] == first
    assert [(E, None, None), (F, E, 0.99)] == second


def test_of_identical_documents_the_one_that_was_there_first_is_named():
    """Which of them is compared in the place of the others is of no interest to a reader."""
    links = [Link(C, A, None), Link(C, B, None), Link(C, D, 0.9)]

    assert [[(A, None, None), (B, A, None), (C, A, None), (D, A, 0.9)]] == grouped(links, ORDER)


def test_of_links_that_are_equally_strong_the_one_to_the_earlier_document_counts():
    """The same report from one run to the next, whichever ids the documents have."""
    links = [Link(B, C, 0.8), Link(A, C, 0.8), Link(A, B, 0.98)]

    assert [[(A, None, None), (B, A, 0.98), (C, A, 0.8)]] == grouped(links, ORDER)


def test_without_links_there_are_no_groups():
    """Most knowledge bases, one hopes."""
    assert [] == grouped([], {})


def test_a_large_cluster_is_grouped_in_one_piece():
    """Ten thousand pages of one template, each linked to a few of the first."""
    pages = [UUID(int=number) for number in range(1, 10_001)]
    links = [Link(pages[number % 16], page, 0.9) for number, page in enumerate(pages[16:])]
    links += [Link(pages[0], page, 0.9) for page in pages[1:16]]

    [group] = grouped(links, {page: place for place, page in enumerate(pages)})

    assert set(pages) == {member.document_id for member in group}


def test_of_documents_with_one_text_the_first_stands_for_the_others():
    """Unless one stands for them already."""
    page = [(A, b"same"), (B, b"other"), (C, b"same"), (D, b"known")]

    assert {C: A, D: F} == stand_ins(page, {b"known": F})


@pytest.mark.parametrize(
    ("similarity", "said"), [(1.0, "100 %"), (0.99999, "99 %"), (0.93, "93 %"), (0.29 + 0.51, "80 %")]
)
def test_a_percentage_never_says_more_than_is_true(similarity, said):
    """99.999 % of a long contract may be all but the sum."""
    assert said == percent(similarity)


def test_what_is_said_of_a_document():
    """Identical is said of equal texts only; of equal words, that the words are."""
    first = {"document_id": A, "path": "a.md", "like": None}

    def said(**row):
        return alike({"identical": False, **row}, first)

    like_first, like_other = {"document_id": A, "path": "a.md"}, {"document_id": B, "path": "b.md"}
    assert "the first" == said(like=None)
    assert "identical to the first" == said(like=like_first, identical=True, similarity=1.0)
    assert "the same words as the first" == said(like=like_first, similarity=1.0)
    assert "93 % the same as b.md" == said(like=like_other, similarity=0.9399)
