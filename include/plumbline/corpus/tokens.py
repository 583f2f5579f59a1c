"""
Count tokens as the provider does, without asking the provider.

The vocabulary lies inside the `bpe-openai` wheel.  A text is only ever counted as ordinary text: `<|endoftext|>` in a
document is seven harmless tokens, not a command and not an error.  A plan, a budget and a bill agree because all three
count here.
"""

from __future__ import annotations

from collections.abc import Callable

from plumbline.core.tokenizer import EMBEDDING_ENCODING, tokenizer


def count(text: str, *, encoding: str = EMBEDDING_ENCODING) -> int:
    """Return the number of tokens of `text`; a lone surrogate counts as the replacement character."""
    try:
        return counter(encoding)(text)
    except UnicodeEncodeError:
        return counter(encoding)(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def counter(encoding: str = EMBEDDING_ENCODING) -> Callable[[str], int]:
    """Return the function that counts, for many calls; it refuses lone surrogates."""
    return tokenizer(encoding).count
