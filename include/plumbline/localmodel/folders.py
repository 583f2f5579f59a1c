"""
A temporary folder that goes with its process, however that ends.

A killed server cannot clean up.  So every folder is held by a lock that the system takes away with
the process, and a server that starts removes the folders that nobody holds any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "plumbline-localmodel-"
HELD = "held"


class OwnFolder:
    """A new, empty folder of this process."""

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        made = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}"))
        self._lock = os.open(made / HELD, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Only now it gets the name that others look for: they never see it without its lock.
        self.path = made.rename(made.with_name(made.name.removeprefix("new-")))

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep(parent: Path) -> None:
    """Remove the folders of servers that are no more."""
    for folder in parent.glob(f"{PREFIX}*"):
        # What cannot be opened or locked is in use, or not ours.
        with contextlib.suppress(OSError):
            lock = os.open(folder / HELD, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
