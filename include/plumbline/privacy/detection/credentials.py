"""
Credentials: keys and tokens of the well-known shapes, and passwords that a word beside them gives away.

They become words that lead back to nothing, because nobody should ever have them delivered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from plumbline.privacy.detection.spans import Span

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
_TOLD = re.compile(
    r"(?:passwor[dt]|passwd|pwd|kennwort|contraseña|passphrase|mot de passe|wachtwoord|hasło|client[_ -]?secret|secret)"
    r"(?:[ \t]{1,3}(?:is|ist|es|est))?[\"'`*]{0,3}[ \t]{0,3}(?P<sign>[:=])[ \t]{0,3}(?P<quote>[\"'`]?)"
    r"(?P<value>[^\s\"'`<>{}\[\](),;]{4,128})(?P<after>[^\n]{0,2})",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"://[^\s/:@\[\]]{0,64}:(?P<value>[^\s/@\[\]]{1,128})@")
_UNLIKE_A_WORD = re.compile(r"[0-9!@#$%^&*+=~?|\\]|[a-z][A-Z]")
_ENDS_SENTENCE = ".!?:"
_CALLED = ("(", "[")
_NO_VALUES = frozenset(
    {"none", "null", "true", "false", "undefined", "required", "optional", "string", "password"}
)


def shapes(text: str) -> Iterator[Span]:
    """Yield keys and tokens, by their shape."""
    for mark, shape, word in _SHAPES:
        if mark in text:
            for found in shape.finditer(text):
                if found.groupdict().get("rest", "") is not None:
                    yield Span(found.start(), found.end(), "credential", word=word)


def passwords(text: str) -> Iterator[Span]:
    """
    Yield what a word such as "password:" is followed by.

    A sentence may go on there ("password: the word that …"); a plain word is a password only where nothing follows it
    on its line, or where it is assigned or quoted.
    """
    for found in _TOLD.finditer(text):
        value = found["value"].rstrip(_ENDS_SENTENCE)
        if found["after"].startswith(_CALLED) or value.casefold() in _NO_VALUES:
            continue
        alone = not found["after"].strip(" \t.,;\"'`)")
        if value and (_UNLIKE_A_WORD.search(value) or found["sign"] == "=" or found["quote"] or alone):
            start = found.start("value")
            yield Span(start, start + len(value), "credential", word="[password]")


def in_addresses(text: str) -> Iterator[Span]:
    """Yield passwords in the address of a service, as in https://user:password@host."""
    if "://" in text:
        for found in _IN_ADDRESS.finditer(text):
            yield Span(*found.span("value"), "credential", word="[password]")
