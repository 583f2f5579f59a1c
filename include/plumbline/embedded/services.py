"""
All parts of the embedded form together: what runs, with which settings, and ending it.

Needs the standard library alone to see what runs and to end it: that must be possible when `.venv` is gone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plumbline.core.env_files import assignment, read_env_file
from plumbline.core.settings import PROJECT_ROOT, Settings
from plumbline.embedded import fingerprints, overrides, ports
from plumbline.embedded.airflow_api import AirflowApi
from plumbline.embedded.airflow_parts import (
    API_SERVER,
    COMPONENTS,
    MIGRATION,
    airflow_environment,
    part_environment,
    sign_in,
)
from plumbline.embedded.errors import NotPossibleHere, PartFailed
from plumbline.embedded.home import Home, read_json, write_atomically
from plumbline.embedded.parts import Part, end_parts, last_telling_line
from plumbline.embedded.postgres import Server
from plumbline.embedded.secretfiles import random_key

ROLES = ("owner", "app", "keeper", "reporter", "auditor", "restorer")
POSTGRES = "postgres"
MODEL = "model-server"
AIRFLOW = "airflow"
SERVERS: Mapping[str, str] = {API_SERVER: AIRFLOW, MODEL: MODEL}
"""The parts that listen, besides PostgreSQL, which sees to its port itself; and what their ports are called."""
END_SECONDS = 20.0
_PORTS = {POSTGRES: 54320, MODEL: 8090, AIRFLOW: 8080}
_ROOM_FOR_ALL, _ROOM_FOR_MORE = (
    400,
    60,
)  # megabytes: two databases with their logs, or what a run adds to them
_SERVER_SECONDS = 1.0  # Airflow's API server lingers for ten seconds after it has closed everything
_STARTED_WITH = "started_with.json"
_OF_TASKS = (
    "AIRFLOW_CONN_PLUMBLINE_DB",
    "AIRFLOW_CONN_PLUMBLINE_KEEPER",
    "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS",
    "PLUMBLINE_LOCAL_MODEL_URL",
)


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
        written = read_env_file(PROJECT_ROOT / ".env")
        # In the environment of the parts it would come before the commit that is checked out.
        written.pop("PLUMBLINE_CODE_VERSION", None)
        return cls(home, inherited={**written, **os.environ})

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
        return f"http://{ports.LOOPBACK}:{self.port(AIRFLOW)}"

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

    def check_room(self) -> None:
        """
        Look whether the disk of the state folder has room for what will be written.

        Raises:
            NotPossibleHere: It has not.
        """
        needed = _ROOM_FOR_MORE if self.server.data.exists() else _ROOM_FOR_ALL
        if (free := self.free_megabytes()) < needed:
            raise NotPossibleHere(
                f"The disk of {self.home.folder} has {free:,} MB free, and {needed:,} MB are needed: make room, or "
                "name a folder on another disk in PLUMBLINE_HOME; nothing is lost, and the next run goes on."
            )

    def free_megabytes(self) -> int:
        """Return how much room is left where the state folder is, or will be."""
        folder = next(place for place in (self.home.folder, *self.home.folder.parents) if place.exists())
        return shutil.disk_usage(folder).free // 10**6

    def serves(self, name: str) -> bool:
        """Whether a part of `SERVERS` itself takes connections on its port: what answers there may be a stranger."""
        return (ports.LOOPBACK, self.port(SERVERS[name])) in Part(self.home, name).listening()

    def changed(self) -> list[str]:
        """Return what has been replaced since the parts that run were started: code, packages, Python, settings."""
        if not any(part.running() for part in self.parts):
            return []
        return fingerprints.changed(read_json(self.home.records / _STARTED_WITH), self._taken_in())

    def remember_start(self) -> None:
        """Keep what parts that are started now take in."""
        write_atomically(self.home.records / _STARTED_WITH, json.dumps(self._taken_in()))

    def _taken_in(self) -> dict[str, str]:
        return fingerprints.taken_in(self.project, self.inherited, self.home.secrets.value("fingerprint"))

    def overridden(self) -> list[str]:
        """Return the settings of ours in whose place .env or the environment put something else."""
        return overrides.overridden(read_env_file(self.home.env_file), self.inherited)

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
        for step, patience in ((workers, END_SECONDS), ([API_SERVER, MODEL], _SERVER_SECONDS)):
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
            "AIRFLOW_CONN_PLUMBLINE_RESTORER": address("restorer"),
            "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": json.dumps(
                {"conn_type": "generic", "password": secrets.value("pseudonyms", random_key)}
            ),
            "PLUMBLINE_OWNER_URL": address("owner"),
            "PLUMBLINE_ADMIN_URL": server.admin_url("plumbline"),
            "PLUMBLINE_LOCAL_MODEL_URL": f"{self.model_url}/v1",
            **{f"PLUMBLINE_PASSWORD_{role.upper()}": password for role, password in passwords.items()},
        }

    def keep_settings(self, **further: str) -> None:
        """Write embedded.env: settings of ours replace those of before, all others stay."""
        kept = {**read_env_file(self.home.env_file), **self.settings(), **further}
        lines = ["# Written by `make demo`; put settings of your own into .env, which comes first.\n"]
        lines += [assignment(name, value) for name, value in kept.items()]
        write_atomically(self.home.env_file, "".join(lines))

    def airflow_environment(self) -> dict[str, str]:
        """Return the environment of Airflow's components: our databases and model, whatever else is set outside."""
        url = self.server.url("airflow", "airflow", self.home.secrets.value("airflow_database"))
        settings = self.settings()
        return {
            **part_environment(self.inherited, self.home),
            **{name: settings[name] for name in _OF_TASKS},
            **airflow_environment(self.home, url, self.port(AIRFLOW), self.project),
        }
