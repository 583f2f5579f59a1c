"""
End what runs, and take away what was made.

Standard library only, as the bootstrap: when `.venv` is gone, what was started from it must still be found and ended.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
from pathlib import Path

from plumbline.embedded import processes
from plumbline.embedded.installing import Environment, alone
from plumbline.embedded.services import Installation
from plumbline.embedded.terminal import Progress, listed, say

_HANDOVER_SECONDS = 90.0


def stop(installation: Installation | None = None) -> int:
    """End everything that runs; a demo that is at work is interrupted first."""
    installation = installation or Installation.here()
    if not installation.home.made():
        say("Nothing runs from here.")
        return 0
    holder = installation.home.holder()
    if holder:
        processes.send(holder, signal.SIGTERM)
        processes.wait_until(lambda: not processes.alive(holder), _HANDOVER_SECONDS)
    with installation.home.alone(), Progress("stop") as progress:
        ended = installation.down(progress.show)
        progress.done(", ".join(ended) or "nothing was running")
    return 0


def clean(installation: Installation | None = None) -> int:
    """End everything that runs, then remove the state folder and the environment."""
    installation = installation or Installation.here()
    installation.home.check_ours()
    if installation.home.made():
        stop(installation)
    environment = Environment(installation.project)
    # A bootstrap that is at work goes on with the folder that it has begun.
    at_rest = alone(environment) if environment.folder.is_dir() else contextlib.nullcontext()
    with at_rest:
        removed = [folder for folder in (installation.home.folder, environment.folder) if _removed(folder)]
    say(f"Removed {listed([*map(str, removed)])}." if removed else "There was nothing to remove.")
    return 0


def _removed(folder: Path) -> bool:
    if folder.is_symlink():
        folder.unlink()  # somebody put it elsewhere; what is there is his
        return True
    if not folder.exists():
        return False
    shutil.rmtree(folder)
    return True
