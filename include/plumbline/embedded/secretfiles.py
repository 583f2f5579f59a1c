"""
Secrets of the embedded form: each made once at random, in a file of its own that only its owner can read.

A secret is never replaced while its file exists: a new password for an old database would lock everybody out.
"""

from __future__ import annotations

import base64
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Secrets:
    """A folder of secrets, mode 0700, one file of mode 0600 each."""

    folder: Path

    def value(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """Return the secret called `name`; the first call anywhere makes it, all others read it."""
        path = self.path(name)
        if not path.exists():
            self._keep(path, make())
        return path.read_text(encoding="utf-8").strip()

    def path(self, name: str) -> Path:
        """Return where the secret called `name` is kept."""
        return self.folder / name

    def _keep(self, path: Path, value: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        handle, draft = tempfile.mkstemp(dir=self.folder)  # mkstemp makes files of mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(value + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)  # unlike a rename, never replaces the secret of somebody quicker
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()


def random_key() -> str:
    """Return 32 random bytes in base64, as a key of pseudonyms is written."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
