"""
Ids and fingerprints that a second run finds again.

An id made here depends on its natural key alone, so a repeated run meets its own rows instead of adding new ones.
Never feed these functions a personal value on its own: an unkeyed hash of one can be guessed.
"""

from __future__ import annotations

import hashlib
import uuid

_SEPARATOR = b"\x1f"


def sha256(*parts: str | bytes) -> bytes:
    """Return the 32-byte SHA-256 of the parts, kept apart so that ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for number, part in enumerate(parts):
        if number:
            digest.update(_SEPARATOR)
        digest.update(part.encode() if isinstance(part, str) else part)
    return digest.digest()


def stable_uuid(kind: str, *parts: str | bytes) -> uuid.UUID:
    """Return the UUID (version 8, RFC 9562) that this kind of thing with this natural key always has."""
    number = int.from_bytes(sha256(kind, *parts)[:16], "big")
    number = (number & ~(0xF << 76)) | (0x8 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=number)
