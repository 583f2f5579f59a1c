"""
What building another index would buy, cost and take, without one call to a model and without a row.

Chunks are looked up and packed page by page, as the build buys them: where nothing changes in between, the plan is the
bill.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.planning import priced, want
from plumbline.corpus.preparing import EMBED_CHUNK
from plumbline.corpus.versions import endpoint_for, endpoint_in_force, known, version_of
from plumbline.models import Door, Endpoint, PriceUnknown, refusing_budgets, with_model

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

PAGE = 1_000
"""Chunks that are bought, and then kept in one transaction."""

_ROW, _LINK, _HEAD = 100, 300, 84
"""Bytes beside a vector: in its row; in the graph for its neighbours (m = 24), and for itself."""
_BLOCK = 8_150


class NoIndexNamed(Fatal):
    """Neither a model nor dimensions were named, and it is not clear which index is meant."""


class InForceAlready(Fatal):
    """The index that was asked for is the one that searches use."""


def plan_index(
    tools: Tools,
    run: Run,
    *,
    model: str | None = None,
    dimensions: int = 0,
    index_id: int | None = None,
    batch: bool = False,
) -> Receipt:
    """
    Return what building an index would buy and cost (USD), and the bytes that it would take.  Nothing is written.

    `cost_usd` is the price of `calls` requests, one by one; `cost_batch_usd` that of the Batch API, within a day.
    Where there is none, it is None; without a price one by one `remark` says so, and `calls` is None, too.
    `refused_by` are the budgets that have no room for it, with `batch` for the price in batches; `in_doubt` is what a
    person decides about first.
    Without `model` it is the one that answers now, without `dimensions` they are the model's own; with neither, what is
    in the making is meant, or the version `index_id`.
    What the version has already is not bought again.

    Raises:
        NoIndexNamed: Nothing says which index is meant.
        InForceAlready: It is in force.
    """
    endpoint, version = wanted_index(tools, run, model, dimensions or None, index_id)
    door = Door(tools, run, endpoint=endpoint, planning=True)
    wanted: dict[bytes, int] = {}
    pages: list[list[int]] = []
    missing = 0
    with tools.db.transaction(run.tenant) as session:
        corpus = db.rows(session, "corpus/count_corpus", dimensions=endpoint.dimensions)[0]
        for chunks in _lacking(session, version):
            pages.append(_bought_with(door, chunks, wanted))
            missing += len(chunks)
    room = storage(corpus["chunks"], endpoint.dimensions)
    return {
        "index_id": version["index_id"] if version else None,
        "model": endpoint.model,
        "dimensions": endpoint.dimensions,
        "answered_by": endpoint.label,
        "chunks": corpus["chunks"],
        "missing": missing,
        "to_buy": len(wanted),
        "in_doubt": door.in_doubt(wanted),
        "tokens": sum(wanted.values()),
        **_spend(tools, run, door, pages, batch=batch),
        "graph": corpus["graph"],
        "bytes_of_vectors": room[0],
        "bytes_of_graph": room[1] if corpus["graph"] else 0,
    }


def storage(vectors: int, dimensions: int) -> tuple[int, int]:
    """Return about how many bytes so many vectors take: their table with its key, and their graph.  Pure."""
    row, entry = 2 * dimensions + _ROW, 2 * dimensions + _HEAD + _LINK
    table = _BLOCK // max(1, _BLOCK // row) if row < _BLOCK else row
    graph = _BLOCK // max(1, _BLOCK // entry)
    return vectors * (table + 40), vectors * graph


def wanted_index(
    tools: Tools, run: Run, model: str | None, dimensions: int | None, index_id: int | None
) -> tuple[Endpoint, DictRow | None]:
    """
    Return which index is meant: its endpoint, and its row, if there is one.

    Raises:
        NoIndexNamed: Nothing says which.
        InForceAlready: It is in force.
    """
    if index_id is not None:
        with tools.db.transaction(run.tenant) as session:
            asked = version_of(session, index_id)
        return endpoint_for(tools, asked), asked
    if model is None and dimensions is None:
        making = _only_one_in_the_making(tools, run)
        return endpoint_for(tools, making), making
    endpoint = with_model(endpoint_in_force(tools, run), model, dimensions)
    version = known(tools, run, endpoint.model, endpoint.dimensions)
    if version is not None and version["state"] == "in_force":
        raise InForceAlready(
            f"{endpoint.model} with {endpoint.dimensions} dimensions is in force: it is index {version['index_id']}."
        )
    return endpoint, version


def _only_one_in_the_making(tools: Tools, run: Run) -> DictRow:
    with tools.db.transaction(run.tenant) as session:
        making = db.rows(session, "corpus/select_making")
    if len(making) != 1:
        found = ", ".join(f"{row['model']} ({row['dimensions']})" for row in making) or "none"
        raise NoIndexNamed(f"Say which index: --model and --dimensions. In the making: {found}.")
    return making[0]


def _lacking(session: Session, version: DictRow | None) -> Iterator[list[DictRow]]:
    """The chunks that a version lacks, page by page; all of them where there is none."""
    after = UUID(int=0)
    while True:
        if version is None:
            chunks = db.rows(session, "corpus/select_texts", after=after, page=PAGE)
        else:
            query = db.on_embeddings("corpus/select_vectors_missing", version["table_name"])
            chunks = session.execute(query, {"after": after, "page": PAGE}).fetchall()
        if not chunks:
            return
        yield chunks
        after = chunks[-1]["chunk_id"]


def _bought_with(door: Door, chunks: list[DictRow], wanted: dict[bytes, int]) -> list[int]:
    """Return the tokens of what a page of chunks adds to what would have to be bought."""
    keys = dict(priced(door, row["text"], row["tokens"]) for row in chunks)
    new = keys.keys() - wanted.keys()
    want(door, keys, wanted)
    return [tokens for key, tokens in keys.items() if key in new and key in wanted]


def _spend(tools: Tools, run: Run, door: Door, pages: list[list[int]], *, batch: bool) -> Receipt:
    try:
        spend = door.plan(EMBED_CHUNK, pages)
    except PriceUnknown as error:
        unknown: Receipt = {"calls": None, "cost_usd": None, "cost_batch_usd": None, "refused_by": []}
        return {**unknown, "remark": str(error)}
    said = {**spend.as_receipt(), "remark": ""}
    if batch and spend.batch_usd is not None:
        refused = refusing_budgets(tools.db, run, EMBED_CHUNK, spend.batch_usd)
        said["refused_by"] = [refusal.as_receipt() for refusal in refused]
    return said
