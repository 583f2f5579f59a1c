"""
Which process is ours.

A process id alone is not a name: the system gives it to somebody else as soon as its bearer has died.  Together
with the moment the process was created, counted in clock ticks since this very boot, it is one.  Nothing here
ever signals a process whose whole name is not known.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its whole name: id, creation in ticks since boot, and which boot."""

    pid: int
    created: int
    boot: str


def this_boot() -> str:
    """Return the identity of the running boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> Process | None:
    """Return the whole name of the living process `pid`, or None when there is none (a zombie is not living)."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat[stat.rindex(")") + 2 :].split()
    if state in "ZX":
        return None
    return Process(pid, int(rest[18]), this_boot())


def alive(process: Process) -> bool:
    """Whether this very process still lives."""
    return identify(process.pid) == process


def command_of(pid: int) -> list[str]:
    """Return the command line of a process, empty when it is gone."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [part.decode(errors="surrogateescape") for part in raw.split(b"\0")[:-1]]


def working_in(folder: Path) -> list[Process]:
    """Return the living processes whose working directory is exactly `folder` (those we may look at)."""
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            here = (entry / "cwd").readlink() == folder
        except OSError:
            continue
        if here and (process := identify(int(entry.name))):
            found.append(process)
    return found


def descendants(of: Iterable[int]) -> list[Process]:
    """Return the living processes below these process ids, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (parent := _parent(int(entry.name))) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, ahead = [], list(of)
    while ahead:
        below = children.get(ahead.pop(0), [])
        ahead += below
        found += [process for pid in below if (process := identify(pid))]
    return found


def wait_until(fact: Callable[[], bool], seconds: float) -> bool:
    """Wait at most `seconds` for the fact; return whether it came true."""
    limit = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > limit:
            return False
        time.sleep(_PAUSE)
    return True


def end(processes: Iterable[Process], patience: float = 10.0, ask: int = signal.SIGTERM) -> None:
    """Ask these processes to end with the signal `ask`; after `patience` seconds, end them."""
    ours = list(processes)
    for step, seconds in ((ask, patience), (signal.SIGKILL, 5.0)):
        for process in ours:
            send(process, step)
        if wait_until(lambda: not any(_still_there(process) for process in ours), seconds):
            return


def send(process: Process, number: int) -> None:
    """Send a signal to this very process; a process that is gone is left in peace."""
    if alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def _still_there(process: Process) -> bool:
    _reap(process.pid)
    return alive(process)


def _reap(pid: int) -> None:
    """Take note of the end of a child of ours, so that it does not stay behind as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _parent(pid: int) -> int | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat[stat.rindex(")") + 2 :].split()[1])
