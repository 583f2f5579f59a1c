"""
The identity of an answer: the key under which it is bought once and found ever after.

Everything that could change the answer is in the key, and nothing else: whose it is, what it is for, the
prompt, the model, the parameters and the minimised input.  Leave one out, and one tenant reads what another
bought, or an answer outlives the prompt that made it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from plumbline.core.hashing import sha256
from plumbline.models.errors import InputRefused


class Keys:
    """Makes the answer keys of one use with one model."""

    def __init__(
        self, tenant: str, use: str, model: str, parameters: Mapping[str, object], prompt_sha256: bytes = b""
    ) -> None:
        canonical = json.dumps(parameters, sort_keys=True, separators=(",", ":"))
        self._parts = (tenant, use, prompt_sha256.hex(), model, canonical)

    def of(self, minimised: str) -> bytes:
        """
        Return the 32-byte key of the answer to this input.

        Raises:
            InputRefused: The text is not valid Unicode, so it cannot be sent.
        """
        try:
            return sha256(*self._parts, minimised)
        except UnicodeEncodeError:
            raise InputRefused("A text that is not valid Unicode cannot be embedded.") from None


def fingerprint(keys: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of a whole request: of the keys of its inputs, in order."""
    return sha256(b"".join(keys))
