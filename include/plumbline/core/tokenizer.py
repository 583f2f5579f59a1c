"""
The provider's tokenizers, offline: what is counted here is what the provider bills.

Only the compiled part of `bpe_openai` is loaded, which holds the vocabularies and counts by itself.  The package's
Python layer unpacks three vocabularies when it is imported, which costs 0.7 s and 60 MB and serves nobody here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Protocol

EMBEDDING_ENCODING = "cl100k_base"
"""The encoding of OpenAI's embedding models (text-embedding-3-small, -3-large, ada-002)."""

CHAT_ENCODING = "o200k_base"
"""The encoding of OpenAI's chat models since GPT-4o."""


class Tokenizer(Protocol):
    """What the compiled tokenizer offers.  Text is ordinary text: `<|endoftext|>` in it is no command."""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; ValueError when they end inside a character."""

    def count(self, text: str) -> int:
        """Return how many tokens a text has; UnicodeEncodeError for a lone surrogate."""


@cache
def tokenizer(encoding: str = EMBEDDING_ENCODING) -> Tokenizer:
    """Return the tokenizer of an encoding, loaded once."""
    found: Tokenizer = _bindings().tokenizer_for_encoding(encoding)
    return found


@cache
def _bindings() -> ModuleType:
    package = importlib.util.find_spec("bpe_openai")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError(
            "bpe-openai is not installed; install the locked requirements.", name="bpe_openai"
        )
    library = next(Path(package.submodule_search_locations[0]).glob("_bindings*.so"))
    loader = ExtensionFileLoader("bpe_openai._bindings", str(library))
    bindings = importlib.util.module_from_spec(ModuleSpec(loader.name, loader, origin=str(library)))
    loader.exec_module(bindings)
    return bindings
