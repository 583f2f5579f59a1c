"""
Make `.venv` what the lock says, and say in one sentence why when it cannot be done.

A stamp inside tells which lock the environment holds.  It is taken away before anything is changed and written
last, so an environment without a stamp was interrupted and is made anew.  Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from plumbline.embedded.errors import NotInstalled
from plumbline.embedded.terminal import Progress, say

_TOOLS = "tools"
_STAMP = "plumbline.json"
_LOG = "bootstrap.log"
_PR_SET_PDEATHSIG = 1
_PAUSE = 0.2
# Indexes are searched together, as pip does: the hashes in the lock leave no choice which file is taken.
_SYNC = (
    "pip",
    "sync",
    "--require-hashes",
    "--no-build",
    "--compile-bytecode",
    "--index-strategy",
    "unsafe-best-match",
)
_EDITABLE = ("pip", "install", "--no-deps", "--no-build-isolation", "--offline", "--no-index", "--editable")


@dataclass(frozen=True, slots=True)
class Environment:
    """The virtual environment of one project."""

    project: Path

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.project / ".venv"

    @property
    def tools(self) -> Path:
        """Where the installer is kept."""
        return self.folder / _TOOLS

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def wanted(self, *, dev: bool) -> dict[str, str]:
        """Return what the stamp of a complete environment says."""
        locks = ["requirements.txt", *(["requirements-dev.txt"] if dev else []), "pyproject.toml"]
        stamp = {name: hashlib.sha256((self.project / name).read_bytes()).hexdigest() for name in locks}
        return {**stamp, "project": str(self.project)}

    def stamp(self) -> dict[str, str]:
        """Return what the environment holds; nothing when it is absent or was interrupted."""
        try:
            found = json.loads((self.folder / _STAMP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        # An interpreter that is gone, or was replaced by another version, takes its packages with it.
        return dict(found) if found.get("python") == str(self.python.resolve()) else {}

    def complete(self, *, dev: bool) -> bool:
        """Whether nothing has to be done."""
        return is_complete(self.stamp(), self.wanted(dev=dev))


def is_complete(stamp: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether an environment with this stamp has all that is wanted; more (the test tools) does no harm.  Pure."""
    return all(stamp.get(name) == value for name, value in wanted.items())


@contextlib.contextmanager
def alone(environment: Environment) -> Iterator[int]:
    """Let one run at a time change or remove the environment; gives the lock, which the installer's processes share."""
    import fcntl

    path = environment.folder / "lock"
    while True:
        environment.folder.mkdir(exist_ok=True)
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another command is at work on .venv: waiting for it to end.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_open_as(path, lock):
                yield lock.fileno()
                return


def _is_open_as(path: Path, file: IO[str]) -> bool:
    """Whether a file that is open is still the one at its path: `make clean` may have taken it away meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def install(
    environment: Environment, uv: Path, variables: Mapping[str, str], lock: int, *, dev: bool
) -> None:
    """
    Make the environment what the lock says.  Call it inside `alone`.

    Raises:
        NotInstalled: It could not be done; the message says why in one sentence.
    """
    held, wanted = environment.stamp(), environment.wanted(dev=dev)
    same_home = held.get("project") == wanted["project"]
    (environment.folder / _STAMP).unlink(missing_ok=True)
    if not same_home:
        _empty(environment.folder)
    tool = _Tool(uv, environment.folder / _LOG, {**_settings(environment), **variables}, lock)
    tool.log.write_bytes(b"")
    python = ["--python", str(environment.python)]
    if not same_home:
        making = [
            "venv",
            "--allow-existing",
            "--no-project",
            "--prompt",
            "plumbline",
            "--python",
            sys.executable,
        ]
        tool.run("make the environment", [*making, str(environment.folder)])
    file = environment.project / ("requirements-dev.txt" if dev else "requirements.txt")
    tool.run("install the locked packages", [*_SYNC, *python, str(file)])
    tool.run("install the project itself", [*_EDITABLE, str(environment.project), *python], offline=True)
    draft = environment.folder / f"{_STAMP}.new"
    made = {**wanted, "python": str(environment.python.resolve())}
    draft.write_text(json.dumps(made, indent=1), encoding="utf-8")
    draft.rename(environment.folder / _STAMP)


@dataclass(frozen=True, slots=True)
class _Tool:
    uv: Path
    log: Path
    variables: Mapping[str, str]
    lock: int

    def run(self, stage: str, arguments: Sequence[str], *, offline: bool = False) -> None:
        inherited = {name: value for name, value in os.environ.items() if not _misleads(name)}
        environment = inherited if offline else {**inherited, **self.variables}
        with Progress(stage) as progress, self.log.open("ab") as log:
            start = log.tell()
            child = subprocess.Popen(
                [str(self.uv), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd="/",
                pass_fds=(self.lock,),
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads here
            )
            try:
                while child.poll() is None:
                    progress.show(how_far(self._said(start), _written(child.pid)))
                    time.sleep(_PAUSE)
            finally:
                child.terminate()
                child.wait()
            said = self._said(start)
            if child.returncode != 0:
                raise NotInstalled(f"{sentence(said)} (all of it: {self.log})")
            progress.done(summary(said))

    def _said(self, start: int) -> str:
        return self.log.read_bytes()[start:].decode(errors="replace")


def how_far(said: str, written: int) -> str:
    """Return how far uv has come, from what it has said and the bytes it has written.  Pure."""
    if "Installed " in said:
        return "compile them"
    if "Prepared " in said:
        return "put them in place"
    fetched = re.findall(r"^\s*Downloaded (\S+)", said, re.MULTILINE)
    megabytes = f"{written / 1e6:.0f} MB unpacked" if written else ""
    return ", ".join(filter(None, [megabytes, f"last {fetched[-1]}" if fetched else ""]))


def summary(said: str) -> str:
    """Return what uv did, for the last line of a stage.  Pure."""
    found = re.search(r"Installed (\d+) packages", said)
    return f"{found[1]} packages" if found and int(found[1]) > 1 else ""


def sentence(said: str) -> str:
    """Return one sentence for what went wrong with uv.  Pure."""
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return meaning
    lines = [line.strip(" ×│╰├─▶") for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return f"The packages could not be installed: {(errors or lines[-1:] or ['no reason given'])[0]}"


_MEANINGS = (
    (r"no space left|disk quota exceeded", "The disk is full: free about 2 GB and run this again."),
    (
        r"hash mismatch|hashes? .{0,40}do(es)? not match",
        (
            "A package that came is not the one in the lock, so nothing of it was used: "
            "ask who runs your package index."
        ),
    ),
    (
        r"certificate|UnknownIssuer|self.signed",
        (
            "The package index shows a certificate that this machine does not trust: "
            "name your certificate file in SSL_CERT_FILE and run this again."
        ),
    ),
    (
        r"\b(401|403|407)\b.{0,40}(unauthorized|forbidden|authentication)",
        "The package index refuses us: put the user and password for it into PIP_INDEX_URL or ~/.netrc.",
    ),
    (
        (
            r"dns error|connection refused|tcp connect|timed? ?out|network is unreachable|error sending request|"
            r"connection reset|failed to lookup|failed to fetch|request failed after"
        ),
        (
            "The package index does not answer: check the network, or name your index in PIP_INDEX_URL or "
            "pip.conf; then run this again, and it goes on where it stopped."
        ),
    ),
    (
        r"permission denied",
        (
            "A file could not be written because it belongs to another user: run this as the user who made "
            "the project, or `make clean` as that user first."
        ),
    ),
)


def _settings(environment: Environment) -> dict[str, str]:
    chosen = {"UV_PYTHON_DOWNLOADS": "never", "UV_COMPILE_BYTECODE_TIMEOUT": "300", "UV_SYSTEM_CERTS": "1"}
    if not _writable(cache_folder()):
        chosen["UV_CACHE_DIR"] = str(environment.tools / "cache")
    return {**chosen, **({"UV_LINK_MODE": "copy"} if not _same_disk(environment.folder) else {})}


def cache_folder() -> Path:
    """Return where uv keeps fetched packages, shared by all projects of this user."""
    named = os.environ.get("UV_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME") or "/nonexistent") / ".cache"
    return Path(named) if named else Path(base) / "uv"


def existing(path: Path) -> Path:
    """Return the nearest folder above (or at) `path` that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _writable(folder: Path) -> bool:
    return os.access(existing(folder), os.W_OK)


def _same_disk(folder: Path) -> bool:
    return existing(folder).stat().st_dev == existing(cache_folder()).stat().st_dev


def _misleads(name: str) -> bool:
    """Whether a variable of ours would lead uv or the interpreter astray."""
    return name in {
        "VIRTUAL_ENV",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONDONTWRITEBYTECODE",
        "UV_PYTHON",
        "UV_PROJECT",
    }


def _empty(folder: Path) -> None:
    """Take everything away but the installer and the lock that we hold."""
    for entry in folder.iterdir():
        if entry.name in {_TOOLS, "lock"}:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _written(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/io").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^wchar: (\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _die_with_parent() -> None:
    """Make the kernel end this process when its parent dies, however that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
