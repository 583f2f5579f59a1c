"""
Another index beside the one in force: built page by page, while searches and ingestions go on.

Promises:

- A page is bought, and then kept in one transaction.  Whatever kills a build, the next one buys only what is missing:
  answers that were bought and not yet kept are not swept for a day, and those that are kept, as long as the version is.
- The index in force is not touched before `plumbline.corpus.swapping.swap_index`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg.errors import UndefinedTable

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.memory import cycles_sought_rarely
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.index_plans import PAGE, wanted_index
from plumbline.corpus.preparing import EMBED_CHUNK
from plumbline.corpus.versions import NoSuchIndex, Version, endpoint_for, opened
from plumbline.models import Door
from plumbline.models.batches import Work, open_plans, turn

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session
    from plumbline.models import TextStream

MOST_ROUNDS = 5
"""So often is caught up with what was published meanwhile, before somebody is told."""

INSERTING, BUILDING = 8.6, 2.5
"""Milliseconds that a vector costs a graph: one that is inserted, and one of many of which it is built."""

Progress = Callable[[str], None]


class Overtaken(Fatal):
    """Chunks are published faster than their vectors are bought, or their answers do not last."""


def build_index(
    tools: Tools,
    run: Run,
    *,
    model: str | None = None,
    dimensions: int = 0,
    in_batches: bool = False,
    progress: Progress = lambda _: None,
) -> Receipt:
    """
    Build an index beside the one in force, or complete the one in the making; searches go on with the one in force.

    `in_batches`: through the Batch API first, at its price and within its day; what comes meanwhile is bought singly.
    Whoever breaks off the wait finds the batches again.

    Raises:
        NoIndexNamed: Nothing says which index is meant.
        InForceAlready: It is in force.
        PriceUnknown: The model has no price, so that nothing may be bought from it.
        Overtaken: Chunks were published again and again meanwhile.
    """
    endpoint, _ = wanted_index(tools, run, model, dimensions or None, None)
    version = opened(tools, run, endpoint.model, endpoint.dimensions)
    batches: Receipt = {}
    if in_batches:
        batches = _carry_out(tools, run, *_planned(tools, run, version), progress)
    bought = complete(tools, run, version, progress)
    progress("indexing")
    graph = build_graph(tools, run, version["index_id"])
    return {
        "index_id": version["index_id"],
        "model": version["model"],
        "dimensions": version["dimensions"],
        **bought,
        **batches,
        "graph": graph,
    }


def plan_batches(
    tools: Tools, run: Run, *, model: str | None = None, dimensions: int = 0, batch: bool = False
) -> Receipt:
    """
    Plan the vectors that an index lacks as batches; return the ids of the plans, and how much is left to others.

    Without `batch` there are none; those of an earlier try that are under way are among them.  `build_index` keeps what
    they have bought.

    Raises:
        NoIndexNamed: Nothing says which index is meant.
        InForceAlready: It is in force.
        PriceUnknown: The model has no price in batches.
    """
    if not batch:
        return {"plan_ids": []}
    endpoint, _ = wanted_index(tools, run, model, dimensions or None, None)
    version = opened(tools, run, endpoint.model, endpoint.dimensions)
    plan_ids, left = _planned(tools, run, version)
    return {"plan_ids": [str(plan_id) for plan_id in plan_ids], **left}


def _planned(tools: Tools, run: Run, version: Version) -> tuple[list[UUID], Receipt]:
    endpoint = endpoint_for(tools, version)
    corpus, lacking = _state(tools, run, version)
    door = Door(tools, run, endpoint=endpoint)
    left: Receipt = {}
    if lacking:
        with door.embedding_batch(EMBED_CHUNK, corpus["sensitivity"]) as planned:
            after = UUID(int=0)
            while chunks := _page(tools, run, version, after):
                for row in chunks:
                    planned.add(row["text"], row["tokens"])
                after = chunks[-1]["chunk_id"]
        left = {"elsewhere": planned.elsewhere, **planned.left_to_others}
    # All of the index, also one whose answers are there and that was cut off before it had cleaned up.
    return open_plans(tools.db, run.tenant, endpoint, EMBED_CHUNK, endpoint.dimensions), left


def _page(tools: Tools, run: Run, version: Version, after: UUID) -> list[DictRow]:
    with tools.db.transaction(run.tenant) as session:
        db.run(session, "corpus/touch_index", index_id=version["index_id"])
        query = db.on_embeddings("corpus/select_vectors_missing", version["table_name"])
        return session.execute(query, {"after": after, "page": PAGE}).fetchall()


def _carry_out(tools: Tools, run: Run, plan_ids: list[UUID], left: Receipt, progress: Progress) -> Receipt:
    """Take turns until the batches have ended."""
    work = Work.of(tools, run.tenant)
    while not (done := turn(work, plan_ids)).pop("done"):
        progress(f"in batches: {done['lines']}, ${done['batch_cost_usd']}")
        time.sleep(float(str(done["wait"])))
    done.pop("wait")
    return {**left, **done}


def complete(tools: Tools, run: Run, version: Version, progress: Progress = lambda _: None) -> Receipt:
    """
    Buy the vectors that a version in the making lacks, and keep them, page by page.

    Raises:
        Overtaken: After so many rounds some were still missing.
        NoSuchIndex: Its table was dropped meanwhile.
    """
    endpoint = endpoint_for(tools, version)
    corpus, lacking = _state(tools, run, version)
    if not lacking:
        return _bought(0, None)
    if worth_dropping(lacking, corpus["chunks"] - lacking):
        with tools.keeper.transaction(run.tenant) as session:
            db.run(session, "corpus/lock_tenant", tenant=run.tenant)
            db.run(session, "corpus/drop_graph", tenant=run.tenant, index_id=version["index_id"])
    given = 0
    door = Door(tools, run, endpoint=endpoint)
    with (
        cycles_sought_rarely(),
        _while_it_is_there(version),
        door.embedding(use=EMBED_CHUNK, sensitivity=corpus["sensitivity"]) as stream,
    ):
        for _ in range(MOST_ROUNDS):
            given += _round(tools, run, version, stream, lambda done: _tell(progress, stream, done, lacking))
            if not _state(tools, run, version)[1]:
                return _bought(given, stream)
    message = (
        f"Index {version['index_id']} still lacks vectors: chunks are published as fast as they are bought. "
        "Start the same again; nothing is bought twice."
    )
    raise Overtaken(message)


def build_graph(tools: Tools, run: Run, index_id: int) -> bool:
    """Build the graph of an index version, where its size calls for one; return whether one was built now."""
    with tools.keeper.transaction(run.tenant) as session:
        db.run(session, "corpus/lock_tenant", tenant=run.tenant)
        return db.value(session, "corpus/build_graph", tenant=run.tenant, index_id=index_id) is not None


def lacks(session: Session, version: Version) -> int:
    """
    Return how many published chunks have no vector in a version.

    Raises:
        NoSuchIndex: It has no table any more.
    """
    query = db.on_embeddings("corpus/count_vectors_missing", version["table_name"])
    with _while_it_is_there(version):
        found = session.execute(query).fetchone()
    return int(found["missing"]) if found else 0


def worth_dropping(added: int, there: int) -> bool:
    """Whether a graph of so many vectors that takes in so many more is built anew for less than that.  Pure."""
    return added * INSERTING > (there + added) * BUILDING


@contextlib.contextmanager
def _while_it_is_there(version: Version) -> Iterator[None]:
    """Somebody may drop the version meanwhile."""
    try:
        yield
    except UndefinedTable as error:
        raise NoSuchIndex(f"The table of index {version['index_id']} was dropped.") from error


def _state(tools: Tools, run: Run, version: Version) -> tuple[DictRow, int]:
    with tools.db.transaction(run.tenant) as session:
        corpus = db.rows(session, "corpus/count_corpus", dimensions=version["dimensions"])[0]
        return corpus, lacks(session, version)


def _round(tools: Tools, run: Run, version: Version, stream: TextStream, told: Callable[[int], None]) -> int:
    """Go once through all that is missing."""
    after, given = UUID(int=0), 0
    select = db.on_embeddings("corpus/select_vectors_missing", version["table_name"])
    insert = db.on_embeddings("corpus/insert_missing_vectors", version["table_name"])
    while True:
        with tools.db.transaction(run.tenant) as session:
            db.run(session, "corpus/touch_index", index_id=version["index_id"])
            chunks = session.execute(select, {"after": after, "page": PAGE}).fetchall()
        if not chunks:
            return given
        keys = [stream.add(row["text"], row["tokens"]) for row in chunks]
        stream.flush()
        with tools.db.transaction(run.tenant) as session:
            # Not beside a publication: it may be deleting one of these chunks.
            db.run(session, "corpus/lock_tenant", tenant=run.tenant)
            kept = session.execute(insert, {"chunk_ids": [row["chunk_id"] for row in chunks], "keys": keys})
            given += kept.rowcount
        after = chunks[-1]["chunk_id"]
        told(given)


def _tell(progress: Progress, stream: TextStream, done: int, lacking: int) -> None:
    progress(f"embedding: {done:,} of {max(done, lacking):,} chunks, ${stream.usage.cost_usd:.6f}")


def _bought(given: int, stream: TextStream | None) -> Receipt:
    if stream is None:
        return {"given": 0, "bought": 0, "reused": 0, "requests": 0, "tokens": 0, "cost_usd": "0"}
    usage = stream.usage
    return {
        "given": given,
        "bought": usage.bought,
        "reused": usage.reused,
        "requests": usage.requests,
        "tokens": usage.tokens,
        "cost_usd": f"{usage.cost_usd:f}",
    }
