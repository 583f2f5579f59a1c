"""
The keys of pseudonyms: they live outside the database, in the connection `plumbline_pseudonyms`.

Whoever has a copy of the database and not the keys can neither read a value nor try out whether one is in there.  The
first key seals and finds; the others still open and find what they sealed, so that keys can be exchanged.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from plumbline.core.connections import Connection
from plumbline.core.errors import Fatal, Misconfigured

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CONNECTION = "plumbline_pseudonyms"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SEPARATOR = b"\x1f"


class NoKeys(Fatal):
    """Something personal is to be replaced, and there is no key to do it with.  Nothing was sent."""

    def __init__(self) -> None:
        super().__init__(
            f"Personal data is to be replaced, and there is no key to do it with: set the connection {CONNECTION} "
            f"(AIRFLOW_CONN_{CONNECTION.upper()}); its password is one base64 key of 32 bytes, or several with commas "
            "between. Nothing was sent."
        )


class KeyLost(Fatal):
    """A value was sealed by a key that is not in the connection any more."""


@dataclass(frozen=True, slots=True)
class _Key:
    """One key, and the two that are made of it: to find by and to seal by."""

    key_id: bytes
    finding: bytes = field(repr=False)
    sealing: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys; the first is in use."""

    keys: tuple[_Key, ...]

    @classmethod
    def of(cls, connection: Connection | None) -> Keyring:
        """
        Return the keys of a connection.

        Raises:
            NoKeys: There is no connection.
            Misconfigured: Its password holds something that is not a base64 key of 32 bytes.
        """
        if connection is None:
            raise NoKeys
        named = [word for word in re.split(r"[\s,]+", connection.password) if word]
        if not named:
            raise NoKeys
        return cls(tuple(_made_of(_decoded(word, number)) for number, word in enumerate(named, 1)))

    @property
    def key_id(self) -> bytes:
        """The 8 bytes that name the key in use, and say nothing about it."""
        return self.keys[0].key_id

    def fingerprints(self, tenant: str, kind: str, value: str) -> tuple[bytes, ...]:
        """Return the 32-byte HMACs of a value, by the key in use first, by which it is found again."""
        told = _SEPARATOR.join(part.encode("utf-8", "surrogatepass") for part in (tenant, kind, value))
        return tuple(hmac.digest(key.finding, told, sha256) for key in self.keys)

    def seal(self, value: str, *bound: str) -> bytes:
        """Encrypt a value by the key in use; it opens only with the same `bound`, whose it is."""
        nonce = os.urandom(_NONCE_BYTES)
        told = value.encode("utf-8", "surrogatepass")
        return nonce + _cipher(self.keys[0].sealing).encrypt(nonce, told, _joined(bound))

    def unseal(self, sealed: bytes, key_id: bytes, *bound: str) -> str:
        """
        Decrypt a value.

        Raises:
            KeyLost: The key that sealed it is not here, or the value was not sealed as this.
        """
        from cryptography.exceptions import InvalidTag

        key = next((key for key in self.keys if key.key_id == key_id), None)
        if key is None:
            raise KeyLost(
                f"A value was sealed by the key {key_id.hex()}, which is not in the connection {CONNECTION}: put it "
                "back behind the key in use."
            )
        nonce, told = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            opened = _cipher(key.sealing).decrypt(nonce, told, _joined(bound))
        except InvalidTag:
            raise KeyLost(
                f"A value that the key {key_id.hex()} should open is not as it was sealed."
            ) from None
        return opened.decode("utf-8", "surrogatepass")


@cache
def _cipher(key: bytes) -> AESGCM:
    """The cipher of a key; to set one up costs more than a value."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _decoded(word: str, number: int) -> bytes:
    plain = word.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise Misconfigured(
            f"Key {number} of the connection {CONNECTION} is not {_KEY_BYTES} bytes in base64: make one by "
            "head -c 32 /dev/urandom | base64"
        )
    return key


def _made_of(key: bytes) -> _Key:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    def derived(purpose: bytes, length: int) -> bytes:
        return HKDF(SHA256(), length, None, b"plumbline pseudonyms " + purpose).derive(key)

    return _Key(derived(b"id", 8), derived(b"find", 32), derived(b"seal", 32))


def _joined(bound: tuple[str, ...]) -> bytes:
    return _SEPARATOR.join(part.encode() for part in bound)
