"""
Sources as data: what somebody configures, changes, pauses, and which of them are due.

A configured source is a row of `corpus.source`; nothing about it stands in code or in a file of the deployment.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit

from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.sources import FOLDER, UnknownSource, known_source, source_id_of

if TYPE_CHECKING:
    from psycopg.rows import DictRow

Kind = Literal["folder", "store", "urls", "sitemap", "mailbox"]
Sensitivity = Literal["public", "internal", "confidential"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)

_LONGEST_NAME = 200


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
    wanted = _checked(tools, wanted)
    with tools.db.transaction(run.tenant) as session:
        there = _row(session, run, wanted.name)
        if there is not None and (there["configured_at"] or there["kind"] != wanted.kind):
            raise SourceRefused(
                f"There is a source {wanted.name} already: {there['location']}. `plumbline sources set` changes it, "
                "`plumbline forget` removes it."
            )
        _require_nowhere_else(session, wanted)
        _write(session, run, wanted)
    return {"source": wanted.name, "kind": wanted.kind, "location": wanted.location}


def change_source(tools: Tools, run: Run, name: str, changes: dict[str, Any]) -> Receipt:
    """
    Change what is configured of a source; what is not named stays.

    Raises:
        UnknownSource: There is none of this name.
        SourceRefused: It cannot be configured so.
    """
    known = known_source(tools, run, name)
    with tools.db.transaction(run.tenant) as session:
        row = _row(session, run, known.name)
        if row is None:
            raise UnknownSource(f"There is no source {name!r}.")
        options = {**row["options"], **changes.pop("options", {})}
        before = {key: row[key] for key in Configuration.__dataclass_fields__}
        wanted = replace(Configuration(**before), **changes, options=options)
        _write(session, run, _checked(tools, wanted))
    return {"source": known.name, "changed": sorted(changes)}


def due_sources(tools: Tools, run: Run) -> Receipt:
    """
    Return the sources of the open tenants that are due, those of each tenant by how long nobody looked at them.

    Each is what `ingest_documents` takes: `tenant` and `source`.
    """
    due: list[dict[str, str]] = []
    for tenant in dict.fromkeys((run.tenant, *tools.settings.tenants)):
        with tools.db.transaction(tenant) as session:
            rows = db.rows(session, "corpus/select_due_sources")
        due += [{"tenant": tenant, "source": row["name"]} for row in rows]
    return {"sources": due, "due": len(due)}


def _write(session: db.Session, run: Run, wanted: Configuration) -> None:
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
    )


def _row(session: db.Session, run: Run, name: str) -> DictRow | None:
    return db.row(session, "corpus/select_source", source_id=source_id_of(run.tenant, name))


def _require_nowhere_else(session: db.Session, wanted: Configuration) -> None:
    """A folder under two names would be stored, paid for and found twice."""
    for row in db.rows(session, "corpus/select_sources"):
        if (
            wanted.kind == row["kind"] != "urls"
            and wanted.location == row["location"]
            and wanted.name != row["name"]
        ):
            raise SourceRefused(
                f"{wanted.location} is known as the source {row['name']}: `plumbline sources set` changes that one, "
                "`plumbline forget` removes it."
            )


def _checked(tools: Tools, wanted: Configuration) -> Configuration:
    """What can be seen without asking the source for its documents."""
    _check_name(wanted.name)
    if wanted.kind not in KINDS or wanted.sensitivity not in SENSITIVITIES:
        raise SourceRefused(f"{wanted.kind} or {wanted.sensitivity} is not known.")
    if wanted.every_minutes < 1 or (wanted.keep_days is not None and wanted.keep_days < 1):
        raise SourceRefused("Minutes and days are numbers from 1.")
    if wanted.kind == FOLDER:
        place = Path(wanted.location).expanduser().absolute()
        if not place.is_dir():
            raise SourceRefused(f"{place} is not a folder that can be seen from here.")
        return replace(wanted, location=str(place))
    if wanted.kind == "mailbox":
        from plumbline.corpus.origins.mailboxes import fingerprint

        place = Path(wanted.location).expanduser().absolute()
        fingerprint(place)
        return replace(wanted, location=str(place))
    if wanted.kind == "store":
        for _ in tools.open_store(wanted.location).list():
            break
        return wanted
    addresses = wanted.options.get("urls", []) if wanted.kind == "urls" else [wanted.location]
    _check_addresses(addresses)
    return wanted


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise SourceRefused(f"A source has a name of up to {_LONGEST_NAME} characters that can be printed.")
    if name.startswith(f"{FOLDER}:"):
        raise SourceRefused(f"Names that begin with {FOLDER}: belong to folders without a name of their own.")


def _check_addresses(addresses: list[str]) -> None:
    if not addresses:
        raise SourceRefused("The list of addresses is empty.")
    for address in addresses:
        try:
            parts = urlsplit(address)
            usable = parts.scheme in ("http", "https") and parts.hostname
        except ValueError:
            usable = None
        if not usable:
            raise SourceRefused(f"{address!r} is no address of the web: it begins with https:// or http://.")
