"""
An index version is put into force, in one transaction; the one before can be brought back, and others dropped.

Promises:

- Searches see one whole index or the other.  Vectors are bought before the transaction; within it, under the lock of
  the tenant, nothing may be missing, or it is done anew.
- The swap says what it was based on: a comparison, or nobody's.
- What was in force stays for `KEPT`, with all that was bought for it; what is deleted from the knowledge base is
  deleted from it too, by the foreign key that every table of vectors has.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg.errors import LockNotAvailable, UniqueViolation

from plumbline.core import db
from plumbline.core.errors import Fatal, Passing
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.comparing import one_in_the_making
from plumbline.corpus.indexing import MOST_ROUNDS, Overtaken, Progress, build_graph, complete, lacks
from plumbline.corpus.versions import NoSuchIndex, Version, endpoint_for, enforce, version_of
from plumbline.models import Door, endpoint_of
from plumbline.provenance.checks import gate

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg.rows import DictRow

    from plumbline.core.db import Session

KEPT = timedelta(days=30)
"""How long an index that was swapped out is kept, so that it can be brought back."""


class NotCompared(Fatal):
    """Nobody has looked at what the swap would do to searches."""


class NotToBeSwapped(Fatal):
    """The version is in force, or cannot be put into force."""


class IndexInUse(Passing):
    """A table cannot be dropped now, because somebody reads or writes what belongs to it."""


def swap_index(
    tools: Tools,
    run: Run,
    *,
    index_id: int | None = None,
    without_comparison: bool = False,
    wanted: bool = True,
    progress: Progress = lambda _: None,
) -> Receipt:
    """
    Put an index version into force; unless that is `wanted`, only say that it could be.

    Raises:
        NoSuchIndex: There is none of this number, or none, or several, in the making where no number is given.
        NotCompared: It was not compared with the one in force.
        NotToBeSwapped: It is in force, or retired.
        Overtaken: Chunks were published again and again meanwhile.
        ChecksFailed: A chunk would have no vector.  Nothing has changed.
    """
    with tools.db.transaction(run.tenant) as session:
        version = version_of(session, one_in_the_making(session) if index_id is None else int(index_id))
        comparison = db.row(session, "corpus/select_latest_comparison", index_id=version["index_id"])
    _require_building(version)
    if not wanted:
        return {"index_id": version["index_id"], "swapped": False}
    if comparison is None and not without_comparison:
        raise NotCompared(
            f"Index {version['index_id']} was not compared with the one in force: `plumbline index compare`, or "
            "--without-comparison."
        )
    if comparison is None:
        # Nothing has shown yet that the model answers; a search that nobody can embed finds by words alone.
        _door(tools, run, version).verify()
    return _swapped(tools, run, version, comparison["comparison_id"] if comparison else None, progress)


def previous_index(tools: Tools, run: Run) -> DictRow:
    """
    Return the version that was in force last, and is kept.

    Raises:
        NoSuchIndex: There is none.
    """
    with tools.db.transaction(run.tenant) as session:
        found = db.row(session, "corpus/select_previous_index")
    if found is None:
        raise NoSuchIndex(
            f"No index can be brought back: one that was swapped out is kept for {KEPT.days} days, and none is."
        )
    return found


def bring_back(tools: Tools, run: Run, *, progress: Progress = lambda _: None) -> Receipt:
    """
    Put the version that was in force before into force again, completed by what was published since.

    Raises:
        NoSuchIndex: None is kept, or it has just gone.
        NotToBeSwapped: An index of the same model is in the making.
        Overtaken: Chunks were published again and again meanwhile.
    """
    version = previous_index(tools, run)
    _door(tools, run, version).verify()
    try:
        with tools.db.transaction(run.tenant) as session:
            db.run(session, "corpus/lock_tenant", tenant=run.tenant)
            reopened = db.run(session, "corpus/reopen_index", index_id=version["index_id"])
    except UniqueViolation as error:
        raise NotToBeSwapped(
            f"Another index by {version['model']} ({version['dimensions']} dimensions) is in the making: drop it "
            "first, by `plumbline index drop`."
        ) from error
    if not reopened:
        raise NoSuchIndex(
            f"Index {version['index_id']} cannot be brought back any more: it was dropped or put into force meanwhile, "
            f"or its {KEPT.days} days are over."
        )
    return _swapped(tools, run, version, None, progress)


def drop_index(tools: Tools, run: Run, *, index_id: int) -> Receipt:
    """
    Drop an index version that is not in force.

    Raises:
        NoSuchIndex: There is none of this number.
        NotToBeSwapped: It is in force.
        IndexInUse: Its table is busy.
    """
    try:
        with tools.keeper.transaction(run.tenant) as session:
            db.run(session, "corpus/lock_tenant", tenant=run.tenant)
            with tools.db.transaction(run.tenant) as reading:
                version = version_of(reading, index_id)
            if version["state"] == "in_force":
                raise NotToBeSwapped(f"Index {index_id} is in force: swap to another one first.")
            session.execute("set local lock_timeout = '5s'")
            db.run(session, "corpus/drop_index", tenant=run.tenant, index_id=index_id)
    except LockNotAvailable as error:
        raise IndexInUse(
            f"Index {index_id} cannot be dropped now: its tables are busy. Try again."
        ) from error
    return {"index_id": index_id, "model": version["model"], "dimensions": version["dimensions"]}


def _require_building(version: Version) -> None:
    number = version["index_id"]
    if version["state"] == "in_force":
        raise NotToBeSwapped(f"Index {number} is in force already.")
    if version["state"] == "retired":
        raise NotToBeSwapped(f"Index {number} is retired: `plumbline index back` brings back the last one.")


def _swapped(
    tools: Tools, run: Run, version: Version, comparison: UUID | None, progress: Progress
) -> Receipt:
    given = 0
    for _ in range(MOST_ROUNDS):
        given += int(str(complete(tools, run, version, progress)["given"]))
        progress("indexing")
        build_graph(tools, run, version["index_id"])
        progress("swapping")
        with tools.db.transaction(run.tenant) as session:
            db.run(session, "corpus/lock_tenant", tenant=run.tenant)
            now = version_of(session, version["index_id"])
            _require_building(now)
            if not lacks(session, now):
                return {**_put_into_force(session, tools, run, now, comparison), "given": given}
    raise Overtaken(
        f"Index {version['index_id']} was not swapped: chunks were published again and again while their vectors "
        "were bought. Start the same again, when less is published."
    )


def _put_into_force(
    session: Session, tools: Tools, run: Run, version: DictRow, comparison: UUID | None
) -> Receipt:
    """Swap, under the lock of the tenant: every chunk has its vector."""
    own, index_id = (version["model"], version["dimensions"]), version["index_id"]
    connection = endpoint_of(tools.settings, tools.provider)
    named = (connection.model, connection.dimensions)
    table = version["table_name"]
    before = db.row(session, "corpus/select_index_in_force")
    edges = {"table_name": f"corpus.{table}", "model": own[0]}
    made_by = {"run_id": run.run_id, "code_version": run.code_version}
    session.execute(db.on_embeddings("corpus/insert_swap_edges", table), {**edges, **made_by})
    enforce(session, index_id, kept=KEPT, instead_of=None if named == own else named, compared_by=comparison)
    session.execute(db.on_embeddings("corpus/update_chunk_answer_keys", table))
    overtaken = db.value(session, "corpus/count_overtaken", index_id=index_id)
    db.run(session, "corpus/supersede_for_swap", index_id=index_id)
    gate(session, run, "corpus/published/every_chunk_has_one_vector")
    return {
        "index_id": index_id,
        "model": own[0],
        "dimensions": own[1],
        "swapped": True,
        "retired": before["index_id"] if before else None,
        "kept_days": KEPT.days,
        "instead_of": None if named == own else f"{named[0]} ({named[1]})",
        "compared_by": str(comparison) if comparison else None,
        "ingestions_begun_anew": overtaken,
    }


def _door(tools: Tools, run: Run, version: Version) -> Door:
    return Door(tools, run, endpoint=endpoint_for(tools, version))
