"""
Texts become unit vectors, by WordLlama: a table of 32,000 token vectors, averaged over a text.

A text's vector depends on that text alone.  Batches are therefore neither padded nor multiplied as a
matrix: each text is summed by itself, in token order, so its bytes are the same in any company.
If this were dropped, content hashes of vectors and "nothing changed" checks would flicker.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DIMENSIONS = 256
AT_ONCE = 128
"""Texts given to the tokenizer in one go; bounds its memory."""
FEW = 4
"""Texts that are tokenized one by one."""

Vectors = npt.NDArray[np.float32]


class WordVectors:
    """The loaded model; safe to use from several threads."""

    def __init__(self, table: Vectors, tokenizer: Any) -> None:
        self._table = table
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()

    def embed(self, texts: Sequence[str], dimensions: int = DIMENSIONS) -> Vectors:
        """
        Unit vectors of shape (len(texts), dimensions), float32.

        Fewer than 256 dimensions are the first ones, made a unit vector again; the model was trained
        for that.  A text without a token (there is one only if it is empty) gets a fixed vector.
        """
        sums = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for start in range(0, len(texts), AT_ONCE):
            batch = list(texts[start : start + AT_ONCE])
            encoded = self._encode(batch)
            for row, encoding in enumerate(encoded, start):
                self._table.take(encoding.ids, axis=0, mode="clip").sum(axis=0, out=sums[row])
        return unit(sums[:, :dimensions])

    def _encode(self, batch: list[str]) -> Any:
        """The tokens of some texts; a few are not worth waking the tokenizer's threads for, which busy cores delay."""
        if len(batch) <= FEW:
            return [self._tokenizer.encode(text, add_special_tokens=False) for text in batch]
        return self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)


def unit(vectors: Vectors) -> Vectors:
    """Each row divided by its length, row by row; a row of zeros becomes the even vector."""
    squares = (vectors * vectors).sum(axis=1, keepdims=True)
    empty = squares[:, 0] == 0
    result: Vectors = np.ascontiguousarray(
        vectors / np.sqrt(np.where(squares == 0, 1, squares)), dtype=np.float32
    )
    result[empty] = np.float32(1 / np.sqrt(vectors.shape[1]))
    return result


@cache
def word_vectors() -> WordVectors:
    """The model that comes inside the wordllama wheel, loaded once; nothing is downloaded."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    import wordllama  # a third of a second, and it configures logging

    root.setLevel(level)
    root.handlers[:] = handlers
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    return WordVectors(model.embedding, model.tokenizer)
