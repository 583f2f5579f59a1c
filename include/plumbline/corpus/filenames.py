"""
How the name of a file on disk becomes a path that can be stored and shown.

A name is any bytes but NUL and slash; a path is text, the same for the same name wherever the file lies, and not that
of another.  Pure.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Container
from hashlib import sha256

MAX_PATH_BYTES = 2_000
"""Of a path in UTF-8: an index of Postgres takes keys of up to 2,704 bytes."""


def unused(path: str, name: str, used: Container[str]) -> str:
    """The path, or else the path and a mark that is made of the name alone, so that neighbours do not change it."""
    free, digest = path, os.fsencode(name)
    while free in used:
        digest = sha256(digest).digest()
        free = f"{path} ({digest.hex()[:8]})"
    return free


def escaped(name: str, *, letters: bool) -> str:
    """A name as it is spelled on disk, without what cannot be stored or seen; with `letters` beyond ASCII or not."""
    told = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() and (letters or letter.isascii()) else ascii(letter)[1:-1]
        for letter in told
    )


def shortened(path: str) -> str:
    """A path cut to what can be stored, yet longer than any that is not cut; its digest tells it from the others."""
    digest = sha256(path.encode()).hexdigest()[:32]
    return f"{path.encode()[:MAX_PATH_BYTES].decode(errors='ignore')}… {digest}"


def nfc(name: str) -> str:
    """A name in Unicode NFC, in which each letter is written in one way."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
