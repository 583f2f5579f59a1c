"""
Write the locks: every package with its version and hashes, one file for Python 3.11 to 3.13.

The head of each lock says how large it is, so that the bootstrap can say it before it downloads.  No address of a
package index goes into a lock; where packages come from is a matter of the machine.  Standard library only.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plumbline.embedded.errors import NotInstalled
from plumbline.embedded.installing import sentence

_PLATFORM = "x86_64-manylinux_2_28"
_PYTHONS = ("3.11", "3.12", "3.13")
_GROWTH = 5  # an installed environment, bytecode included, over the size of its wheels
_HEAD = "# size: {download} MB to download, {installed} MB installed (Linux x86-64)\n"


def write_locks(uv: Path, project: Path, variables: Mapping[str, str], *, upgrade: bool) -> None:
    """
    Write requirements.txt and requirements-dev.txt from their `.in` files.

    Versions that are locked stay as they are unless `upgrade` is set or an `.in` file excludes them.

    Raises:
        NotInstalled: There is no set of versions that fits, or the index does not answer.
    """
    for name in ("requirements", "requirements-dev"):
        print(f"lock {name}.txt", flush=True)
        locking = ["--universal", "--python-version", _PYTHONS[0], "--generate-hashes"]
        locking += [
            "--annotation-style",
            "line",
            "--custom-compile-command",
            "make lock",
            *(["--upgrade"] if upgrade else []),
        ]
        _compile(uv, project, variables, [*locking, f"{name}.in", "-o", f"{name}.txt"])
        download = max(_wheel_bytes(uv, project, variables, f"{name}.txt", python) for python in _PYTHONS)
        megabytes = math.ceil(download / 10**6)
        lock = project / f"{name}.txt"
        lock.write_text(with_size(lock.read_text(encoding="utf-8"), megabytes), encoding="utf-8")


def with_size(lock: str, megabytes: int) -> str:
    """Return the lock with its size at its head, in place of an older one.  Pure."""
    lines = [line for line in lock.splitlines(keepends=True) if not line.startswith("# size: ")]
    return _HEAD.format(download=megabytes, installed=megabytes * _GROWTH) + "".join(lines)


def wheel_bytes(pylock: Mapping[str, Any]) -> int:
    """Return the bytes of the wheels that one Python would install, the smallest where it has a choice.  Pure."""
    return sum(min(wheel["size"] for wheel in package["wheels"]) for package in pylock["packages"])


def _wheel_bytes(uv: Path, project: Path, variables: Mapping[str, str], lock: str, python: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pylock.toml"
        measuring = ["--no-config", "--format", "pylock.toml", "--no-build", "--no-deps", "--generate-hashes"]
        measuring += ["--python-version", python, "--python-platform", _PLATFORM]
        _compile(uv, project, variables, [*measuring, lock, "-o", str(target)])
        return wheel_bytes(tomllib.loads(target.read_text(encoding="utf-8")))


def _compile(uv: Path, project: Path, variables: Mapping[str, str], arguments: list[str]) -> None:
    command = [
        str(uv),
        "pip",
        "compile",
        "--quiet",
        "--no-python-downloads",
        "--python",
        sys.executable,
        *arguments,
    ]
    # No further index or folder of this machine may leave its files in a lock for everybody.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "VIRTUAL_ENV"))}
    environment = {**ours, "UV_SYSTEM_CERTS": "1", **variables}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stderr)  # which versions exclude each other takes more than a sentence
        raise NotInstalled(sentence(done.stderr))
