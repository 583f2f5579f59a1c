"""
What leaves for a model is reduced to what it needs, before anything is stored or sent.

The one promise of this first form: no credential goes out.  Keys, tokens and private keys of the well-known
shapes become a word that says what stood there.  The door takes its keys over the minimised text, so a better
detection later buys anew only what it changes.
"""

from __future__ import annotations

import re

# A cheap look for a fixed part of each shape comes first: the expressions run only where one is present.  Each begins
# with fixed letters, for which the regular expression engine searches far faster than for a word boundary.
_SHAPES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    # A key has a digit before long; files called risk-management-and-compliance or sk-learn-made-easy have none.
    ("sk-", re.compile(r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,}"), "[api key]"),
    ("AKIA", re.compile(r"AKIA[0-9A-Z]{16}(?![0-9A-Z])"), "[access key]"),
    (
        "_",
        re.compile(r"g(?:h[pousr]_[A-Za-z0-9]{36,}|ithub_pat_[A-Za-z0-9_]{22,})"),
        "[access token]",
    ),
    ("xox", re.compile(r"xox[abprs]-[A-Za-z0-9-]{10,}"), "[access token]"),
    ("AIza", re.compile(r"AIza[0-9A-Za-z_-]{35}"), "[api key]"),
    (
        "eyJ",
        # The first part is taken whether or not the others follow; otherwise each "eyJ" inside it would be tried anew.
        re.compile(r"eyJ[A-Za-z0-9_-]{10,}(?P<rest>\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})?"),
        "[signed token]",
    ),
    (
        "PRIVATE KEY-----",
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
        ),
        "[private key]",
    ),
)


def minimise(text: str) -> str:
    """Return the text with every credential of a known shape replaced; the very same text where there is none."""
    for mark, shape, word in _SHAPES:
        if mark in text:
            text = shape.sub(lambda found: _replacement(found, word), text)  # noqa: B023 - used before the next turn
    return text


def _replacement(found: re.Match[str], word: str) -> str:
    """The word, unless the shape has a part that is missing here."""
    return found[0] if found.groupdict().get("rest", "") is None else word
