"""
Look at every part of the embedded form and say what to do about what is wrong.

Each check answers for one part in one sentence, and never raises: what cannot be looked at is a finding, too.  A
check that needs a part which is down is left out, because its remedy would be the same.  To add a check, write a
function from `Subject` to findings and name it in `CHECKS`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from plumbline.core.settings import PROJECT_ROOT, Settings
from plumbline.embedded import bootstrap, processes
from plumbline.embedded.airflow_api import AirflowRefused, AirflowSilent
from plumbline.embedded.airflow_parts import COMPONENTS
from plumbline.embedded.installing import Environment
from plumbline.embedded.parts import last_telling_line
from plumbline.embedded.services import Installation, answers, unhealthy_components

_LEAST_MEGABYTES = 500
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_START = "Run `make demo`: it starts what does not run."


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one part; `remedy` says what to do, and is empty when all is well."""

    part: str
    ok: bool
    message: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for a program to read."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined."""

    settings: Settings
    installation: Installation

    @property
    def embedded(self) -> bool:
        """Whether the embedded form was ever started here; deployed, its parts are no fault when absent."""
        return (
            self.installation.home.env_file.exists()
            or "AIRFLOW_CONN_PLUMBLINE_DB" not in self.settings.values
        )


Check = Callable[[Subject], Iterator[Finding]]


def examine(settings: Settings) -> list[Finding]:
    """Return what every check finds, in the order of `CHECKS`."""
    subject = Subject(settings, Installation.here(settings))
    checks = [*COMMON, *(EMBEDDED if subject.embedded else ())]
    return [finding for check in checks for finding in _guarded(check, subject)]


def _guarded(check: Check, subject: Subject) -> list[Finding]:
    try:
        return list(check(subject))
    except Exception as error:  # noqa: BLE001 - a check that breaks down is itself a finding
        part = check.__name__.removeprefix("check_").replace("_", " ")
        return [Finding(part, ok=False, message=f"it could not be looked at: {_words(error)}", remedy=_START)]


def check_python(_: Subject) -> Iterator[Finding]:
    """The interpreter is one that the lock was made for."""
    version = ".".join(map(str, sys.version_info[:3]))
    trouble = bootstrap.unsuitable_python(sys.version_info[:2], sys.implementation.name)
    yield Finding("python", ok=not trouble, message=f"Python {version}", remedy=trouble or "")


def check_environment(_: Subject) -> Iterator[Finding]:
    """The environment holds what the lock says."""
    complete = Environment(PROJECT_ROOT).complete(dev=False)
    message = "holds the locked packages" if complete else "is not what requirements.txt says"
    yield Finding(
        ".venv", ok=complete, message=message, remedy="" if complete else "Run `make demo`: it mends .venv."
    )


def check_disk(subject: Subject) -> Iterator[Finding]:
    """There is room to write."""
    folder = next(
        place for place in (subject.settings.home, *subject.settings.home.parents) if place.exists()
    )
    free = shutil.disk_usage(folder).free // 10**6
    yield Finding(
        "disk", ok=free >= _LEAST_MEGABYTES, message=f"{free:,} MB free at {folder}",
        remedy="" if free >= _LEAST_MEGABYTES else "Make room: Postgres stops when it cannot write.",
    )  # fmt: skip


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """Nobody but the owner can read what is secret."""
    home = subject.installation.home
    places = [home.secrets.folder, *home.secrets.folder.glob("*"), home.env_file]
    open_to_others = [place for place in places if place.exists() and place.stat().st_mode & 0o077]
    names = " ".join(map(str, open_to_others))
    yield Finding(
        "secrets", ok=not open_to_others, message=f"others can read {names}" if names else "only you can read them",
        remedy=f"chmod go= {names}" if names else "",
    )  # fmt: skip


def check_postgres(subject: Subject) -> Iterator[Finding]:
    """The database server takes connections."""
    server = subject.installation.server
    running = server.running()
    message = f"answers on 127.0.0.1:{server.port}" if running else "does not run"
    yield Finding("postgres", ok=running, message=message, remedy="" if running else _START)


def check_database(subject: Subject) -> Iterator[Finding]:
    """Our database can be reached with the connection in force, and holds every migration and partition."""
    from psycopg.conninfo import make_conninfo

    from plumbline.core import db
    from plumbline.core.migrations import pending

    connection = subject.settings.connection("plumbline_db")
    if connection is None:
        yield Finding("database", ok=False, message="no connection plumbline_db is set", remedy=_START)
        return
    place = f"{connection.login} at {connection.host}:{connection.port}/{connection.schema}"
    database = db.Database.of(connection)
    try:
        with database.transaction(None) as session:
            missing = pending(make_conninfo(session.info.dsn, password=connection.password))
            months = None if missing else db.value(session, "core/select_months_ahead")
    except db.DatabaseUnreachable as error:
        yield Finding("database", ok=False, message=_words(error), remedy=_START)
        return
    finally:
        database.close()
    state = f"lacks {', '.join(missing)}" if missing else "has every migration"
    yield Finding(
        "database",
        ok=not missing,
        message=f"{place} {state}",
        remedy="Run `plumbline migrate`." if missing else "",
    )
    if months is not None:
        yield _partitions(months)


def _partitions(months: int) -> Finding:
    remedy = "Run `plumbline migrate`: it makes the partitions of the next twelve months."
    return Finding(
        "partitions",
        ok=months >= 1,
        message=f"made for {months} months ahead",
        remedy="" if months >= 1 else remedy,
    )


def check_model(subject: Subject) -> Iterator[Finding]:
    """The embedded model server answers."""
    address = subject.installation.model_url
    up = answers(f"{address}/healthz")
    live = subject.settings.connection("plumbline_openai") is not None
    role = "not in use: the connection plumbline_openai is set" if live else "in use, no key is set"
    message = f"answers at {address} ({role})" if up else "does not answer"
    yield Finding("model server", ok=up, message=message, remedy="" if up else _START)


def check_airflow(subject: Subject) -> Iterator[Finding]:
    """Every component of Airflow is alive, and every DAG file can be read."""
    installation = subject.installation
    try:
        health = installation.api.health()
    except (AirflowSilent, AirflowRefused):
        yield Finding(
            "airflow", ok=False, message=f"does not answer at {installation.airflow_url}", remedy=_START
        )
        return
    ill = unhealthy_components(health, _LONG_AGO, ())
    for part in installation.parts:
        if part.name in COMPONENTS:
            well = part.name not in ill and part.running()
            message = "healthy" if well else f"not healthy; the last line of {part.log}: {part.last_line()}"
            yield Finding(f"airflow {part.name}", ok=well, message=message, remedy="" if well else _START)
    errors = installation.api.import_errors()
    for file, trace in errors.items():
        yield Finding(
            "dags",
            ok=False,
            message=f"{file} cannot be read: {last_telling_line(trace)}",
            remedy="Mend the file.",
        )
    if not errors:
        names = ", ".join(dag["dag_id"] for dag in installation.api.dags())
        yield Finding("dags", ok=bool(names), message=names or "none found", remedy="" if names else _START)


def check_loopback(subject: Subject) -> Iterator[Finding]:
    """Nothing of ours listens on an address that others can reach."""
    import psutil

    ours = {process.pid for part in subject.installation.parts for process in part.members()}
    ours |= {process.pid for process in processes.working_in(subject.installation.server.data)}
    exposed = set()
    for pid in ours:
        try:
            sockets = psutil.Process(pid).net_connections(kind="inet")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        exposed |= {
            f"{socket.laddr.ip}:{socket.laddr.port}" for socket in sockets
            if socket.status == psutil.CONN_LISTEN and not socket.laddr.ip.startswith("127.")
        }  # fmt: skip
    names = ", ".join(sorted(exposed))
    yield Finding(
        "network", ok=not exposed, message=f"listens on {names}" if exposed else "listens on 127.0.0.1 only",
        remedy="Run `make down`, and report this as a fault of Plumbline." if exposed else "",
    )  # fmt: skip


def _words(error: BaseException) -> str:
    return last_telling_line(str(error)) if str(error) else type(error).__name__


COMMON: tuple[Check, ...] = (check_python, check_disk, check_secrets, check_database)
"""Checks for every form."""

EMBEDDED: tuple[Check, ...] = (check_environment, check_postgres, check_model, check_airflow, check_loopback)
"""Checks for the embedded form alone."""
