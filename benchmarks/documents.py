"""
Documents of no meaning and of a usual size: 3 to 5 KB, 900 tokens and 2.5 chunks on average, in the words of English.

The words are those that the provider's tokenizer knows whole, drawn the more often the lower their number is there:
about as often as in the texts that it was made from.  The vocabulary is bounded, which a real one is not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

from plumbline.core.tokenizer import tokenizer

_TOKENS = 60_000
_A_FOLDER = 1_000
_WORD = re.compile(r" [a-z]{2,}")


def write_documents(folder: Path, count: int) -> int:
    """Write so many documents below `folder`, a thousand in a folder each; return their bytes."""
    written = 0
    for number in range(count):
        place = folder / f"{number // _A_FOLDER:05}"
        if number % _A_FOLDER == 0:
            place.mkdir(parents=True)
        written += (place / f"{number:08}.txt").write_text(document(number), encoding="ascii")
    return written


def document(number: int) -> str:
    """Return the document of this number, the same every time."""
    chance = random.Random(number)
    sentences = _sentences(chance)
    paragraphs, size, wanted = [f"Document {number:08}: {next(sentences)}"], 0, chance.randint(3_072, 5_120)
    while size < wanted:
        paragraphs.append(" ".join(next(sentences) for _ in range(chance.randint(3, 7))))
        size += len(paragraphs[-1]) + 2
    return "\n\n".join(paragraphs) + "\n"


def _sentences(chance: random.Random) -> Iterator[str]:
    words, weights = _vocabulary()
    while True:
        sentence = chance.choices(words, cum_weights=weights, k=chance.randint(6, 22))
        if chance.random() < 0.25:
            sentence[chance.randrange(len(sentence))] = str(chance.randint(1, 5_000))
        yield " ".join(sentence).capitalize() + chance.choice("...?!")


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """The words, and their weights (Zipf's law), summed up."""
    words = [word[1:] for word in map(_text_of, range(_TOKENS)) if _WORD.fullmatch(word)]
    return words, list(accumulate(1 / (rank + 2.7) for rank in range(1, len(words) + 1)))


def _text_of(token: int) -> str:
    try:
        return tokenizer().decode([token])
    except ValueError:  # a part of a character
        return ""
