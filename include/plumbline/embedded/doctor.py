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

from plumbline.core.errors import Misconfigured
from plumbline.core.settings import PROJECT_ROOT, Settings
from plumbline.embedded import bootstrap, outcome, processes
from plumbline.embedded.airflow_api import AirflowRefused, AirflowSilent
from plumbline.embedded.airflow_parts import API_SERVER, COMPONENTS
from plumbline.embedded.installing import Environment
from plumbline.embedded.overrides import sentence
from plumbline.embedded.parts import last_telling_line
from plumbline.embedded.services import MODEL, Installation
from plumbline.embedded.starting import answers, unhealthy_components

_LEAST_MEGABYTES = 500
_MEND = "Mend it in .env or your shell."
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_DATABASE = "AIRFLOW_CONN_PLUMBLINE_DB"
_START = "Run `make demo`: it starts what does not run."


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one part; `remedy` says what to do about a fault or, when `ok`, about a surprise."""

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
        return self.installation.home.env_file.exists() or _DATABASE not in self.settings.values


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
        remedy = _MEND if isinstance(error, Misconfigured) else _START
        return [Finding(part, ok=False, message=f"it could not be looked at: {_words(error)}", remedy=remedy)]


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
        reason = str(error.__cause__ or error).partition("\n")[0].rpartition(": ")[-1].strip()
        message = f"{place} cannot be reached: {reason}"
        yield Finding("database", ok=False, message=message, remedy=_reach(subject))
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


def check_indexes(subject: Subject) -> Iterator[Finding]:
    """No index is left in the making without anybody knowing: nothing but a person completes or drops it."""
    from psycopg.errors import UndefinedFunction

    from plumbline.core import db
    from plumbline.corpus.versions import what_to_do

    connection = subject.settings.connection("plumbline_db")
    if connection is None:
        return
    database = db.Database.of(connection)
    try:
        with database.transaction(subject.settings.tenant) as session:
            versions = db.rows(session, "corpus/select_index_versions")
    except (db.DatabaseUnreachable, UndefinedFunction):
        return  # the check of the database says so
    finally:
        database.close()
    for version in versions:
        if version["state"] == "building":
            named = f"{version['model']}, {version['dimensions']} dimensions"
            count = f"{version['vectors']:,} of {version['chunks']:,} chunks"
            since = f"{version['created_at']:%Y-%m-%d %H:%M} UTC"
            yield Finding(
                f"index {version['index_id']}",
                ok=True,
                message=f"{named}: in the making since {since}, {count}",
                remedy=what_to_do(version),
            )


def check_breakers(subject: Subject) -> Iterator[Finding]:
    """No provider is left alone because it fails all workers."""
    from psycopg.errors import UndefinedTable

    from plumbline.core import db
    from plumbline.models import list_failing

    connection = subject.settings.connection("plumbline_db")
    if connection is None:
        return
    database = db.Database.of(connection)
    try:
        failing = list_failing(database)
    except (db.DatabaseUnreachable, UndefinedTable):
        return  # the check of the database says so
    finally:
        database.close()
    for one in failing:
        if one.opened_at:
            remedy = (
                "Look at the provider's status page; `plumbline calls breaker --reset` sends calls at once."
            )
            yield Finding(f"model {one.model}", ok=False, message=one.sentence, remedy=remedy)


def _reach(subject: Subject) -> str:
    """What to do about a database that cannot be reached: it depends on who named it."""
    if subject.embedded and _DATABASE not in subject.installation.overridden():
        return _START
    return f"Start that server, or mend {_DATABASE} in .env or your shell."


def _partitions(months: int) -> Finding:
    from plumbline.core.partitions import LEAST_MONTHS_AHEAD

    enough = months >= LEAST_MONTHS_AHEAD
    return Finding(
        "partitions", ok=enough, message=f"made for {months} months ahead",
        remedy="" if enough else "Run `plumbline migrate`: it makes those of the next twelve months.",
    )  # fmt: skip


def check_provider(subject: Subject) -> Iterator[Finding]:
    """The connection that goes live says something possible; that it works is proved by a paid call alone."""
    try:
        label = outcome.provider(subject.settings)
    except Misconfigured as error:
        yield Finding("provider", ok=False, message=_words(error), remedy=_MEND)
        return
    yield Finding("provider", ok=True, message=label or "no key is set: the embedded stand-in answers")


def check_overrides(subject: Subject) -> Iterator[Finding]:
    """Nothing set elsewhere leads the command line to other services than those that run here."""
    names = subject.installation.overridden()
    yield Finding(
        "settings", ok=True, message=sentence(names) if names else "nothing in .env leads away from what runs here",
        remedy="Take them out unless the command line is to work elsewhere." if names else "",
    )  # fmt: skip


def check_model(subject: Subject) -> Iterator[Finding]:
    """The embedded model server answers."""
    address = subject.installation.model_url
    up = subject.installation.serves(MODEL) and answers(f"{address}/healthz")
    live = bool(subject.settings.values.get("AIRFLOW_CONN_PLUMBLINE_OPENAI"))
    role = ", and is not in use" if live else ""
    message = f"answers at {address}{role}" if up else "does not answer"
    yield Finding("model server", ok=up, message=message, remedy="" if up else _START)


def check_airflow(subject: Subject) -> Iterator[Finding]:
    """Every component of Airflow is alive, and every DAG file can be read."""
    installation = subject.installation
    try:
        health = installation.api.health() if installation.serves(API_SERVER) else None
    except (AirflowSilent, AirflowRefused):
        health = None
    if health is None:
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
    ours = {process for part in subject.installation.parts for process in part.members()}
    ours |= set(processes.working_in(subject.installation.server.data))
    exposed = {f"{host}:{port}" for host, port in processes.listening(ours) if not host.startswith("127.")}
    names = ", ".join(sorted(exposed))
    yield Finding(
        "network", ok=not exposed, message=f"listens on {names}" if exposed else "listens on 127.0.0.1 only",
        remedy="Run `make down`, and report this as a fault of Plumbline." if exposed else "",
    )  # fmt: skip


def _words(error: BaseException) -> str:
    return last_telling_line(str(error)) if str(error) else type(error).__name__


COMMON: tuple[Check, ...] = (
    check_python,
    check_disk,
    check_secrets,
    check_database,
    check_indexes,
    check_provider,
    check_breakers,
)
"""Checks for every form."""

EMBEDDED: tuple[Check, ...] = (
    check_environment,
    check_overrides,
    check_postgres,
    check_model,
    check_airflow,
    check_loopback,
)
"""Checks for the embedded form alone."""
