"""
Where the embedded form keeps its state: one folder, `.plumbline` in the project unless PLUMBLINE_HOME says otherwise.

Everything in it is made by us and goes with `make clean`.  What only its owner may read is made so from the start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.core.settings import PROJECT_ROOT
from plumbline.embedded import processes
from plumbline.embedded.errors import EmbeddedError, NotPossibleHere
from plumbline.embedded.secretfiles import Secrets

_DEFAULT = PROJECT_ROOT / ".plumbline"


class Busy(EmbeddedError):
    """Another `make demo` is at work here."""


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder and the places in it."""

    folder: Path

    @property
    def secrets(self) -> Secrets:
        """Passwords and keys."""
        return Secrets(self.folder / "secrets")

    @property
    def logs(self) -> Path:
        """One log for each part."""
        return self.folder / "logs"

    @property
    def records(self) -> Path:
        """Which processes are ours."""
        return self.folder / "run"

    @property
    def postgres(self) -> Path:
        """The database server's folder."""
        return self.folder / "postgres"

    @property
    def airflow(self) -> Path:
        """Airflow's own folder, logs of tasks included."""
        return self.folder / "airflow"

    @property
    def ports_file(self) -> Path:
        """The ports that were chosen."""
        return self.folder / "ports.json"

    @property
    def env_file(self) -> Path:
        """The settings of the embedded form, read by every process of the project."""
        return self.folder / "embedded.env"

    @property
    def summary_file(self) -> Path:
        """The summary of the last demo."""
        return self.folder / "demo.json"

    def made(self) -> bool:
        """Whether it was ever in use."""
        return self.records.is_dir()

    def check_ours(self) -> None:
        """
        Make sure that the folder may be filled, and removed, by us.

        Raises:
            NotPossibleHere: It holds what is not ours, or belongs to somebody else.
        """
        if not self.folder.exists():
            return
        self._check_owner()
        if self.folder != _DEFAULT and not self.made() and any(self.folder.iterdir()):
            raise NotPossibleHere(
                f"{self.folder}, which PLUMBLINE_HOME names, is no state folder of ours and is not empty: it is left "
                "alone; name a new folder."
            )

    def make(self) -> None:
        """Make the folders that are not there.

        Raises:
            NotPossibleHere: They belong to somebody else.
        """
        self.check_ours()
        for folder in (self.folder, self.logs, self.records, self.airflow):
            folder.mkdir(parents=True, exist_ok=True)
        for private in (self.logs, self.records, self.airflow):
            private.chmod(0o700)

    def _check_owner(self) -> None:
        """Two users, root among them, cannot share the folder: one could not write what the other made."""
        owner = self.folder.stat().st_uid
        if owner != os.geteuid():
            try:
                name = pwd.getpwuid(owner).pw_name
            except KeyError:
                name = f"user {owner}"
            raise NotPossibleHere(
                f"{self.folder} was made by {name}: run this as {name}, or let {name} remove it with `make clean`."
            )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """
        Let one run at a time change what runs here.

        Raises:
            Busy: Another one is at it.
        """
        self.make()
        with (self.records / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(
                    "Another `make demo` or `make down` is at work here: wait for it to end."
                ) from None
            lock.truncate(0)
            me = processes.identify(os.getpid())
            lock.write(json.dumps({"pid": me.pid, "created": me.created, "boot": me.boot} if me else {}))
            lock.flush()
            yield

    def holder(self) -> processes.Process | None:
        """Return the process that is changing what runs here, None when there is none."""
        found = read_json(self.records / "lock")
        try:
            process = processes.Process(found["pid"], found["created"], found["boot"])
        except KeyError:
            return None
        return process if processes.alive(process) else None


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, an empty one when it is absent or unreadable."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that it is seen whole or not at all, and with this mode from its first moment."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(mode)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
