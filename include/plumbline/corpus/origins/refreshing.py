"""
The step before a scan, for sources that are no folder: find out what is new, changed or gone, and write it down.

Promises:

- What was fetched is kept page by page, so a run that was cut off asks for nothing twice.
- Only a look that reached its end takes anything for gone.  A source that does not answer loses nothing; its problem is
  written down and told (`require_refreshed`), and its documents still go when they have outlived their time.
- Nothing here pays: what is asked of a model comes later.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.errors import Fatal, Passing, PlumblineError
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.origins.changes import Change, Left, Problem, Same, Taken
from plumbline.corpus.outcomes import Bounds
from plumbline.corpus.sources import Source, source_of

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

log = logging.getLogger(__name__)

_BATCH = 100
_LOOKED_A_NOTE = 100


class SourceAway(Fatal):
    """A source did not answer; what is known from it stays."""


class SourceBusy(Passing):
    """Another run is looking at the source."""


class Forgotten(Fatal):
    """The source was forgotten meanwhile."""


def refresh_source(
    tools: Tools, run: Run, *, folder: str | None = None, source: str | None = None, plan_only: bool = False
) -> Receipt:
    """
    Find out what is new, changed or gone in a source that is no folder; a folder is read where it lies.

    A source that does not answer is no error as long as something is known from it: the receipt says `problem`.
    With `plan_only` it is not asked.

    Raises:
        UnknownSource, NotAFolder, FolderClosed, UnusableName: As `source_of` does.
        SourceBusy: Another run is looking at it.
        Forgotten: It was forgotten meanwhile.
        PlumblineError: The source does not answer, and nothing is known from it.
    """
    target = source_of(tools, run, folder, source)
    return {"source": target.name, "problem": None} if plan_only else refresh(tools, run, target)


def refresh(tools: Tools, run: Run, target: Source) -> Receipt:
    """Do what `refresh_source` does, for a source that was looked up before."""
    if target.is_folder:
        return {"source": target.name, "problem": None}
    with _alone(tools, target):
        with tools.db.transaction(run.tenant) as session:
            known = db.rows(session, "corpus/select_items_to_compare", source_id=target.source_id)
        look = _Look(tools, run, target, known)
        try:
            return look.carry_out()
        except Forgotten:
            raise
        except PlumblineError as error:
            with tools.db.transaction(run.tenant) as session:
                db.run(
                    session, "corpus/update_source_problem", source_id=target.source_id, problem=str(error)
                )
            if not known:
                raise
            log.warning("%s did not answer: %s", target.name, error)
            return {"source": target.name, "problem": str(error), **look.counts()}


def problem_of(tools: Tools, run: Run, target: Source) -> str | None:
    """Return why the source did not answer the last time, or None where it did."""
    with tools.db.transaction(run.tenant) as session:
        row = db.row(session, "corpus/select_source", source_id=target.source_id)
    return None if row is None else row["problem"]


def require_refreshed(tools: Tools, run: Run, *, problem: str | None = None) -> Receipt:  # noqa: ARG001 - a step
    """
    Let a run end as failed whose source did not answer, when all that could be done without it is done.

    Raises:
        SourceAway: It did not.
    """
    if problem:
        raise SourceAway(f"The source did not answer, and stays as it was: {problem}")
    return {}


@contextlib.contextmanager
def _alone(tools: Tools, target: Source) -> Iterator[None]:
    """
    Let nobody else look at the source; two at once would ask a site twice.  The lock dies with its process.

    Raises:
        SourceBusy: Somebody does.
    """
    session = tools.db.borrow()
    key = {"key": f"corpus.refresh {target.source_id}"}
    try:
        if not db.value(session, "corpus/try_lock_refresh", **key):
            raise SourceBusy(
                f"{target.name} is being looked at by another run; its documents come with that one."
            )
        try:
            yield
        finally:
            db.run(session, "corpus/unlock_refresh", **key)
    finally:
        tools.db.give_back(session)


class _Look:
    """One look at a source: what it says of each document, written down as it comes."""

    def __init__(self, tools: Tools, run: Run, target: Source, known: list[DictRow]) -> None:
        self._tools, self._run, self._target = tools, run, target
        self._known = known
        self._counted: Counter[str] = Counter()
        self._keys = {"source_id": target.source_id}

    def carry_out(self) -> Receipt:
        """Look at every document, then take for gone what was not there."""
        with self._tools.db.transaction(self._run.tenant) as session:
            row = db.row(session, "corpus/begin_look", **self._keys)
        if row is None:
            raise _forgotten(self._target)
        refreshed_as = _fingerprint(self._target)
        if refreshed_as is None or refreshed_as != row["refreshed_as"] or row["problem"] is not None:
            seen = self._write(self._changes(row["look_began_at"]))
            self._sweep(seen)
        else:
            self._counted["same"] = len(self._known)
        with self._tools.db.transaction(self._run.tenant) as session:
            db.run(session, "corpus/update_source_refreshed", **self._keys, refreshed_as=refreshed_as)
        return {"source": self._target.name, "problem": None, **self.counts()}

    def counts(self) -> Receipt:
        """Return how many documents were taken, the same, gone, or could not be had."""
        return {name: self._counted[name] for name in ("taken", "same", "gone", "problems")}

    def _changes(self, began: datetime) -> Iterator[Change]:
        """Say what became of each document; what only one kind of source needs is imported for that kind."""
        target, bounds = self._target, Bounds.of(self._target.keep_days)
        by_address = {row["address"]: row for row in self._known}
        if target.kind == "store":
            from plumbline.corpus.origins.objects import changes_of_store

            return changes_of_store(self._tools.open_store(target.location), by_address, bounds)
        if target.kind == "mailbox":
            from plumbline.corpus.origins.mailboxes import changes_of_mailbox

            return changes_of_mailbox(target.folder, {row["path"]: row for row in self._known}, bounds)
        from plumbline.corpus.origins.pages import changes_of_site

        return changes_of_site(target, by_address, bounds, began, self._tools.settings.contact)

    def _write(self, changes: Iterable[Change]) -> set[str]:
        """Write down what comes; return the paths that are there.  A page is kept at once: nobody is asked twice."""
        batch: list[Change] = []
        most = 1 if self._target.kind in ("urls", "sitemap") else _BATCH
        seen: set[str] = set()
        try:
            for number, change in enumerate(changes, 1):
                if not isinstance(change, Left):
                    seen.add(change.path)
                batch.append(change)
                if len(batch) >= most:
                    full, batch = batch, []
                    self._note(full)
                if number % _LOOKED_A_NOTE == 0:
                    log.info("%s: looked at %d documents", self._target.name, number)
        finally:
            self._note(batch)  # what was fetched before a failure is not fetched again
        return seen

    def _note(self, batch: list[Change]) -> None:
        with self._tools.db.transaction(self._run.tenant) as session:
            if not db.value(session, "corpus/hold_source", **self._keys):
                raise _forgotten(self._target)
            same = [change for change in batch if isinstance(change, Same)]
            asked = [change.path for change in same if change.asked]
            db.run(session, "corpus/confirm_items", **self._keys, paths=asked)
            self._counted["same"] += len(same)
            for change in batch:
                if isinstance(change, Taken):
                    self._take(session, change)
                elif isinstance(change, Problem):
                    self._note_problem(session, change)

    def _take(self, session: Session, taken: Taken) -> None:
        self._counted["taken"] += 1
        db.run(
            session,
            "corpus/upsert_item",
            **self._keys,
            tenant=self._run.tenant,
            path=taken.path,
            address=taken.address,
            kind=taken.kind,
            bytes=taken.size,
            sha256=taken.sha256,
            etag=taken.etag,
            last_modified=taken.last_modified,
            modified_at=taken.modified_at,
            content=taken.kept,
        )

    def _note_problem(self, session: Session, problem: Problem) -> None:
        self._counted["problems"] += 1
        db.run(
            session,
            "corpus/upsert_item_problem",
            **self._keys,
            tenant=self._run.tenant,
            path=problem.path,
            address=problem.address,
            code=problem.code,
            reason=problem.reason,
        )

    def _sweep(self, seen: set[str]) -> None:
        gone = [row["path"] for row in self._known if row["path"] not in seen]
        with self._tools.db.transaction(self._run.tenant) as session:
            self._counted["gone"] += db.run(session, "corpus/delete_items", **self._keys, paths=gone)


def _forgotten(target: Source) -> Forgotten:
    return Forgotten(f"{target.name} was forgotten while it was looked at; nothing of it is kept.")


def _fingerprint(target: Source) -> str | None:
    if target.kind != "mailbox":
        return None
    from plumbline.corpus.origins.mailboxes import fingerprint

    return fingerprint(target.folder)
