"""
What a run over a source agrees on: the source's identity, the pipeline's fingerprint, the ids of its documents.

A source is known by its tenant and name, a document by its source and path.  Where nobody gives a name, the folder's
path is the name: the same documents under another path are another source.  What somebody has configured
(`plumbline sources add`) lies in `corpus.source`.  The pipeline's fingerprint goes up when
extraction, chunking, or what is taken out before sending would give another result for the same bytes: then every
document is read anew, and only what is sent otherwise than before is paid for.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.hashing import stable_uuid
from plumbline.core.receipts import Run
from plumbline.core.settings import Settings
from plumbline.core.tools import Tools

PIPELINE = "extract-3 chunk-1 terms-1 flags-2 minimise-2"

FOLDER = "folder"
ON_DISK = frozenset({FOLDER, "mailbox"})
"""Kinds of sources that lie on a disk of the machine that reads them."""

FORGOTTEN = "forgotten"
"""Stands for the pipeline of an ingestion that read nothing, because its source was to be forgotten."""


class FolderClosed(Fatal):
    """A DAG was told to read a folder that is not open to DAGs."""


class UnusableName(Fatal):
    """The name of a source, or the path of its folder, cannot be stored as text."""


class UnknownSource(Fatal):
    """Nothing was ever ingested from a source of this name, or it was forgotten."""


class NotAFolder(Fatal):
    """A folder was named for a source that is configured as something else."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    Where documents come from.

    `location` is the path of a folder or mailbox, or an address; `options` are what its kind needs besides.
    `keep_days` is its time-to-live: what it has not changed for so long is removed.
    """

    source_id: uuid.UUID
    name: str
    location: str
    kind: str = FOLDER
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_days: int | None = None

    @property
    def folder(self) -> Path:
        """The folder, or the mailbox, as a path."""
        return Path(self.location)

    @property
    def is_folder(self) -> bool:
        """Whether it is read where it lies; from any other, documents are fetched first."""
        return self.kind == FOLDER


def source_of(tools: Tools, run: Run, folder: str | None, name: str | None) -> Source:
    """
    Return the source of a run, with what is configured of it.

    A folder is a source, whose path is its name, unless one is given; a name alone is that of a known source; and
    neither means the inbox.

    Raises:
        FolderClosed: A DAG was told to read a folder that is not open to DAGs.
        NotAFolder: A folder is given for a source that is none.
        UnknownSource: Only a name is given, and there is no such source.
        UnusableName: The name or the path is no text.
    """
    if not name or folder:
        return _configured(tools, run, folder_source(tools.settings, run, folder, name))
    _require_text(name)
    found = known_source(tools, run, name)
    if run.dag_id is not None and found.kind in ON_DISK:
        _require_open(found.folder, tools.settings.open_folders)
    return found


def folder_source(settings: Settings, run: Run, folder: str | None, name: str | None) -> Source:
    """
    Return a folder as a source: the inbox, unless another is named; its path is its name, unless one is given.

    Raises:
        FolderClosed: A DAG was told to read a folder that is not open to DAGs.
        UnusableName: The name or the path is no text.
    """
    location = _place(folder) if folder else settings.inbox.absolute()
    name = name or _name_of(location)
    _require_text(f"{name} at {location}")
    if run.dag_id is not None:
        _require_open(location, settings.open_folders)
    return Source(source_id_of(run.tenant, name), name, str(location))


def _configured(tools: Tools, run: Run, target: Source) -> Source:
    """The source with what is configured under its name; its folder is where it was found now."""
    with tools.db.transaction(run.tenant) as session:
        row = db.row(session, "corpus/select_source", source_id=target.source_id)
    if row is None:
        return target
    found = source_from(row)
    if not found.is_folder:
        raise NotAFolder(
            f"The source {target.name} is configured as {found.location}, and not as a folder: leave the folder out."
        )
    return replace(found, location=target.location)


def source_from(row: Mapping[str, Any]) -> Source:
    """Return the source that a row of corpus.source, or one joined to it, describes.  Pure."""
    return Source(
        row["source_id"], row["name"], row["location"], row["kind"], row["options"], row["keep_days"]
    )


def source_id_of(tenant: str, name: str) -> uuid.UUID:
    """Return the id of a source, which is made of its tenant and name.  Pure."""
    return stable_uuid("source", tenant, name)


def known_source(tools: Tools, run: Run, name: str) -> Source:
    """
    Return a source that is configured or that documents were read from, by its name or, if it is the only one there,
    by its folder.

    Raises:
        UnknownSource: There is none; the message lists those that there are.
    """
    return find_source(known_sources(tools, run), name, run.tenant)


def find_source(known: Mapping[str, Source], name: str, tenant: str) -> Source:
    """
    Return that one of the known sources of a tenant, as `known_source` does.  Pure.

    Raises:
        UnknownSource: It is not among them; the message lists them.
    """
    place = _place(name)
    found = known.get(name) or known.get(_name_of(place))
    if found is None and len(there := [one for one in known.values() if one.location == str(place)]) == 1:
        found = there[0]
    if found is None:
        listed = "".join(f"\n  {one}" for one in known) or " none"
        raise UnknownSource(f"There is no source {name!r}. The sources of the tenant {tenant} are:{listed}")
    return found


def known_sources(tools: Tools, run: Run) -> dict[str, Source]:
    """Return the sources of the run's tenant by their names, those that were forgotten left out."""
    with tools.db.transaction(run.tenant) as session:
        rows = db.rows(session, "corpus/select_sources")
    return {row["name"]: source_from(row) for row in rows}


def _place(folder: str) -> Path:
    """The folder that somebody has typed; the home of an unknown user stays as it was typed."""
    return Path(os.path.expanduser(folder)).absolute()  # noqa: PTH111 - pathlib's raises for an unknown user


def _name_of(location: Path) -> str:
    return f"folder:{location}"


def _require_text(name: str) -> None:
    told = name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    if told != name:
        raise UnusableName(f"The source {told} has a name that is not UTF-8 text: rename it.")


def is_open(location: Path, folders: list[Path]) -> bool:
    """Whether a path lies at or below one of the folders, links followed."""
    place = Path(os.path.realpath(location))
    return any(place.is_relative_to(os.path.realpath(folder)) for folder in folders)


def _require_open(location: Path, folders: list[Path]) -> None:
    """
    Hold a run of a DAG to the folders that are open to it, links followed.

    Whoever may trigger a DAG is not thereby somebody who may read whatever the worker can.
    """
    if not is_open(location, folders):
        message = (
            f"{location} is not open to DAGs: they read the inbox and the folders of PLUMBLINE_FOLDERS, "
            "and what lies below them. Add the folder to that setting, or read it by `plumbline ingest`."
        )
        raise FolderClosed(message)


INGESTION_COUNTS = (
    "found",
    "stored",
    "unchanged",
    "refused",
    "removed",
    "chunks_added",
    "chunks_kept",
    "chunks_removed",
    "embedded",
    "reused",
    "requests",
    "tokens",
)
"""What an ingestion counts, as columns of corpus.ingestion; receipts and summaries give all of them."""

STAND_IN = "local-wordllama"
"""The embedding model of the embedded server; whatever it answers is said to come from it."""


def known_as(model: str) -> str:
    """Return how a model is called before people: the stand-in is never mistaken for more."""
    return f"{model}, the embedded stand-in" if model == STAND_IN else model
