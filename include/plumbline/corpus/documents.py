"""
What is in the knowledge base, what was refused and why, what changed since when, and how two versions differ.

Read only, and within one tenant.  Lists come in the order of source and path, a page at a time, so that a knowledge
base of any size can be listed to its end.  The text of a document that has left its source is gone with it: its
versions are still listed, by their fingerprints, and cannot be compared any more.
"""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools

if TYPE_CHECKING:
    from psycopg.rows import DictRow

_PAGE = 1_000
_AGO = re.compile(r"(\d{1,4})\s*([mhdw])", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class NoSuchDocument(Fatal):
    """No document is, or was, at this path; or more than one is."""


class TextGone(Fatal):
    """The text of a version is no longer kept, so that it cannot be compared."""


class NoMoment(Fatal):
    """A moment cannot be read."""


@dataclass(frozen=True, slots=True)
class Scope:
    """
    Which documents are meant; what is None does not narrow.

    `path` is how paths begin; `flagged` leaves only those that try to instruct a model.
    """

    source: str | None = None
    path: str | None = None
    kind: str | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """How two versions of one document differ: a unified diff of their texts, line by line; empty where they agree."""

    source: str
    path: str
    older: DictRow
    newer: DictRow
    lines: list[str]


def documents(tools: Tools, run: Run, scope: Scope) -> Iterator[DictRow]:
    """Yield the documents that are searchable now."""
    yield from _listed(tools, run, "corpus/select_documents", scope)


def refusals(tools: Tools, run: Run, scope: Scope) -> Iterator[DictRow]:
    """Yield the files that could not be taken in, each with its reason."""
    yield from _listed(tools, run, "corpus/select_refused_documents", scope)


def changes(
    tools: Tools, run: Run, scope: Scope, *, since: datetime, most: int, reread: bool = False
) -> list[DictRow]:
    """
    Return what was added, changed, removed or refused since a moment, the latest first, at most so many.

    A document whose file was read anew, with the same text as before, has not changed; `reread` lists it as well.
    """
    narrowed = {"source": scope.source, "path": scope.path, "reread": reread}
    with tools.db.transaction(run.tenant) as session:
        return db.rows(session, "corpus/select_changes", since=since, page=most, **narrowed)


def versions(tools: Tools, run: Run, named: str, *, source: str | None = None) -> list[DictRow]:
    """
    Return the versions of one document, newest first; it is named by its path or its id.

    Raises:
        NoSuchDocument: There is none, or several sources have one.
    """
    with tools.db.transaction(run.tenant) as session:
        found = db.rows(
            session, "corpus/select_document_versions", path=named, document_id=_as_id(named), source=source
        )
    if not found:
        raise NoSuchDocument(
            f"No document is, or was, at {named!r}: `plumbline documents` lists those that are."
        )
    if len({row["document_id"] for row in found}) > 1:
        places = "".join(f"\n  {name}" for name in dict.fromkeys(row["source"] for row in found))
        raise NoSuchDocument(f"Several sources have a document at {named!r}; name one with --source:{places}")
    return found


def difference(
    tools: Tools,
    run: Run,
    named: str,
    *,
    source: str | None = None,
    older: str | None = None,
    newer: str | None = None,
) -> Difference:
    """
    Return how two versions of a document differ: the two latest, unless the beginnings of their ids are given.

    Raises:
        NoSuchDocument: There is no such document, or no such version of it.
        TextGone: The text of one of them is no longer kept.
    """
    known = versions(tools, run, named, source=source)
    new = _version(known, newer) if newer else known[0]
    old = _version(known, older) if older else _before(known, new)
    with tools.db.transaction(run.tenant) as session:
        texts = [
            db.value(session, "corpus/select_version_text", version_id=row["version_id"])
            for row in (old, new)
        ]
    if None in texts:
        raise TextGone(
            f"{new['path']} has left its source, and its text with it: only fingerprints are kept."
        )
    lines = difflib.unified_diff(
        texts[0].split("\n"),
        texts[1].split("\n"),
        fromfile=f"{old['version_id']} published {old['published_at']:%Y-%m-%d %H:%M}",
        tofile=f"{new['version_id']} published {new['published_at']:%Y-%m-%d %H:%M}",
        lineterm="",
    )
    return Difference(new["source"], new["path"], old, new, list(lines))


def moment(said: str, now: datetime) -> datetime:
    """
    Return the moment that a person means: `36h`, `7d` or `2w` ago, a day or a time (ISO 8601; UTC, if it has no zone).

    Pure.

    Raises:
        NoMoment: It is none of these.
    """
    if ago := _AGO.fullmatch(said.strip()):
        return now - timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])})
    try:
        read = datetime.fromisoformat(said.strip())
    except ValueError:
        raise NoMoment(f"{said!r} is no moment: write 36h, 7d, 2w, 2026-11-01 or 2026-11-01T09:30.") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _listed(tools: Tools, run: Run, statement: str, scope: Scope) -> Iterator[DictRow]:
    after = ("", "")
    while True:
        with tools.db.transaction(run.tenant) as session:
            page = db.rows(
                session,
                statement,
                source=scope.source,
                path=scope.path,
                kind=scope.kind,
                flagged=scope.flagged,
                after_source=after[0],
                after_path=after[1],
                page=_PAGE,
            )
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]["source"], page[-1]["path"]


def _as_id(named: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(named)
    except ValueError:
        return None


def _version(known: list[DictRow], begins: str) -> DictRow:
    found = [row for row in known if str(row["version_id"]).startswith(begins.lower())]
    if len(found) != 1:
        listed = "".join(f"\n  {row['version_id']}  {row['published_at']:%Y-%m-%d %H:%M}" for row in known)
        what = "No version begins" if not found else "Several versions begin"
        raise NoSuchDocument(f"{what} with {begins!r}. The versions of {known[0]['path']} are:{listed}")
    return found[0]


def _before(known: list[DictRow], new: DictRow) -> DictRow:
    earlier = [row for row in known if row["published_at"] < new["published_at"]]
    if not earlier:
        raise NoSuchDocument(
            f"{new['path']} has no version before {new['version_id']}: there is nothing to compare."
        )
    return earlier[0]
