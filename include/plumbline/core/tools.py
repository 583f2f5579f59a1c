"""
What a step works with: settings and the databases it may reach.

`app` reads and writes rows; `keeper` makes partitions and index versions, through the owner's functions only;
`restorer`, where deliveries are made and nowhere else, turns pseudonyms back into values.
The model is not among the tools here, because the door to it lies a floor above: `plumbline.models.Door(tools)`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from plumbline.core.connections import Connection
from plumbline.core.db import Database, required
from plumbline.core.settings import Settings
from plumbline.core.stores import OpenStore, no_store


@dataclass(frozen=True, slots=True)
class Tools:
    """
    Settings, the databases, the connection that says which model answers, and the way to object stores.

    `pseudonyms` is the connection whose password holds the keys of pseudonyms.
    """

    settings: Settings
    db: Database
    keeper: Database
    provider: Connection | None = field(default=None, repr=False)
    open_store: OpenStore = no_store
    pseudonyms: Connection | None = field(default=None, repr=False)
    restorer: Database | None = None


@contextlib.contextmanager
def open_tools(
    settings: Settings | None = None,
    connections: Mapping[str, Connection] | None = None,
    open_store: OpenStore = no_store,
    *,
    delivers: bool = False,
) -> Iterator[Tools]:
    """
    Open the tools, and close them afterwards.

    `connections` (by Airflow connection id) come before those of the environment: inside Airflow, a connection may live
    in a secrets backend or in Airflow's own database.  Only what `delivers` to people is given the way back from
    pseudonyms.
    """
    settings = settings or Settings.load()
    given = connections or {}

    def look_up(conn_id: str) -> Connection | None:
        return given.get(conn_id) or settings.connection(conn_id)

    restorer = look_up("plumbline_restorer") if delivers else None
    tools = Tools(
        settings=settings,
        db=Database.of(required(look_up("plumbline_db"), "plumbline_db")),
        keeper=Database.of(required(look_up("plumbline_keeper"), "plumbline_keeper")),
        provider=look_up("plumbline_openai"),
        open_store=open_store,
        pseudonyms=look_up("plumbline_pseudonyms"),
        restorer=Database.of(restorer) if restorer else None,
    )
    try:
        yield tools
    finally:
        tools.db.close()
        tools.keeper.close()
        if tools.restorer is not None:
            tools.restorer.close()
