"""
Start what does not run, in the right order, and wait until all of it answers.

    PostgreSQL ─┬─ our tables ─┬─ model server
                └─ Airflow's tables ─┴─ api-server, scheduler, dag-processor, triggerer

What can happen side by side does.  A part that already runs is left as it is, and a part that is up stays up until
`make down`, whatever happens to the command that started it.  Only a part that itself listens on its port counts as
answering: another installation, started in the same second, may have been quicker to take it.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

from plumbline.embedded import ports
from plumbline.embedded.airflow_api import AirflowRefused, AirflowSilent
from plumbline.embedded.airflow_parts import (
    API_SERVER,
    COMPONENTS,
    MIGRATION,
    command_of,
    migrate_airflow,
    model_environment,
)
from plumbline.embedded.errors import PartFailed
from plumbline.embedded.home import read_json, write_atomically
from plumbline.embedded.parts import Part, end_parts
from plumbline.embedded.services import AIRFLOW, END_SECONDS, MODEL, POSTGRES, ROLES, SERVERS, Installation
from plumbline.embedded.terminal import Progress

_UP_SECONDS = 240.0
_PAUSE = 0.2
_MOVES = 5
_HEALTHY = "healthy"
_CALLED = {API_SERVER: "Airflow", MODEL: "the model server"}


class Start:
    """
    One start of the installation: what it started, and how long its stages took.

    `started` receives the name of each part before it is started, so that the caller can `end` those, and no others,
    when this is interrupted or fails.
    """

    def __init__(self, installation: Installation, progress: Progress, started: list[str]) -> None:
        self.installation = installation
        self.home = installation.home
        self.progress = progress
        self.started = started
        self.seconds: dict[str, float] = {}
        self.since = datetime.now(UTC)
        self.log_begins: dict[str, int] = {}

    def run(self) -> dict[str, float]:
        """
        Start what does not run and return when everything answers; returns seconds by stage.

        Raises:
            PartFailed: A part died or did not answer in time.
            NotPossibleHere: The disk has no room.
        """
        self.installation.check_room()
        self.installation.remember_start()
        self._timed(POSTGRES, self._server)
        self._choose_ports()
        self.installation.keep_settings()
        migration = Part(self.home, MIGRATION)
        with ThreadPoolExecutor(max_workers=2) as pool:
            try:
                ours = pool.submit(self._timed, "migrate", self._our_tables)
                theirs = pool.submit(self._timed, "airflow_migrate", self._airflow_tables)
                self._model()
                self.progress.show("tables")
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
        self.progress.show("PostgreSQL")
        server = self.installation.server
        if not server.running():
            # What still runs without its database is about to die of it.
            self.installation.end([*COMPONENTS, MIGRATION])
            self.started.append(POSTGRES)
            wanted = server.port
            server.start()
            if wanted and server.port != wanted:
                self.progress.tell(f"port {wanted} is taken: PostgreSQL gets {server.port}")
        server.ensure_role("airflow", self.home.secrets.value("airflow_database"))
        server.ensure_role("plumbline_owner", self.home.secrets.value("plumbline_owner"))
        server.ensure_database("airflow", "airflow")
        server.ensure_database("plumbline", "plumbline_owner", vector=True)

    def _choose_ports(self) -> None:
        """Choose a port for each part that does not run; a part that runs keeps its own."""
        for part, name in SERVERS.items():
            if Part(self.home, part).running():
                continue
            known, wanted = read_json(self.home.ports_file), self.installation.port(name)
            taken = {port for other, port in known.items() if other != name} | {self.installation.server.port}
            port = ports.next_free(wanted, taken)
            if port != wanted:
                self.progress.tell(f"port {wanted} is taken: {_CALLED[part]} gets {port}")
                # Components that still run would look for it at its old address.
                end_parts([Part(self.home, component) for component in COMPONENTS], END_SECONDS)
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
        self._start(MODEL, command, model_environment(self.installation.inherited, self.home))

    def _airflow(self) -> None:
        port, environment = self.installation.port(AIRFLOW), self.installation.airflow_environment()
        for name in COMPONENTS:
            self._start(name, command_of(name, port), environment)

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        part = Part(self.home, name)
        if part.running():
            return
        end_parts([part], END_SECONDS)  # workers that a killed one left behind
        self.started.append(name)
        self.log_begins[name] = part.start(command, environment, self.installation.project).log_begins

    def _all_healthy(self) -> None:
        """Wait until every part answers; a dead one ends the wait at once, a taken port moves."""
        limit, moves = time.monotonic() + _UP_SECONDS, 0
        while waiting := self._unhealthy():
            self.progress.show(f"waiting for {', '.join(waiting)}")
            if moves < _MOVES and any(map(self._overtaken, SERVERS)):
                self._move()
                moves += 1
                continue
            self.installation.check_alive(self.log_begins)
            if time.monotonic() > limit:
                slow = Part(self.home, waiting[0])
                last = slow.last_line(self.log_begins.get(slow.name, 0))
                raise PartFailed(
                    f"{slow.name} did not answer within {_UP_SECONDS:.0f} s; the last line of {slow.log}: {last}"
                )
            time.sleep(_PAUSE)

    def _unhealthy(self) -> list[str]:
        serves = self.installation.serves
        up = serves(MODEL) and answers(f"{self.installation.model_url}/healthz")
        waiting = [] if up else [MODEL]
        try:
            health = self.installation.api.health() if serves(API_SERVER) else None
        except (AirflowSilent, AirflowRefused):
            health = None
        if health is None:
            return [*waiting, *COMPONENTS]
        return [*waiting, *unhealthy_components(health, self.since, self.started)]

    def _overtaken(self, part: str) -> bool:
        """Whether a stranger listens on the port that was chosen for a part: he was quicker to take it."""
        # In this order: whatever listens by now and is ours is no stranger.
        return ports.is_served(self.installation.port(SERVERS[part])) and not self.installation.serves(part)

    def _move(self) -> None:
        """Start all parts but the database anew, on ports that are free now: each was told where the others are."""
        self.installation.end([*COMPONENTS, MODEL])
        self.since = datetime.now(UTC)
        self._choose_ports()
        self.installation.keep_settings()
        self._model()
        self._airflow()


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
