"""A similarity is the true one, whatever the layout; signatures lead to what is alike, and not to much else."""

from __future__ import annotations

import random

import numpy as np
import pytest

from plumbline.corpus.similarity import BANDS, bands, shingles, similarity

WORDS = [f"word{number}" for number in range(5_000)]


def text_of(count, seed):
    """A text of so many words."""
    return " ".join(random.Random(seed).choices(WORDS, k=count))  # noqa: S311 - the same text every time


def edited(text, edits, seed=1):
    """The text with so many of its words replaced, far enough from each other that none shares a shingle."""
    words = text.split()
    for place in range(edits):
        words[5 + place * (len(words) - 10) // max(1, edits)] = f"edited{seed}x{place}"
    return " ".join(words)


def counted(one, other):
    """The Jaccard similarity of the five-word runs of two ASCII texts, by the definition."""
    first, second = (
        {tuple(words[at : at + 5]) for at in range(len(words) - 4)} for words in (one.split(), other.split())
    )
    return len(first & second) / len(first | second)


@pytest.mark.parametrize("edits", [0, 1, 5, 20, 40, 90])
def test_the_similarity_is_that_of_the_definition(edits):
    """Hashes stand for shingles; none of them meets another."""
    one = text_of(1_000, seed=3)
    other = edited(one, edits)

    assert counted(one, other) == similarity(shingles(one), shingles(other))


def test_layout_case_and_markup_do_not_count():
    """The same text out of a PDF, a Word file and a Markdown file."""
    plain = "Unused days of leave expire at the end of March, says the office."
    others = (
        "## Unused days of *leave* expire\n\nat the END of March, says the office",
        "Unused days of leave expire\u00a0at the end of March — says the o\ufb03ce.",
    )

    assert [1.0, 1.0] == [similarity(shingles(plain), shingles(other)) for other in others]


def test_scripts_without_spaces_are_compared_by_their_characters():
    """A sentence in Chinese or Thai is not one word."""
    one = "未使用的年假将于三月底失效,请提前向办公室提出申请。所有员工每年享有三十天的年假。"
    thai = "วันลาพักร้อนที่ไม่ได้ใช้จะหมดอายุในสิ้นเดือนมีนาคม"

    assert 0.5 < similarity(shingles(one), shingles(one.replace("三十", "二十"))) < 1
    assert len(shingles(thai)) > 20


def test_short_texts_are_compared_whole_and_nothing_is_like_nothing():
    """Four words are one shingle; a text of stops and dashes says nothing that could be the same."""
    assert similarity(shingles("The office is closed"), shingles("The office, is closed!")) == 1
    assert similarity(shingles("The office is closed"), shingles("The office is open")) == 0
    assert similarity(shingles("—…"), shingles("—…")) == 0
    assert [] == bands(shingles("— … —"))


def test_a_signature_is_the_same_on_every_machine_and_for_texts_of_any_length():
    """It is kept in the database: another process has to find it again."""
    found = bands(shingles("Every colleague has thirty days of leave a year."))

    assert (BANDS, [-8504412816472719295, -5198133717218604973]) == (len(found), found[:2])
    long = shingles(text_of(40_000, seed=5))
    halves = [bands(long[::2]), bands(long[1::2])]
    assert BANDS == len(set(bands(long)))
    assert halves[0] != halves[1]


@pytest.mark.parametrize(
    ("common", "least", "most"), [(0.95, 1.0, 1.0), (0.8, 0.98, 1.0), (0.5, 0.15, 0.40), (0.2, 0.0, 0.01)]
)
def test_the_likely_share_a_band_and_the_unlikely_do_not(common, least, most):
    """20 bands of 6: at 0.8 997 of 1,000 are found; at 0.5 one in four is looked at in vain."""
    draw = np.random.default_rng(11)
    size, met = 400, 0
    apart = round(size * (1 - common) / (1 + common))
    for _ in range(400):
        numbers = draw.integers(0, 2**64, size=size + apart, dtype=np.uint64)
        one, other = np.sort(numbers[:size]), np.sort(numbers[apart:])
        met += not set(bands(one)).isdisjoint(bands(other))

    assert least <= met / 400 <= most
