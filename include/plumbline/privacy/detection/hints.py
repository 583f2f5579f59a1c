"""
What a text could hold, said before anything is looked for: each kind has a part that is cheap to look for.

Nearly every text of a corpus holds nothing personal.  Its bytes are turned into classes (digit, letter, what may stand
between digits) by one table, and looked through by the quickest searches there are; the expressions that know forms,
labels and check digits run only where such a part is present.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_DIGITS = b"0123456789"
_LETTERS = bytes(range(0x41, 0x5B)) + bytes(range(0x61, 0x7B))
# The bytes of a no-break space, and of the thin spaces and hyphens of typography, in UTF-8.
_BETWEEN = b" -/()\xc2\xa0\xe2\x80\x89\x90\x91\x92\x93\xaf"
_POINT = b"."
_CLASSES = b"".join(
    b"d" if byte in _DIGITS
    else b"a" if byte in _LETTERS
    else b"p" if byte in _POINT
    else b"s" if byte in _BETWEEN
    else b"x"
    for byte in range(256)
)  # fmt: skip
# Six digits with little between; a fiscal code, in which letters part them; four numbers with points between.  All
# begin with a digit, so that one search looks for all, as fast as for that one sign.
_NUMERIC = re.compile(rb"d(?:(?:[sp]{0,5}d){5}|daddaddda|d{0,2}pd{1,3}pd{1,3}pd)")
_PASSWORD = (
    b"assw",
    b"pwd",
    b"kennwort",
    b"wachtwoord",
    b"contrase",
    b"passphrase",
    b"mot de passe",
    b"secret",
    b"has\xc5\x82o",
)

_NEAR = 40


class Hints(NamedTuple):
    """Which kinds may be there; False means that none of the kind is."""

    email: bool
    numeric: bool
    ipv6: bool
    password: bool


def hints(text: str) -> Hints:
    """Return what the text could hold.  A few nanoseconds a character, whatever stands in it."""
    raw = text.encode("utf-8", "replace")
    return Hints(
        b"@" in raw,
        _NUMERIC.search(raw.translate(_CLASSES)) is not None,
        b"::" in raw or raw.count(b":") >= 7,  # noqa: PLR2004 - eight groups have seven colons
        _told_before(raw, b":") or _told_before(raw, b"="),
    )


def _told_before(raw: bytes, sign: bytes) -> bool:
    """Whether a word for a password stands shortly before such a sign: prose has few of them."""
    place = raw.find(sign)
    while place >= 0:
        near = raw[max(0, place - _NEAR) : place].lower()
        if any(mark in near for mark in _PASSWORD):
            return True
        place = raw.find(sign, place + 1)
    return False
