"""
Usage as the provider would bill it: everything is counted in cl100k_base.
"""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.core.tokenizer import tokenizer

LAST_ORDINARY_TOKEN = 100_255
"""Ids above this one are control tokens or undefined: neither may be sent as text."""


def count_tokens(text: str) -> int:
    """How many tokens the provider would bill for `text`."""
    return tokenizer().count(text)


def text_of(tokens: Sequence[int]) -> str:
    """
    The text of `tokens`; a character cut at either end is left out.

    Raises:
        ValueError: A token is none of the vocabulary's ordinary ones, or they make no text.
    """
    if any(not 0 <= token <= LAST_ORDINARY_TOKEN for token in tokens):
        raise ValueError("a token is outside the vocabulary")
    # A character has at most four bytes, so at most three tokens at an end can be parts of one.
    for lost in range(7):
        for front in range(max(0, lost - 3), min(3, lost) + 1):
            try:
                return tokenizer().decode(list(tokens[front : len(tokens) - (lost - front)]))
            except ValueError:
                continue
    raise ValueError("the tokens are not text")


def first_tokens(text: str, limit: int) -> str:
    """The beginning of `text` that fits `limit` tokens; `text` itself when it fits whole."""
    tokens = tokenizer().encode(text)
    return text if len(tokens) <= limit else text_of(tokens[:limit])


def pieces(text: str) -> list[str]:
    """`text` cut at the tokens that end with a character; joined again they are `text`."""
    found: list[str] = []
    held: list[int] = []
    for token in tokenizer().encode(text):
        held.append(token)
        try:
            found.append(tokenizer().decode(held))
        except ValueError:
            continue
        held = []
    return found
