"""
All parts of the embedded form together: what runs, starting it in the right order, ending it.

    PostgreSQL ─┬─ our tables ─┬─ model server
                └─ Airflow's tables ─┴─ api-server, scheduler, dag-processor, triggerer

What can happen side by side does.  A part that already runs is left as it is, and a part that is up stays up until
`make down`, whatever happens to the command that started it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

from plumbline.core.settings import PROJECT_ROOT, Settings, read_env_file
from plumbline.embedded import ports
from plumbline.embedded.airflow_api import AirflowApi, AirflowRefused, AirflowSilent
from plumbline.embedded.airflow_parts import (
    API_SERVER,
    COMPONENTS,
    MIGRATION,
    airflow_environment,
    command_of,
    migrate_airflow,
    part_environment,
    sign_in,
)
from plumbline.embedded.errors import PartFailed
from plumbline.embedded.home import Home, read_json, write_atomically
from plumbline.embedded.installing import Environment
from plumbline.embedded.parts import Part, end_parts, last_telling_line
from plumbline.embedded.postgres import Server

ROLES = ("owner", "app", "keeper", "reporter", "auditor", "restorer")
POSTGRES = "postgres"
MODEL = "model-server"
_PORTS = {POSTGRES: 54320, MODEL: 8090, "airflow": 8080}
_UP_SECONDS = 240.0
_END_SECONDS = 20.0
_SERVER_SECONDS = 1.0  # Airflow's API server lingers for ten seconds after it has closed everything
_PAUSE = 0.2
_HEALTHY = "healthy"
_STARTED_WITH = "started_with.json"
_OURS = ("PLUMBLINE_", "AIRFLOW_")
_OF_A_RUN = {"PLUMBLINE_INBOX", "PLUMBLINE_CODE_VERSION", "PLUMBLINE_DATA"}
"""Settings that do not matter to parts that run already."""


@dataclass(slots=True)
class Installation:
    """The embedded form in one state folder."""

    home: Home
    project: Path = PROJECT_ROOT
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def here(cls, settings: Settings | None = None) -> Installation:
        """Return the installation of this project, with what this process and the project's .env set."""
        home = Home((settings or Settings.load()).home.absolute())
        return cls(home, inherited={**read_env_file(PROJECT_ROOT / ".env"), **os.environ})

    @property
    def server(self) -> Server:
        """The database server."""
        return Server(self.home.postgres, _PORTS[POSTGRES], secrets=self.home.secrets.folder)

    @property
    def parts(self) -> list[Part]:
        """The parts besides the database server, in the order in which they may be ended."""
        return [Part(self.home, name) for name in (*COMPONENTS, MODEL)]

    @property
    def api(self) -> AirflowApi:
        """Airflow's API, signed in."""
        return AirflowApi(self.airflow_url, *self.sign_in)

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's pages."""
        return f"http://{ports.LOOPBACK}:{self.port('airflow')}"

    @property
    def model_url(self) -> str:
        """The address of the embedded model server."""
        return f"http://{ports.LOOPBACK}:{self.port(MODEL)}"

    def port(self, name: str) -> int:
        """Return the port of a part: the one it has, else the one it would ask for."""
        return int(read_json(self.home.ports_file).get(name, _PORTS[name]))

    def running(self) -> bool:
        """Whether every part lives."""
        return self.server.running() and all(part.running() for part in self.parts)

    @property
    def sign_in(self) -> tuple[str, str]:
        """User and password of Airflow's pages."""
        return sign_in(self.home)

    def check_alive(self, log_begins: Mapping[str, int] | None = None) -> None:
        """
        Look whether every part lives; `log_begins` says from where on its log is of interest.

        Raises:
            PartFailed: One is dead; the message names it, its log and the last line in there.
        """
        if not self.server.running():
            last = last_telling_line(self.server.log.read_text(encoding="utf-8", errors="replace"))
            raise PartFailed(f"PostgreSQL is not running; the last line of {self.server.log}: {last}")
        for part in self.parts:
            if not part.running():
                raise part.failed((log_begins or {}).get(part.name, 0))

    def outdated(self) -> bool:
        """Whether parts run that were started with other packages or settings than those of now."""
        stamp = read_json(self.home.records / _STARTED_WITH)
        return bool(stamp) and stamp != self._started_with() and any(part.running() for part in self.parts)

    def _started_with(self) -> dict[str, str]:
        """What the parts have taken in at their start; of the settings, which hold secrets, a keyed fingerprint."""
        ours = {
            name: value
            for name, value in self.inherited.items()
            if name.startswith(_OURS) and name not in _OF_A_RUN
        }
        key = self.home.secrets.value("fingerprint").encode()
        return {
            "lock": Environment(self.project).stamp().get("requirements.txt", ""),
            "python": sys.version,
            "settings": hmac.new(key, json.dumps(sorted(ours.items())).encode(), hashlib.sha256).hexdigest(),
        }

    def up(self, say: Callable[[str], None], started: list[str]) -> dict[str, float]:
        """
        Start what does not run and return when everything answers; returns seconds by stage.

        `started` receives the name of each part before it is started, so that the caller can `end` those, and no
        others, when this is interrupted or fails.

        Raises:
            PartFailed: A part died or did not answer in time.
        """
        self.home.make()
        write_atomically(self.home.records / _STARTED_WITH, json.dumps(self._started_with()))
        return _Start(self, say, started).run()

    def down(self, say: Callable[[str], None] = lambda _: None) -> list[str]:
        """End every part that runs; return the names of those that did."""
        names = [part.name for part in self.parts if part.running()]
        names += [POSTGRES] if self.server.pid is not None else []
        say(", ".join(names))
        self.end([*COMPONENTS, MIGRATION, MODEL, POSTGRES])
        return names

    def end(self, names: Collection[str]) -> None:
        """End these parts, and the workers that they left behind, in the order in which they need each other."""
        workers = [name for name in (*COMPONENTS, MIGRATION) if name != API_SERVER]
        # The scheduler lets running tasks finish, and they need the API server and the model for that.  The
        # triggerer would wait ten seconds for nothing: what it waits for is kept in the database.
        for step, patience in ((workers, _END_SECONDS), ([API_SERVER, MODEL], _SERVER_SECONDS)):
            end_parts(
                [Part(self.home, name) for name in step if name in names], patience, hasty=["triggerer"]
            )
        if POSTGRES in names:
            self.server.stop()

    def settings(self) -> dict[str, str]:
        """Return the settings that every process of the project reads from embedded.env."""
        server, secrets = self.server, self.home.secrets
        passwords = {role: secrets.value(f"plumbline_{role}") for role in ROLES}

        def address(role: str) -> str:
            return server.url("plumbline", f"plumbline_{role}", passwords[role])

        return {
            "AIRFLOW_CONN_PLUMBLINE_DB": address("app"),
            "AIRFLOW_CONN_PLUMBLINE_KEEPER": address("keeper"),
            "PLUMBLINE_OWNER_URL": address("owner"),
            "PLUMBLINE_ADMIN_URL": server.admin_url("plumbline"),
            "PLUMBLINE_LOCAL_MODEL_URL": f"{self.model_url}/v1",
            **{f"PLUMBLINE_PASSWORD_{role.upper()}": password for role, password in passwords.items()},
        }

    def keep_settings(self, **further: str) -> None:
        """Write embedded.env: settings of ours replace those of before, all others stay."""
        kept = {**read_env_file(self.home.env_file), **self.settings(), **further}
        lines = ["# Written by `make demo`; put settings of your own into .env, which comes first.\n"]
        lines += [f"{name}={value}\n" for name, value in kept.items()]
        write_atomically(self.home.env_file, "".join(lines))

    def airflow_environment(self) -> dict[str, str]:
        """Return the environment of Airflow's components: our databases, whatever else is set outside."""
        url = self.server.url("airflow", "airflow", self.home.secrets.value("airflow_database"))
        settings = self.settings()
        return {
            **part_environment(self.inherited, self.home),
            **{
                name: settings[name]
                for name in ("AIRFLOW_CONN_PLUMBLINE_DB", "AIRFLOW_CONN_PLUMBLINE_KEEPER")
            },
            **airflow_environment(self.home, url, self.port("airflow"), self.project),
        }


class _Start:
    """One start of the installation: what it started, and how long its stages took."""

    def __init__(self, installation: Installation, say: Callable[[str], None], started: list[str]) -> None:
        self.installation = installation
        self.home = installation.home
        self.say = say
        self.started = started
        self.seconds: dict[str, float] = {}
        self.since = datetime.now(UTC)
        self.log_begins: dict[str, int] = {}

    def run(self) -> dict[str, float]:
        self._timed(POSTGRES, self._server)
        self._choose_ports()
        self.installation.keep_settings()
        migration = Part(self.home, MIGRATION)
        with ThreadPoolExecutor(max_workers=2) as pool:
            try:
                ours = pool.submit(self._timed, "migrate", self._our_tables)
                theirs = pool.submit(self._timed, "airflow_migrate", self._airflow_tables)
                self._model()
                self.say("tables")
                theirs.result()
                self._airflow()
                ours.result()
            except BaseException:
                end_parts([migration], 0)  # or leaving this block would wait for it
                raise
        self._timed("services", self._all_healthy)
        return self.seconds

    def _timed(self, stage: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        self.seconds[stage] = round(time.monotonic() - began, 1)

    def _server(self) -> None:
        self.say("PostgreSQL")
        server = self.installation.server
        if not server.running():
            # What still runs without its database is about to die of it.
            self.installation.end([*COMPONENTS, MIGRATION])
            self.started.append(POSTGRES)
            server.start()
        server.ensure_role("airflow", self.home.secrets.value("airflow_database"))
        server.ensure_role("plumbline_owner", self.home.secrets.value("plumbline_owner"))
        server.ensure_database("airflow", "airflow")
        server.ensure_database("plumbline", "plumbline_owner", vector=True)

    def _choose_ports(self) -> None:
        """Choose a port for each part that does not run; a part that runs keeps its own."""
        for name, part in (("airflow", Part(self.home, API_SERVER)), (MODEL, Part(self.home, MODEL))):
            if part.running():
                continue
            known = read_json(self.home.ports_file)
            taken = {port for other, port in known.items() if other != name} | {self.installation.server.port}
            port = ports.next_free(self.installation.port(name), taken)
            if name == "airflow" and port != self.installation.port(name):
                # Components that still run would look for the API server at its old address.
                end_parts([Part(self.home, component) for component in COMPONENTS], _END_SECONDS)
            write_atomically(self.home.ports_file, json.dumps({**known, name: port}), mode=0o644)

    def _our_tables(self) -> None:
        from plumbline.core.migrations import migrate

        settings = self.installation.settings()
        passwords = {role: settings[f"PLUMBLINE_PASSWORD_{role.upper()}"] for role in ROLES}
        migrate(settings["PLUMBLINE_OWNER_URL"], settings["PLUMBLINE_ADMIN_URL"], passwords)

    def _airflow_tables(self) -> None:
        migrate_airflow(self.home, self.installation.server, self.installation.airflow_environment())

    def _model(self) -> None:
        port = str(self.installation.port(MODEL))
        command = [sys.executable, "-m", "plumbline.localmodel", "--host", ports.LOOPBACK, "--port", port]
        self._start(MODEL, command, part_environment(self.installation.inherited, self.home))

    def _airflow(self) -> None:
        port, environment = self.installation.port("airflow"), self.installation.airflow_environment()
        for name in COMPONENTS:
            self._start(name, command_of(name, port), environment)

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        part = Part(self.home, name)
        if part.running():
            return
        end_parts([part], _END_SECONDS)  # workers that a killed one left behind
        self.started.append(name)
        self.log_begins[name] = part.start(command, environment, self.installation.project).log_begins

    def _all_healthy(self) -> None:
        """Wait until every part answers; a dead one ends the wait at once."""
        limit = time.monotonic() + _UP_SECONDS
        while waiting := self._unhealthy():
            self.say(f"waiting for {', '.join(waiting)}")
            self.installation.check_alive(self.log_begins)
            if time.monotonic() > limit:
                slow = Part(self.home, waiting[0])
                last = slow.last_line(self.log_begins.get(slow.name, 0))
                raise PartFailed(
                    f"{slow.name} did not answer within {_UP_SECONDS:.0f} s; the last line of {slow.log}: {last}"
                )
            time.sleep(_PAUSE)

    def _unhealthy(self) -> list[str]:
        waiting = [] if answers(f"{self.installation.model_url}/healthz") else [MODEL]
        try:
            health = self.installation.api.health()
        except (AirflowSilent, AirflowRefused):
            return [*waiting, *COMPONENTS]
        return [*waiting, *unhealthy_components(health, self.since, self.started)]


def unhealthy_components(health: Mapping[str, Any], since: datetime, fresh: Collection[str]) -> list[str]:
    """
    Return Airflow's components that are not up.  Pure.

    `health` is what Airflow says of itself.  It calls a component healthy for a while after its last sign of life, so
    of those in `fresh`, which were just started, a sign from before `since` does not count.
    """
    waiting = [] if health["metadatabase"]["status"] == _HEALTHY else [API_SERVER]
    for name, key in (
        ("scheduler", "scheduler"),
        ("dag-processor", "dag_processor"),
        ("triggerer", "triggerer"),
    ):
        state = health.get(key) or {}
        sign = state.get(f"latest_{key}_heartbeat")
        old = sign is None or datetime.fromisoformat(sign) < since
        if state.get("status") != _HEALTHY or (name in fresh and old):
            waiting.append(name)
    return waiting


def answers(address: str) -> bool:
    """Whether something answers at a local address without an error."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=5.0):
            return True
    except (OSError, HTTPException):
        return False
