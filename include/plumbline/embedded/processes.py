"""
Which process is ours.

A process id alone is not a name: the system gives it to somebody else as soon as its bearer has died.  Together
with the moment the process was created, counted in clock ticks since this very boot, it is one.  Nothing here
ever signals a process whose whole name is not known.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAUSE = 0.02
# Places after the program's name in /proc/<pid>/stat.
_STATE, _SESSION, _CREATED = 0, 3, 19


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
    if _fields(stat)[_STATE] in "ZX":
        return None
    return Process(pid, created_in(stat), this_boot())


def created_in(stat: str) -> int:
    """Return the moment of creation, in ticks since boot, from a line of /proc/<pid>/stat.  Pure."""
    return int(_fields(stat)[_CREATED])


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


def in_session(leader: Process) -> list[Process]:
    """
    Return the living processes of the session that `leader` opened, itself included.

    The system does not give its id to anybody else while one of them lives; where it bears another process by now,
    the session is over.
    """
    bearer = identify(leader.pid)
    if bearer is not None and bearer != leader:
        return []
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = _fields((entry / "stat").read_text(encoding="utf-8", errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue
        ours = int(fields[_SESSION]) == leader.pid and int(fields[_CREATED]) >= leader.created
        if ours and (process := identify(int(entry.name))):
            found.append(process)
    return found


def listening(processes: Iterable[Process]) -> set[tuple[str, int]]:
    """Return address and port of every socket on which these processes take connections (those we may look at)."""
    import psutil

    found: set[tuple[str, int]] = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            found |= {
                (socket.laddr.ip, socket.laddr.port)
                for socket in psutil.Process(process.pid).net_connections(kind="inet")
                if socket.status == psutil.CONN_LISTEN
            }
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
    for process in ours:
        send(process, ask)
    if not all_ended(ours, patience):
        for process in ours:
            send(process, signal.SIGKILL)
        all_ended(ours, 5.0)


def all_ended(processes: Iterable[Process], seconds: float) -> bool:
    """Wait at most `seconds` for the end of these processes; return whether it came."""
    ours = list(processes)
    return wait_until(lambda: not any(map(alive, ours)), seconds)


def spawn(command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> int:
    """
    Start a program that outlives us, in a session of its own; return its process id.

    What it says is appended to `log`, which only its owner can read.
    """
    arguments = ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(folder), *command]
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(arguments[0], arguments, dict(environment), file_actions=streams, setsid=True)


def send(process: Process, number: int) -> None:
    """Send a signal to this very process; a process that is gone is left in peace."""
    if alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def _fields(stat: str) -> list[str]:
    """Return what follows the name of the program, which may itself hold spaces and brackets."""
    return stat[stat.rindex(")") + 2 :].split()
