"""
Airflow Connections become the tools of a step.

Inside a task a Connection may come from the environment, from Airflow's own database or from a secrets backend; all
three reach the domain as the same plain value.  Only "there is no such connection" counts as none: a secrets backend
that does not answer fails the task, because falling back to the embedded model would be a silent change of provider.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowNotFoundException

from plumbline.core.connections import Connection
from plumbline.core.db import Database, required
from plumbline.core.tools import Tools, open_tools
from plumbline_airflow.stores import open_store

DATABASE = "plumbline_db"
KEEPER = "plumbline_keeper"
OPENAI = "plumbline_openai"
PSEUDONYMS = "plumbline_pseudonyms"
RESTORER = "plumbline_restorer"
SMTP = "plumbline_smtp"


@contextlib.contextmanager
def tools_of_airflow(*, delivers: bool = False) -> Iterator[Tools]:
    """
    Open the tools from Airflow's Connections; the way back from pseudonyms only for a task that `delivers` to people.

    Without `plumbline_openai` the embedded model server answers, which PLUMBLINE_LOCAL_MODEL_URL names.
    """
    wanted = (DATABASE, KEEPER, OPENAI, PSEUDONYMS, *((RESTORER,) if delivers else ()))
    found = {conn_id: connection for conn_id in wanted if (connection := look_up(conn_id))}
    with open_tools(connections=found, open_store=open_store, delivers=delivers) as tools:
        yield tools


@contextlib.contextmanager
def database_of_airflow() -> Iterator[Database]:
    """Open the database alone, from its Connection: a triggerer has no more."""
    database = Database.of(required(look_up(DATABASE), DATABASE))
    try:
        yield database
    finally:
        database.close()


def look_up(conn_id: str) -> Connection | None:
    """Return a Connection as the domain knows it, or None where there is none."""
    try:
        found = AirflowConnection.get(conn_id)
    except AirflowNotFoundException:
        return None
    return Connection(
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        schema=found.schema or "",
        login=found.login or "",
        password=found.password or "",
        extra=found.extra_dejson,
    )
