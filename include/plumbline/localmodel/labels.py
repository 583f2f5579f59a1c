"""
The nearest of a closed list of labels.

A label is compared by meaning and by shared words, with every definition of it that can be found: in
the schema's descriptions, or as `label: definition` lines in the instructions.  Examples in the
conversation (a text, and the label an assistant gave it) count as definitions by example.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from plumbline.localmodel.sentences import content, readable, sentences, words
from plumbline.localmodel.vectors import Vectors, word_vectors

WORDS = 0.2
"""Weight of shared words beside the cosine."""
LINE = 0.25
"""Below this a label has nothing to do with the text."""
MOST_SENTENCES = 40
"""A longer text is compared as a whole only."""
ESCAPES = frozenset(
    {"other", "unknown", "none", "unclear", "unspecified", "na", "n a", "misc", "miscellaneous"}
)
"""Labels for what fits no other; they are chosen when nothing else is near, never by their words."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The label chosen, its score, and whether it is near enough to say so."""

    label: str
    score: float
    supported: bool


def choose(
    text: str,
    labels: Sequence[str],
    definitions: Mapping[str, str] | None = None,
    examples: Sequence[tuple[str, str]] = (),
) -> Choice:
    """
    The label nearest to `text`.  Pure: the same arguments give the same choice.

    Args:
        text: What is to be labelled.
        labels: At least one; of equals the first is taken.
        definitions: More words for some of the labels.
        examples: (text, label) pairs.
    """
    scores = label_scores(text, labels, definitions, examples)
    escapes = [label for label in labels if readable(label) in ESCAPES]
    named = [label for label in labels if label not in escapes] or list(labels)
    best = max(named, key=lambda label: scores[label])
    if scores[best] < LINE and escapes:
        return Choice(escapes[0], scores[best], supported=True)
    return Choice(best, scores[best], supported=scores[best] >= LINE)


def label_scores(
    text: str,
    labels: Sequence[str],
    definitions: Mapping[str, str] | None = None,
    examples: Sequence[tuple[str, str]] = (),
) -> dict[str, float]:
    """A score for every label, about 0 for unrelated and 1 for the same words."""
    described = {label: _described(label, (definitions or {}).get(label)) for label in labels}
    texts = word_vectors().embed(_views(text))
    cosines = (texts @ _embedded(tuple(described.values())).T).max(axis=0)
    shared = _shared(text, list(described.values()))
    scores = {label: float(cosines[i]) + WORDS * shared[i] for i, label in enumerate(described)}
    for label, score in _by_example(text, examples).items():
        if label in scores:
            scores[label] = max(scores[label], score)
    return scores


def find_definitions(labels: Sequence[str], *texts: str) -> dict[str, str]:
    """What `label: definition` lines in any of `texts` say about the labels."""
    found: dict[str, str] = {}
    for label in labels:
        names = "|".join(re.escape(name) for name in {label, readable(label)})
        line = re.compile(
            rf"(?:^|[\n;])[ \t\-*•`\"']{{0,12}}(?:{names})[`\"'*]{{0,3}}[ \t]*(?::|=|–|—|-){{1,3}}[ \t]*([^\n;]+)",
            re.IGNORECASE,
        )
        for text in texts:
            if match := line.search(text):
                found.setdefault(label, match[1].strip())
    return found


def _described(label: str, definition: str | None) -> str:
    return f"{readable(label)}: {definition}" if definition else readable(label)


@lru_cache(maxsize=64)
def _embedded(options: tuple[str, ...]) -> Vectors:
    """A list of labels is asked about again and again."""
    return word_vectors().embed(options)


def _views(text: str) -> list[str]:
    """The whole text, and the sentences of a longer one: a complaint often hides in the middle."""
    parts = [sentence.text for sentence in sentences(text)]
    return [text or " ", *parts] if 1 < len(parts) <= MOST_SENTENCES else [text or " "]


def _shared(text: str, options: list[str]) -> list[float]:
    """For every option the share of its words, weighed by rarity among the options, that `text` has."""
    present = set(words(text))
    own = [set(words(option)) for option in options]
    frequency = Counter(word for option in own for word in option)
    rarity = {word: math.log(1 + (len(own) - n + 0.5) / (n + 0.5)) for word, n in frequency.items()}
    return [
        sum(rarity[word] for word in option & present) / (sum(rarity[word] for word in option) or 1.0)
        for option in own
    ]


def _by_example(text: str, examples: Sequence[tuple[str, str]]) -> dict[str, float]:
    if not examples:
        return {}
    vectors = word_vectors().embed([content(text), *(content(example) for example, _ in examples)])
    cosines = vectors[1:] @ vectors[0]
    nearest: dict[str, float] = {}
    for index in np.argsort(-cosines):
        nearest.setdefault(examples[index][1], float(cosines[index]))
    return nearest
