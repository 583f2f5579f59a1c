"""
Sources as data: what somebody configures, changes, pauses, and which of them are due.

A configured source is a row of `corpus.source`; nothing about it stands in code or in a file of the deployment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import UUID

from psycopg import Rollback
from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Receipt, Run
from plumbline.core.stores import UnknownConnection
from plumbline.core.tools import Tools
from plumbline.corpus.sources import FOLDER, ON_DISK, UnknownSource, is_open, known_source, source_id_of

if TYPE_CHECKING:
    from psycopg.rows import DictRow

Kind = Literal["folder", "store", "urls", "sitemap", "mailbox"]
Sensitivity = Literal["public", "internal", "confidential"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)

_LONGEST_NAME = 200
_SHOWN = 5
_OPTIONS = {"urls": frozenset({"urls", "delay"}), "sitemap": frozenset({"take", "leave", "delay"})}


class SourceRefused(Fatal):
    """A source cannot be configured as it was described."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """
    A source as somebody wants it.

    `options`: `urls` (a list), for a sitemap `take` and `leave` (patterns of paths), for both `delay` (seconds between
    two requests to a host).  `keep_days`: its time-to-live; None, for ever.  `every_minutes`: between two looks at it.
    """

    name: str
    kind: Kind
    location: str
    owner: str
    options: dict[str, Any] = field(default_factory=dict)
    sensitivity: Sensitivity = "internal"
    keep_days: int | None = None
    every_minutes: int = 60
    enabled: bool = True


def add_source(tools: Tools, run: Run, wanted: Configuration) -> Receipt:
    """
    Configure a new source; it is read when it is due, or by `plumbline ingest --source`.

    Raises:
        SourceRefused: The name is taken or unusable, or there is nothing where the source is said to be.
    """
    _check_name(wanted.name)
    wanted, remark = _checked(tools, wanted)
    with tools.db.transaction(run.tenant) as session:
        known = db.rows(session, "corpus/select_sources")
        there = next((row for row in known if row["name"] == wanted.name), None)
        if there is not None and (there["configured_at"] or there["kind"] != wanted.kind):
            raise SourceRefused(
                f"There is a source {wanted.name} already: {there['location']}. `plumbline sources set` changes it, "
                "`plumbline forget` removes it."
            )
        _require_nowhere_else(known, wanted)
        _write(session, run, wanted, configured=True)
    return {"source": wanted.name, "kind": wanted.kind, "location": wanted.location, "remark": remark}


def change_source(tools: Tools, run: Run, name: str, changes: dict[str, Any]) -> Receipt:
    """
    Change what is configured of a source; what is not named stays.

    Raises:
        UnknownSource: There is none of this name.
        SourceRefused: It cannot be configured so.
    """
    known = known_source(tools, run, name)
    with tools.db.transaction(run.tenant) as session:
        row = db.row(session, "corpus/select_source", source_id=known.source_id)
    if row is None:
        raise UnknownSource(f"There is no source {name!r}.")
    before = {key: row[key] for key in Configuration.__dataclass_fields__}
    options = {**row["options"], **changes.get("options", {})}
    wanted = replace(Configuration(**before), **{**changes, "options": options})
    # A source that cannot be reached must not thereby be one that cannot be paused.
    remark = None
    if {"location", "options"} & changes.keys():
        wanted, remark = _checked(tools, wanted)
    else:
        _check_terms(wanted)
    with tools.db.transaction(run.tenant) as session:
        _write(session, run, wanted, configured=row["configured_at"] is not None)
    return {"source": known.name, "changed": sorted(changes), "remark": remark}


def due_sources(tools: Tools, run: Run, *, plan_only: bool = False) -> Receipt:
    """
    Take up the sources of the open tenants that are due, those of each tenant by how long nobody looked at them.

    A source is taken up once in the time that it sets, and not while it is being looked at.  Returns of each its
    `tenant`, its name as `source`, and `started_as`: how the run is called that ingests it.

    With `plan_only` none is taken up: those that are due stay so, and `plan_only` goes with each of them.
    """
    due: list[dict[str, object]] = []
    for tenant in dict.fromkeys((run.tenant, *tools.settings.tenants)):
        with tools.db.transaction(tenant) as session:
            rows = db.rows(session, "corpus/take_due_sources")
            if plan_only:
                raise Rollback
        rows.sort(key=lambda row: (row["at"] is not None, row["at"] or row["name"]))
        due += [
            {
                "tenant": tenant,
                "source": row["name"],
                "started_as": _started_as(run, row["source_id"]),
                "plan_only": plan_only,
            }
            for row in rows
        ]
    return {"sources": due, "due": len(due)}


def _started_as(run: Run, source: UUID) -> str:
    """The name of the run that a source is ingested by: one a look, however often the look is tried."""
    return f"{run.dag_run_id}__{source}".replace("+", "_")


def _write(session: db.Session, run: Run, wanted: Configuration, *, configured: bool) -> None:
    db.run(
        session,
        "corpus/configure_source",
        source_id=source_id_of(run.tenant, wanted.name),
        tenant=run.tenant,
        name=wanted.name,
        kind=wanted.kind,
        location=wanted.location,
        options=Jsonb(wanted.options),
        owner=wanted.owner,
        sensitivity=wanted.sensitivity,
        keep_days=wanted.keep_days,
        every_minutes=wanted.every_minutes,
        enabled=wanted.enabled,
        configured=configured,
    )


def _require_nowhere_else(known: Iterable[DictRow], wanted: Configuration) -> None:
    """A folder under two names would be stored, paid for and found twice."""
    for row in known:
        if (
            wanted.kind == row["kind"] != "urls"
            and wanted.location == row["location"]
            and wanted.name != row["name"]
        ):
            raise SourceRefused(
                f"{wanted.location} is known as the source {row['name']}: `plumbline sources set` changes that one, "
                "`plumbline forget` removes it."
            )


def _checked(tools: Tools, wanted: Configuration) -> tuple[Configuration, str | None]:
    """What can be seen without asking the source for all its documents, and a remark where something may fail later."""
    _check_terms(wanted)
    if wanted.kind in ON_DISK:
        place = Path(wanted.location).expanduser().absolute()
        _check_place(wanted.kind, place)
        return replace(wanted, location=str(place)), _closed(tools, place)
    if wanted.kind == "store":
        return wanted, _unseen(tools, wanted.location)
    _check_addresses(wanted.options.get("urls", []) if wanted.kind == "urls" else [wanted.location])
    return wanted, None


def _check_terms(wanted: Configuration) -> None:
    if wanted.kind not in KINDS or wanted.sensitivity not in SENSITIVITIES:
        raise SourceRefused(
            f"A source is of the kind {', '.join(KINDS)}; its sensitivity is {', '.join(SENSITIVITIES)}."
        )
    if wanted.every_minutes < 1 or (wanted.keep_days is not None and wanted.keep_days < 1):
        raise SourceRefused("Minutes and days are numbers from 1.")
    if strange := sorted(wanted.options.keys() - _OPTIONS.get(wanted.kind, frozenset())):
        raise SourceRefused(f"A source of the kind {wanted.kind} has no {' and no '.join(strange)}.")


def _check_place(kind: Kind, place: Path) -> None:
    if kind == "mailbox":
        from plumbline.corpus.origins.mailboxes import fingerprint

        fingerprint(place)
    elif not place.is_dir():
        raise SourceRefused(f"{place} is not a folder that can be seen from here.")


def _closed(tools: Tools, place: Path) -> str | None:
    if is_open(place, tools.settings.open_folders):
        return None
    return (
        "DAGs may not read it: it is neither the inbox nor in a folder of PLUMBLINE_FOLDERS. Until it is, "
        "`plumbline ingest --source` alone reads it."
    )


def _unseen(tools: Tools, address: str) -> str | None:
    """A connection that is made in Airflow's pages is known to its tasks alone."""
    try:
        for _ in tools.open_store(address).list():
            break
    except UnknownConnection as error:
        return f"It could not be looked at from here: {error}"
    return None


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise SourceRefused(f"A source has a name of up to {_LONGEST_NAME} characters that can be printed.")
    if name.startswith(f"{FOLDER}:"):
        raise SourceRefused(f"Names that begin with {FOLDER}: belong to folders without a name of their own.")


def _check_addresses(addresses: list[str]) -> None:
    from plumbline.web import objection_to

    if not addresses:
        raise SourceRefused("The list of addresses is empty.")
    said = [f"{address}: {found.reason}" for address in addresses if (found := objection_to(address))]
    if said:
        listed = "".join(f"\n  {one}" for one in said[:_SHOWN])
        more = f"\n  and {len(said) - _SHOWN:,} more" if len(said) > _SHOWN else ""
        raise SourceRefused(f"{len(said):,} of {len(addresses):,} addresses can never be read:{listed}{more}")
