"""
What leaves for a model is reduced to what it needs, before anything is stored or sent.

The one promise of this first form: no credential goes out.  Keys, tokens and private keys of the well-known
shapes become a word that says what stood there.  The door takes its keys over the minimised text, so a better
detection later buys anew only what it changes.
"""

from __future__ import annotations

import re

# A cheap look for the fixed part of each shape comes first: the expressions run only where one is present.
_SHAPES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("sk-", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"), "[api key]"),
    ("AKIA", re.compile(r"\bAKIA[0-9A-Z]{16}\b"), "[access key]"),
    ("gh", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"), "[access token]"),
    ("github_pat_", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{22,}"), "[access token]"),
    ("xox", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"), "[access token]"),
    ("AIza", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"), "[api key]"),
    ("eyJ", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"), "[signed token]"),
    (
        "PRIVATE KEY-----",
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"),
        "[private key]",
    ),
)


def minimise(text: str) -> str:
    """Return the text with every credential of a known shape replaced; the very same text where there is none."""
    for mark, shape, word in _SHAPES:
        if mark in text:
            text = shape.sub(word, text)
    return text
