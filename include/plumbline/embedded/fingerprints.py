"""
What the parts took in at their start, so that a later start can tell what has changed since.

A part goes on with the code, packages and settings that it began with, whatever happens to the files.  Nothing here
can be read back: contents become hashes, and settings, which hold secrets, keyed ones.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from plumbline.embedded.installing import Environment

_CODE = ("include", "plugins", "dags")
_OURS = ("PLUMBLINE_", "AIRFLOW_")
_OF_TESTS = "PLUMBLINE_DATA"  # where their data sets are


def taken_in(project: Path, settings: Mapping[str, str], key: str) -> dict[str, str]:
    """Return one fingerprint for each thing that parts take in at their start; `key` keeps the settings unreadable."""
    ours = {name: value for name, value in settings.items() if name.startswith(_OURS) and name != _OF_TESTS}
    return {
        "code": _code(project),
        "packages": Environment(project).stamp().get("requirements.txt", ""),
        "Python": sys.version,
        "settings": hmac.new(
            key.encode(), json.dumps(sorted(ours.items())).encode(), hashlib.sha256
        ).hexdigest(),
    }


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of what is no longer as it was; nothing when nothing is known of before.  Pure."""
    return [name for name, mark in now.items() if before.get(name) != mark] if before else []


def _code(project: Path) -> str:
    """Hash the names and contents of our own code; what Python and editors leave beside it does not count."""
    digest = hashlib.sha256()
    for name in _CODE:
        for file in _files(project / name):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(project)}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith("~"):
                yield Path(place) / name
