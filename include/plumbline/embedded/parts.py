"""
Processes that outlive the command which started them, and are found again by any later one.

Each part leads a session of its own, and writes down its own whole name (see `processes`) before it becomes the
program that it is to run: whatever kills the starter, no part goes unrecorded.  Ending a part ends its session, and
so the workers that it left behind; a stranger that came by the same process id is never touched.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.embedded import processes
from plumbline.embedded.errors import PartFailed
from plumbline.embedded.home import Home
from plumbline.embedded.processes import Process

# The shell keeps its id and moment of birth when it becomes the program.
_LAUNCH = (
    'cat /proc/$$/stat /proc/sys/kernel/random/boot_id > "$1.new" && mv "$1.new" "$1" && shift && exec "$@"'
)
_LOG_LIMIT = 20 * 2**20
_RECORDED_SECONDS = 10.0
_MOMENT = 1.0


@dataclass(frozen=True, slots=True)
class Started:
    """A part that was started by this very process, and where in its log this run begins."""

    pid: int
    log_begins: int

    def wait(self) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the embedded form, by name."""

    home: Home
    name: str

    @property
    def log(self) -> Path:
        """What it says."""
        return self.home.logs / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """Which process it is."""
        return self.home.records / f"{self.name}.process"

    def process(self) -> Process | None:
        """Return the process that was recorded, whether or not it lives; None when there is none."""
        try:
            return read_record(self.record.read_text(encoding="utf-8"))
        except OSError:
            return None

    def running(self) -> bool:
        """Whether it lives."""
        process = self.process()
        return process is not None and processes.alive(process)

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Started:
        """
        Start it in a session of its own.

        Raises:
            PartFailed: The program could not be started at all.
        """
        self.record.unlink(missing_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        begins = self.log.stat().st_size if self.log.exists() else 0
        recording = ["/bin/sh", "-c", _LAUNCH, "sh", str(self.record), *command]
        pid = processes.spawn(recording, environment, self.log, folder)
        processes.wait_until(
            lambda: self.record.exists() or processes.identify(pid) is None, _RECORDED_SECONDS
        )
        if not self.record.exists():
            raise self.failed(begins)
        return Started(pid, begins)

    def failed(self, begins: int = 0) -> PartFailed:
        """Return the error that says that it is dead, with the last line of its log."""
        return PartFailed(
            f"{self.name} is not running; the last line of {self.log}: {self.last_line(begins)}"
        )

    def said(self, begins: int = 0) -> str:
        """Return its log from a position on."""
        try:
            with self.log.open("rb") as file:
                file.seek(begins)
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def last_line(self, begins: int = 0) -> str:
        """Return the last line of its log that says something."""
        return last_telling_line(self.said(begins))

    def members(self) -> list[Process]:
        """Return the living processes of its session: itself and whatever it started, parents dead or not."""
        process = self.process()
        if process is None or process.boot != processes.this_boot():
            return []
        return processes.in_session(process)

    def listening(self) -> set[tuple[str, int]]:
        """Return address and port of every socket on which it or its workers take connections."""
        return processes.listening(self.members())


def end_parts(parts: Iterable[Part], patience: float, hasty: Collection[str] = ()) -> None:
    """
    End these parts together: ask their leaders, then the rest of their sessions, then make sure.

    Those named in `hasty` have a moment only.
    """
    recorded = [part for part in parts if part.process() is not None]
    members = {process for part in recorded for process in part.members()}
    leaders = {part.name: process for part in recorded if (process := part.process())}
    for process in leaders.values():
        processes.send(process, signal.SIGTERM)
    if not processes.all_ended(leaders.values(), _MOMENT):
        for part in recorded:
            if part.name in hasty:
                processes.end(part.members(), 0, ask=signal.SIGKILL)
        processes.all_ended(leaders.values(), patience)
    members |= {process for part in recorded for process in part.members()}
    processes.end(members, _MOMENT)
    for part in recorded:
        part.record.unlink(missing_ok=True)


def read_record(text: str) -> Process | None:
    """Return the process that a record names: a line of /proc/<pid>/stat and the boot.  Pure."""
    stat, _, boot = text.partition("\n")
    try:
        return Process(int(stat.split(maxsplit=1)[0]), processes.created_in(stat), boot.strip())
    except (ValueError, IndexError):
        return None


def last_telling_line(text: str) -> str:
    """Return the last line that says something, shortened; Python's own frame lines say nothing.  Pure."""
    lines = [line.strip() for line in text.splitlines() if any(map(str.isalnum, line))]
    return lines[-1][:300] if lines else "it is empty"
