from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
import regex
from bpe_openai.registry import cl100k_base
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plumbline.corpus.tokens import count

LIKELY = "abc defg THE 's'll .!?,:;-*#|`>  \n\n\t\r012345é漢字。'\"()[]{}%<>=_~"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("tiktoken is great!", 6),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 9),
        ("", 0),
    ],
)
def test_counts_are_those_that_the_provider_publishes(text, tokens):
    """The examples of OpenAI's own cookbook for this encoding."""
    assert tokens == count(text)


@given(st.one_of(st.text(max_size=300), st.text(alphabet=LIKELY, max_size=600)))
@example("    indented\n\n  \n\tand 'll've done\r\n  ")
@example("1234567 12 1 ½²³ Ⅷ")
@settings(max_examples=150, deadline=None)
def test_counts_equal_the_published_algorithm(text):
    """Byte pair encoding as it is described, written out slowly, over the published vocabulary."""
    assert sum(slowly(part.encode()) for part in pretokens().findall(text)) == count(text)


def test_special_tokens_in_a_text_are_ordinary_text():
    """A document that talks about the end of text does not end it, and does not stop the run."""
    assert 7 == count("<|endoftext|>")


def test_lone_surrogates_count_as_replacement_characters():
    """Counting never fails on what Python accepts as text."""
    assert count("a\ufffdb") == count("a\ud800b")


def test_long_runs_without_spaces_take_linear_time():
    """A megabyte of one letter, of blanks, of Chinese: done at once."""
    for text in ("a" * 1_000_000, " " * 1_000_000, "漢" * 1_000_000, "\n" * 1_000_000 + "x"):
        assert count(text) > 0


@cache
def pretokens() -> regex.Pattern[str]:
    """The published expression that cuts a text into words."""
    return regex.compile(cl100k_base()["pat_str"])


@cache
def slowly(word: bytes) -> int:
    """The tokens of one word, by the published rule: join the pair of lowest rank, until there is none."""
    ranks = cl100k_base()["mergeable_ranks"]
    parts = [bytes([one]) for one in word]
    while len(parts) > 1:
        pairs = [(ranks.get(left + right, 10**9), at) for at, (left, right) in enumerate(pairwise(parts))]
        rank, at = min(pairs)
        if rank == 10**9:
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return len(parts)
