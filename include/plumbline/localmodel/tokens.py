"""
The provider's tokenizer (cl100k_base), so that usage here is what the provider would bill.

Only the compiled part of `bpe_openai` is loaded.  Its Python package also unpacks three vocabularies
when imported, which costs 0.7 s and 60 MB and serves nobody here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from typing import Protocol

LAST_ORDINARY_TOKEN = 100_255
"""Ids above this one are control tokens or undefined: neither may be sent as text."""


class Tokenizer(Protocol):
    """What the compiled tokenizer offers."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; ValueError when they end inside a character."""

    def count(self, text: str) -> int:
        """How many tokens a text has."""


@cache
def tokenizer() -> Tokenizer:
    """The cl100k_base tokenizer, loaded once."""
    package = importlib.util.find_spec("bpe_openai")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("bpe_openai is not installed", name="bpe_openai")
    library = next(Path(package.submodule_search_locations[0]).glob("_bindings*.so"))
    loader = ExtensionFileLoader("bpe_openai._bindings", str(library))
    bindings = importlib.util.module_from_spec(ModuleSpec(loader.name, loader, origin=str(library)))
    loader.exec_module(bindings)
    encoding: Tokenizer = bindings.tokenizer_for_encoding("cl100k_base")
    return encoding


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
