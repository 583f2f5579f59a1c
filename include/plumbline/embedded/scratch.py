"""
A scratch installation: the embedded Postgres with migrated databases, for tests and benchmarks.

One server serves many databases.  Each is a copy of one migrated template, which takes a fraction of a second; roles
are the cluster's, so their passwords are the same in all of them.  Nothing here survives the server.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from plumbline.core.connections import Connection
from plumbline.core.migrations import migrate
from plumbline.core.settings import Settings
from plumbline.core.tools import Tools, open_tools
from plumbline.embedded.postgres import Server

ROLES = ("owner", "app", "keeper", "reporter", "auditor", "restorer")
PSEUDONYM_KEY = "c2NyYXRjaCBkYXRhYmFzZXMga2VlcCBubyBzZWNyZXQ="
"""Seals what is in databases that do not outlive their server."""
PSEUDONYMS = json.dumps({"conn_type": "generic", "password": PSEUDONYM_KEY})
"""The same as the environment names a connection."""
_TEMPLATE = "plumbline_template"


class Scratch:
    """Databases of one embedded server, each made from the migrated template."""

    def __init__(self, server: Server) -> None:
        """Migrate the template; `server` is running."""
        self.server = server
        self.passwords = {role: f"scratch-{role}" for role in ROLES}
        self._numbers = itertools.count(1)
        self.server.ensure_role("plumbline_owner", self.passwords["owner"])
        server.ensure_database(_TEMPLATE, owner="plumbline_owner", vector=True)
        migrate(
            server.url(_TEMPLATE, "plumbline_owner", self.passwords["owner"]),
            server.admin_url(_TEMPLATE),
            self.passwords,
        )

    def new_database(self, name: str | None = None) -> str:
        """Make a migrated database and return its name."""
        name = name or f"scratch_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.server.admin_url(), autocommit=True) as session:
            session.execute(
                sql.SQL("create database {} template {} owner plumbline_owner").format(
                    sql.Identifier(name), sql.Identifier(_TEMPLATE)
                )
            )
        return name

    def drop_database(self, name: str) -> None:
        """Drop it and whoever is connected."""
        self.server.drop_database(name)

    def url(self, database: str, role: str) -> str:
        """Return the address of a database for one role (`app`, `keeper`, …)."""
        return self.server.url(database, f"plumbline_{role}", self.passwords[role])

    def connection(self, database: str, role: str) -> Connection:
        """Return the same as an Airflow connection."""
        return Connection(
            kind="postgres",
            host="127.0.0.1",
            port=self.server.port,
            schema=database,
            login=f"plumbline_{role}",
            password=self.passwords[role],
        )

    @contextlib.contextmanager
    def tools(
        self, database: str, *, home: Path, model_url: str | None = None, **values: str
    ) -> Iterator[Tools]:
        """Open the tools on a database; `values` are further settings, `model_url` the embedded model server's."""
        settings = Settings(
            values={**({"PLUMBLINE_LOCAL_MODEL_URL": model_url} if model_url else {}), **values}, home=home
        )
        connections = {
            f"plumbline_{conn}": self.connection(database, role) for conn, role in _CONNECTIONS.items()
        }
        connections["plumbline_pseudonyms"] = Connection(kind="generic", password=PSEUDONYM_KEY)
        with open_tools(settings, connections, delivers=True) as tools:
            yield tools


_CONNECTIONS = {"db": "app", "keeper": "keeper", "restorer": "restorer"}


@contextlib.contextmanager
def scratch_server(root: Path) -> Iterator[Scratch]:
    """Start a server of its own under `root`, fast rather than durable, and stop it afterwards."""
    with Server(root, durable=False) as server:
        yield Scratch(server)
