"""
Make the environment that everything else runs in, from nothing but a Python.

Runs on the system's python3 (3.11 to 3.13) with its standard library alone: neither pip nor venv nor ensurepip is
needed.  Says first how much it will download and what will happen.  Does nothing when the environment already
holds what the lock says.  Interrupted at any point, the next run goes on or begins anew; nothing half-made is used.

    python3 -m plumbline.embedded.bootstrap demo [--documents FOLDER] | test | lock [--upgrade]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from plumbline.embedded.installing import Environment
    from plumbline.embedded.packages import Source

PROJECT = Path(__file__).resolve().parents[3]
_OLDEST, _NEWEST = (3, 11), (3, 13)
_GLIBC = (2, 28)
_INTERRUPTED = 130
_PURPOSES = ("demo", "test", "lock")


def main(arguments: list[str] | None = None) -> int:
    """Prepare the environment for one purpose; return 0, or 1 after saying in one sentence what is in the way."""
    options = _options(arguments)
    trouble = unsuitable_python(sys.version_info[:2], sys.implementation.name)
    trouble = trouble or unsuitable_machine(platform.system(), platform.machine(), _c_library())
    if trouble:
        print(trouble, file=sys.stderr)
        return 1
    # Only now, because these need the Python that was just made sure of.
    from plumbline.core.errors import PlumblineError
    from plumbline.embedded.errors import EmbeddedError
    from plumbline.embedded.terminal import say

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.purpose == "lock":
            _lock(upgrade=options.upgrade)
        else:
            _prepare(options.purpose, options.documents)
    except (EmbeddedError, PlumblineError) as error:
        say(str(error), sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("Interrupted; run it again to go on.", sys.stderr)
        return _INTERRUPTED
    except OSError as error:
        reason = f"{error.strerror} ({error.filename or PROJECT})"
        say(f"The environment could not be made: {reason}.", sys.stderr)
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m plumbline.embedded.bootstrap")
    parser.add_argument("purpose", choices=_PURPOSES)
    parser.add_argument("--documents", metavar="FOLDER", help="the folder that the demo will read")
    parser.add_argument("--upgrade", action="store_true", help="lock the newest versions")
    return parser.parse_args(arguments)


def unsuitable_python(version: tuple[int, ...], implementation: str) -> str | None:
    """Return in one sentence why this Python will not do, None when it will.  Pure."""
    if _OLDEST <= tuple(version) <= _NEWEST and implementation == "cpython":
        return None
    kind = "Python" if implementation == "cpython" else implementation
    return (
        f"Plumbline needs Python 3.11, 3.12 or 3.13, and this is {kind} {'.'.join(map(str, version))}: install one "
        "of those and run this again, or name it with `make PYTHON=/path/to/python3.12 …`."
    )


def unsuitable_machine(system: str, machine: str, glibc: tuple[int, ...] | None) -> str | None:
    """Return in one sentence why this machine will not do, None when it will.  Pure."""
    if system != "Linux" or machine not in {"x86_64", "AMD64"}:
        return f"The embedded form runs on Linux on x86-64 only, and this is {system} on {machine}."
    if glibc is None or glibc < _GLIBC:
        found = "another C library" if glibc is None else f"glibc {'.'.join(map(str, glibc))}"
        return f"The embedded form needs glibc 2.28 or newer (Debian 10, Ubuntu 20.04), and this system has {found}."
    return None


def announcement(
    purpose: str,
    project: Path,
    megabytes: int,
    source: str,
    provider: str | None = None,
    home: str = ".plumbline",
) -> str:
    """Return what is said first: how much will be downloaded and what will happen.  Pure."""
    fetch = f"download at most {megabytes} MB of packages from {source} into .venv" if megabytes else ""
    lines = [fetch or "nothing to download: .venv already holds the locked packages"]
    if purpose == "demo":
        lines += [
            f"start PostgreSQL, the embedded model server and Airflow, on 127.0.0.1 only, with their data in {home}",
            "turn documents into a searchable knowledge base, and show what came of it",
        ]
    else:
        lines.append("run the tests on real parts of their own, which are gone afterwards")
    steps = "".join(f"  {number}. {line}\n" for number, line in enumerate(lines, 1))
    closing = ""
    if purpose == "demo":
        who = (
            f"The connection plumbline_openai is set: the model at {provider} answers, now and every hour, and is paid."
            if provider
            else "No key, no account, no root."
        )
        closing = f"{who} `make down` stops it, `make clean` removes it.\n"
    return f"Plumbline, in {project}:\n{steps}{closing}"


def sizes_in(lock: str) -> tuple[int, int]:
    """Return the megabytes to download and to install that the head of a lock declares.  Pure."""
    found = re.search(r"^# size: (\d+) MB to download, (\d+) MB installed", lock, re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def room_message(needed: int, free: int, folder: Path) -> str | None:
    """Return one sentence when `free` megabytes are less than `needed`.  Pure."""
    if free >= needed:
        return None
    return f"Not enough room: {needed} MB are needed and {folder} has {free} MB free; make room and run this again."


def provider_name(host: str) -> str:
    """Return the bare name in the host of a connection: an address may hold what nobody should read.  Pure."""
    found = urlsplit(host if "://" in host else f"//{host}")
    return found.hostname or "api.openai.com"


def _prepare(purpose: str, documents: str | None) -> None:
    from plumbline.core.settings import Settings
    from plumbline.embedded import fetching, installing
    from plumbline.embedded.documents import documents_folder
    from plumbline.embedded.packages import configured_source
    from plumbline.embedded.terminal import say

    if documents is not None:
        documents_folder(documents, PROJECT)
    dev = purpose == "test"
    environment = installing.Environment(PROJECT)
    complete = environment.complete(dev=dev)
    source = configured_source()
    lock = (PROJECT / ("requirements-dev.txt" if dev else "requirements.txt")).read_text(encoding="utf-8")
    download, installed = sizes_in(lock)
    megabytes = 0 if complete else download + fetching.WHEEL_MEGABYTES
    settings = Settings.load(project=PROJECT)
    connection = settings.connection("plumbline_openai")
    provider = provider_name(connection.host) if connection else None
    home = (
        os.path.relpath(settings.home, PROJECT)
        if settings.home.is_relative_to(PROJECT)
        else str(settings.home)
    )
    say(announcement(purpose, PROJECT, megabytes, source.name, provider, home))
    if complete:
        return
    _check_room(environment, download, installed)
    with installing.alone(environment) as held:
        if environment.complete(dev=dev):
            return
        uv = fetching.fetch_uv(environment.tools, source)
        installing.install(environment, uv, source.environment(), held, dev=dev)


def _check_room(environment: Environment, download: int, installed: int) -> None:
    from plumbline.embedded.errors import NotInstalled
    from plumbline.embedded.installing import cache_folder, existing

    if environment.stamp():
        return  # most of it is there already
    home, cache = existing(environment.folder), existing(cache_folder())
    apart = home.stat().st_dev != cache.stat().st_dev
    needed = {home: installed + (0 if apart else download)} | ({cache: installed} if apart else {})
    for folder, megabytes in needed.items():
        free = shutil.disk_usage(folder).free // 10**6
        if message := room_message(megabytes, free, folder):
            raise NotInstalled(message)


def _lock(*, upgrade: bool) -> None:
    from plumbline.embedded import fetching, installing
    from plumbline.embedded.locking import write_locks
    from plumbline.embedded.packages import configured_source

    source: Source = configured_source()
    environment = installing.Environment(PROJECT)
    with installing.alone(environment):
        uv = fetching.fetch_uv(environment.tools, source)
        write_locks(uv, PROJECT, source.alone().environment(), upgrade=upgrade)


def _c_library() -> tuple[int, ...] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return None
    return tuple(int(part) for part in version.split(".")[:2]) if name == "glibc" else None


if __name__ == "__main__":
    sys.exit(main())
