"""
The first step of an ingestion: find out what there is to do, and write it down.

Promises:

- The source is read once, file by file; memory does not grow with it.
- Only what is new, changed, refused or gone gets a row in the plan.  An unchanged document costs nothing further.
- A folder that is missing, or suddenly empty, or closed to us is never taken for one whose documents were removed.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Receipt, Run
from plumbline.core.sql import statement
from plumbline.core.tools import Tools
from plumbline.corpus.chunking import document_id
from plumbline.corpus.origins import origin_of, problem_of, refresh
from plumbline.corpus.origins.refreshing import Forgotten
from plumbline.corpus.outcomes import ACCESS_CODES, STRAINED_CODES, Found, Refusal
from plumbline.corpus.sources import FORGOTTEN, PIPELINE, Source, known_source, source_of
from plumbline.corpus.versions import endpoint_in_force, opened

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

FILES_A_SHARD = 500
"""Fewer do not repay the seconds that a task takes to start."""
FEW_SHARDS = 16
"""So many shards, and no more, until each of them is full."""
FULL_SHARD = 5_000
"""So many files take some ten seconds of text, and minutes of PDF: what one task may well read."""
MOST_SHARDS = 1_000
"""
Airflow fails a task whose list is longer than its `[core] max_map_length`, which is 1,024 unless somebody changes it.

The list holds MISSING_VECTORS too.
"""
MISSING_VECTORS = -1
"""The shard that gives published chunks their vectors in an index in the making."""

_COLUMNS = ("text", "uuid", "text", "int8", "bytea", "text", "text")


class SourceEmptied(Fatal):
    """All documents of a source vanished at once, which is far more often a mistake than a wish."""


def scan_source(
    tools: Tools,
    run: Run,
    *,
    folder: str | None = None,
    source: str | None = None,
    allow_empty: bool = False,
    refreshed: bool = False,
) -> Receipt:
    """
    Compare a source with what is stored, and plan what is new, changed, refused or gone.

    Of a source that is no folder, what is new is fetched first, unless it was `refreshed` just now.  Returns the
    ingestion's id, its shards (at least one), the counts of the plan, and the `problem` of a source that was away.

    Raises:
        InboxMissing: The folder is absent or closed to us.
        FolderClosed: A DAG was told to read a folder that is not open to DAGs.
        UnknownSource: Only a name is given, and there is no such source.
        SourceEmptied: It holds nothing, and documents are known from it; `allow_empty` says that this is meant.
    """
    target = source_of(tools, run, folder, source)
    problem = problem_of(tools, run, target) if refreshed else refresh(tools, run, target)["problem"]
    endpoint = endpoint_in_force(tools, run)
    index = opened(tools, run, endpoint.model, endpoint.dimensions)
    seen = origin_of(tools, run, target).scan()
    return {**_plan(tools, run, target, index, seen, allow_empty=allow_empty), "problem": problem or ""}


def forget_source(tools: Tools, run: Run, *, source: str) -> Receipt:
    """
    Plan the removal of all that is known from a source, as if its folder had been emptied and that were meant.

    Nothing is read and nothing is bought, so there are no shards to prepare.  Returns what `scan_source` does.

    Raises:
        UnknownSource: There is no such source.
    """
    target = known_source(tools, run, source)
    with tools.db.transaction(run.tenant) as session:
        index = db.row(session, "corpus/select_index_to_keep")
    assert index is not None  # noqa: S101 - a source is registered after the first index
    plan = _plan(tools, run, target, index, (), pipeline=FORGOTTEN, allow_empty=True)
    return {**plan, "shards": []}


def _plan(
    tools: Tools,
    run: Run,
    target: Source,
    index: DictRow,
    seen: Iterable[Found | Refusal],
    *,
    pipeline: str = PIPELINE,
    allow_empty: bool,
) -> Receipt:
    """Write down what is to become of the documents of a source, now that these files were seen in it."""
    ingestion_id = uuid.uuid4()
    with tools.db.transaction(run.tenant) as session:
        _register(session, run, target)
        counts = compare(session, run, target, seen)
        _refuse_emptied(target, counts, allow_empty=allow_empty)
        shards = shards_for(counts["store"])
        keys = {"ingestion_id": ingestion_id, "source_id": target.source_id}
        db.run(session, "corpus/lock_tenant", tenant=run.tenant)
        db.run(session, "corpus/supersede_ingestions", source_id=target.source_id)
        db.run(
            session,
            "corpus/insert_ingestion",
            **keys,
            tenant=run.tenant,
            index_id=index["index_id"],
            run_id=run.run_id,
            dag_id=run.dag_id,
            dag_run_id=run.dag_run_id,
            pipeline=pipeline,
            found=counts["found"],
            unchanged=counts["unchanged"],
        )
        db.run(session, "corpus/insert_plan", ingestion_id=ingestion_id, tenant=run.tenant, shards=shards)
        db.run(session, "corpus/delete_stale_staging", **keys, pipeline=pipeline, index_id=index["index_id"])
        lacking = [MISSING_VECTORS] if _lacks_vectors(session, index, ingestion_id) else []
    return {
        "ingestion_id": str(ingestion_id),
        "source": target.name,
        "shards": [*range(shards), *lacking],
        "found": counts["found"],
        "to_store": counts["store"],
        "unchanged": counts["unchanged"],
        "refused": counts["refuse"],
        "building": index["state"] == "building",
        "newly_refused": counts["newly_refused"],
        "to_remove": counts["remove"],
        "model": index["model"],
    }


def shards_for(files: int) -> int:
    """
    Return into how many shards so many files are cut: few, as long as the length of a task allows it.  Pure.

    Above MOST_SHARDS full ones, shards grow: a task that dies loses a page of files, however many it has.
    """
    few = min(-(-files // FILES_A_SHARD), FEW_SHARDS)
    return min(max(1, few, -(-files // FULL_SHARD)), MOST_SHARDS)


def compare(session: Session, run: Run, target: Source, seen: Iterable[Found | Refusal]) -> DictRow:
    """Fill the temporary table `compared` with what a run that sees these files would do, and count it."""
    db.run(session, "corpus/create_scanned")
    with session.cursor().copy(statement("corpus/copy_scanned").encode()) as copy:
        copy.set_types(_COLUMNS)
        for row in _scanned_rows(run, target, seen):
            copy.write_row(row)
    db.run(
        session,
        "corpus/create_compared",
        source_id=target.source_id,
        pipeline=PIPELINE,
        passing_codes=sorted(ACCESS_CODES),
        strained_codes=sorted(STRAINED_CODES),
    )
    counts = db.row(session, "corpus/count_compared")
    assert counts is not None  # noqa: S101 - an aggregate always has a row
    return counts


def _refuse_emptied(target: Source, counts: DictRow, *, allow_empty: bool) -> None:
    if counts["scanned"] or not counts["remove"] or allow_empty:
        return
    told = shlex.quote(target.location) if target.is_folder else f"--source {shlex.quote(target.name)}"
    message = (
        f"{target.location} is empty, but {counts['remove']} documents are known from it. Nothing was removed. "
        f"If this is meant, say so: `plumbline ingest {told} --allow-empty`, or the parameter allow_empty of the DAG."
    )
    raise SourceEmptied(message)


def _register(session: Session, run: Run, target: Source) -> None:
    db.run(
        session,
        "corpus/upsert_source",
        source_id=target.source_id,
        tenant=run.tenant,
        name=target.name,
        kind=target.kind,
        location=target.location,
        owner=run.team,
    )
    locked = db.row(session, "corpus/lock_source", source_id=target.source_id)
    if not target.is_folder and (locked is None or locked["configured_at"] is None):
        raise Forgotten(f"{target.name} was forgotten meanwhile; nothing of it is taken in.")


def _scanned_rows(run: Run, target: Source, seen: Iterable[Found | Refusal]) -> Iterator[tuple[object, ...]]:
    for one in seen:
        document = document_id(run.tenant, target.name, one.path)
        if isinstance(one, Found):
            yield one.path, document, one.kind, one.size, one.sha256, None, None
        else:
            yield one.path, document, None, one.size, one.sha256, one.code, one.reason


def _lacks_vectors(session: Session, index: DictRow, ingestion_id: uuid.UUID) -> bool:
    if index["state"] != "building":
        return False
    query = db.on_embeddings("corpus/count_chunks_without_vector", index["table_name"])
    found = session.execute(query, {"ingestion_id": ingestion_id}).fetchone()
    return bool(found and found["missing"])
