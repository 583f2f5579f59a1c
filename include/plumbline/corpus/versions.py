"""
Index versions: which there are, which of them searches use, and who answers for it.

The Connection says which model answers, until another index was put into force by `plumbline index swap`: that one
stands in for what the Connection named then, and ingestions, plans and searches go on with its model.  A Connection
that names a third model leads to an index of that model, at the next ingestion.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.models import Endpoint, endpoint_of, with_model

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

Version = Mapping[str, Any]
"""A row of corpus.vector_index."""


class NoSuchIndex(Fatal):
    """There is no index version of this number, or its table is gone."""


def standing_in(endpoint: Endpoint, version: Version | None) -> Endpoint:
    """
    Return the endpoint that answers for an index version: the Connection's, or the one that stands in for it.  Pure.

    Raises:
        Misconfigured: The model of the version cannot be had at the address of the Connection.
    """
    if version is None or version["instead_of_model"] is None:
        return endpoint
    if (endpoint.model, endpoint.dimensions) != (
        version["instead_of_model"],
        version["instead_of_dimensions"],
    ):
        return endpoint
    return with_model(endpoint, version["model"], version["dimensions"])


def endpoint_for(tools: Tools, version: Version) -> Endpoint:
    """
    Return the endpoint that fills an index version, whichever is in force.

    Raises:
        Misconfigured: The model of the version cannot be had at the address of the Connection.
    """
    return with_model(endpoint_of(tools.settings, tools.provider), version["model"], version["dimensions"])


def endpoint_in_force(tools: Tools, run: Run) -> Endpoint:
    """
    Return the endpoint that ingestions and searches of the tenant use now.

    Raises:
        Misconfigured: The connection says something impossible, or there is none.
    """
    with tools.db.transaction(run.tenant) as session:
        version = db.row(session, "corpus/select_index_in_force")
    return standing_in(endpoint_of(tools.settings, tools.provider), version)


def opened(tools: Tools, run: Run, model: str, dimensions: int) -> DictRow:
    """Return the index version for a model, in force or in the making; make its table if there is none."""
    found = known(tools, run, model, dimensions)
    if found is None:
        with tools.keeper.transaction(run.tenant) as session:
            db.run(session, "corpus/open_index", tenant=run.tenant, model=model, dimensions=dimensions)
        found = known(tools, run, model, dimensions)
    assert found is not None  # noqa: S101 - it was just made
    return found


def known(tools: Tools, run: Run, model: str, dimensions: int) -> DictRow | None:
    """Return the index version for a model, in force or in the making, or None."""
    with tools.db.transaction(run.tenant) as session:
        return db.row(session, "corpus/select_index", model=model, dimensions=dimensions)


def version_of(session: Session, index_id: int) -> DictRow:
    """
    Return one index version.

    Raises:
        NoSuchIndex: The tenant has none of this number.
    """
    found = db.row(session, "corpus/select_index_version", index_id=index_id)
    if found is None:
        raise NoSuchIndex(f"There is no index {index_id}: `plumbline index` lists those that there are.")
    return found


def list_versions(tools: Tools, run: Run) -> list[DictRow]:
    """Return every index version of the tenant that still has a table, the oldest first."""
    with tools.db.transaction(run.tenant) as session:
        return db.rows(session, "corpus/select_index_versions")


def what_to_do(version: Version) -> str:
    """Say how an index in the making, a row of `list_versions`, is completed, or given up.  Pure."""
    gives_up = f"`plumbline index drop {version['index_id']}` drops it."
    if version["copied_from"] and not version["in_force_at"]:
        return f"The next ingestion that changes something goes on with it; {gives_up}"
    if version["vectors"] >= version["chunks"]:
        return f"It is complete: `plumbline index compare`, then `plumbline index swap`; {gives_up}"
    named = f"--model {version['model']} --dimensions {version['dimensions']}"
    return f"`plumbline index build {named}` completes it, {gives_up}"


def enforce(
    session: Session,
    index_id: int,
    *,
    kept: timedelta | None = None,
    instead_of: tuple[str, int] | None = None,
    compared_by: UUID | None = None,
) -> int:
    """
    Have searches use a version that is complete, and retire the one in force; return how many were retired.

    `kept` is how long the table of the retired one stays; without it, until the next building of search indexes.
    `instead_of` is the model, and its dimensions, that the Connection names in its place.
    """
    retired = db.run(session, "corpus/retire_index", index_id=index_id, kept=kept)
    model, dimensions = instead_of or (None, None)
    db.run(
        session,
        "corpus/enforce_index",
        index_id=index_id,
        instead_of_model=model,
        instead_of_dimensions=dimensions,
        compared_by=compared_by,
    )
    return retired
