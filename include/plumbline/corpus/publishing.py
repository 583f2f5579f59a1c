"""
The last step of an ingestion: what was prepared becomes what is searched, in one transaction.

Promises:

- Searches see the index as it was, or as it is to be, and nothing in between; a failed publication leaves no trace.
- Whatever left its source loses text, chunks, words, vectors and bought embeddings in this same commit.
- The gates run inside the transaction: rows that break a rule cannot be committed.
- What became of each document (added, changed, removed, read anew) is written down in it, and never changed.
- Found = stored + unchanged + refused + removed, or the database refuses the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.outcomes import ACCESS_CODES
from plumbline.corpus.preparing import Superseded
from plumbline.corpus.renewing import drop_retired_indexes, drop_worn_graphs, renew_worn_graph
from plumbline.corpus.sources import FOLDER, FORGOTTEN, INGESTION_COUNTS, known_as
from plumbline.corpus.versions import enforce
from plumbline.provenance.checks import gate

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session


def publish_index(tools: Tools, run: Run, *, ingestion_id: str) -> Receipt:
    """
    Publish an ingestion.

    Raises:
        Superseded: A later scan of the source has made this plan worthless.
        ChecksFailed: A gate found rows that must not be published.  Nothing has changed.
    """
    with tools.db.transaction(run.tenant) as session:
        plan = _lock(session, run, ingestion_id)
        gate(
            session, run, "corpus/before_publication", ingestion_id=ingestion_id, source_id=plan["source_id"]
        )
        published = _publish(session, run, plan)
        gate(session, run, "corpus/after_publication", ingestion_id=ingestion_id, source_id=plan["source_id"])
        db.run(session, "corpus/delete_staging", source_id=plan["source_id"])
        db.run(session, "corpus/delete_plan", ingestion_id=ingestion_id)
    return published


def build_search_indexes(tools: Tools, run: Run, *, ingestion_id: str) -> Receipt:
    """Build what the size of the tenant's tables calls for, after the load; drop what no search uses."""
    with tools.keeper.transaction(run.tenant) as session:
        db.run(session, "corpus/lock_tenant", tenant=run.tenant)
        built = db.value(session, "corpus/build_search_indexes", tenant=run.tenant)
    renewed = renew_worn_graph(tools, run)
    dropped = drop_retired_indexes(tools, run)
    graphs_dropped = drop_worn_graphs(tools, run)
    return {
        "ingestion_id": ingestion_id,
        "built": built,
        "renewed": renewed,
        "dropped": dropped,
        "graphs_dropped": graphs_dropped,
    }


def _lock(session: Session, run: Run, ingestion_id: str) -> DictRow:
    db.run(session, "corpus/lock_tenant", tenant=run.tenant)
    plan = db.row(session, "corpus/select_ingestion", ingestion_id=ingestion_id)
    if plan is None or plan["state"] != "scanned" or plan["index_state"] == "retired":
        message = (
            f"The ingestion {ingestion_id} cannot be published: it was already, or a later scan, or another index, "
            "took over."
        )
        raise Superseded(message)
    return plan


def _publish(session: Session, run: Run, plan: DictRow) -> Receipt:
    source, ingestion = {"source_id": plan["source_id"]}, {"ingestion_id": plan["ingestion_id"]}
    made_by = {"run_id": run.run_id, "code_version": run.code_version}
    session.execute("set constraints all deferred")
    session.execute("set local work_mem = '64MB'")  # the words of a large load are read three times
    removed_chunks = db.run(session, "corpus/create_gone_chunk", **ingestion)
    db.run(session, "corpus/create_changed_terms", **source)
    staged = db.rows(session, "corpus/count_staged_keys", **source)[0]
    large = db.value(session, "corpus/select_growth", **source)
    db.run(session, "corpus/subtract_terms")

    db.run(session, "corpus/insert_events", **source, **ingestion, run_id=run.run_id)
    db.run(session, "corpus/supersede_versions", **source)
    db.run(session, "corpus/upsert_versions", **source, **made_by)
    db.run(session, "corpus/upsert_documents", **source)
    _write_edges(session, plan, made_by)
    db.run(session, "corpus/delete_gone_chunks")
    db.run(session, "corpus/empty_removed_versions", **ingestion)
    db.run(session, "corpus/delete_removed_documents", **ingestion)
    _let_go_of_fetched(session, plan)
    written = db.rows(session, "corpus/upsert_chunks", **source)[0]
    db.run(session, "corpus/insert_terms", **source)
    vectors = session.execute(db.on_embeddings("corpus/insert_vectors", plan["table_name"]), source).rowcount
    replaced = 0 if plan["index_state"] == "building" else max(0, vectors - written["added"])
    if removed_chunks or replaced:
        db.run(session, "corpus/count_removed_vectors", removed=removed_chunks + replaced)
    if large:
        session.execute(db.on_embeddings("corpus/analyze_documents", plan["table_name"]))
    if plan["index_state"] == "building":
        _swap_index(session, plan, made_by)
    if staged["documents"] or removed_chunks or plan["index_state"] == "building":
        db.run(session, "corpus/delete_unused_answers", **ingestion)

    chunks = {
        "chunks_added": written["added"],
        "chunks_kept": written["kept"],
        "chunks_removed": removed_chunks,
    }
    return _close(session, plan, {**chunks, "keys_used": staged["keys"]})


def _let_go_of_fetched(session: Session, plan: DictRow) -> None:
    """What was fetched of a document goes with it; what is configured of a source, with the source."""
    source = {"source_id": plan["source_id"]}
    if plan["pipeline"] == FORGOTTEN:
        db.run(session, "corpus/delete_forgotten_items", **source)
        db.run(session, "corpus/delete_source_configuration", **source)
    elif plan["kind"] != FOLDER:
        db.run(session, "corpus/empty_removed_items", **source, ingestion_id=plan["ingestion_id"])


def _close(session: Session, plan: DictRow, counted: dict[str, int]) -> Receipt:
    """Write down what was refused and what the ingestion came to; return it as the receipt."""
    keys = {"source_id": plan["source_id"], "ingestion_id": plan["ingestion_id"]}
    db.run(session, "corpus/upsert_refusals", **keys, pipeline=plan["pipeline"])
    db.run(session, "corpus/delete_mended_refusals", **keys, access_codes=sorted(ACCESS_CODES))
    whose = {"dag_id": plan["dag_id"], "dag_run_id": plan["dag_run_id"]}
    row = db.row(session, "corpus/publish_ingestion", **keys, **whose, **counted)
    assert row is not None  # noqa: S101 - the ingestion is locked
    return {
        "ingestion_id": str(row["ingestion_id"]),
        "model": plan["model"],
        "answered_by": known_as(plan["model"]),
        **{name: row[name] for name in INGESTION_COUNTS},
        "cost_usd": f"{row['cost_usd']:f}",
    }


def _write_edges(session: Session, plan: DictRow, made_by: dict[str, object]) -> None:
    db.run(session, "corpus/insert_version_edges", source_id=plan["source_id"], **made_by)
    edges = {**_of_index(plan), **made_by, "building": plan["index_state"] == "building"}
    session.execute(db.on_embeddings("corpus/insert_chunk_edges", plan["table_name"]), edges)


def _of_index(plan: DictRow) -> dict[str, object]:
    """The source, and how lineage names the index and the model that filled it."""
    table = f"corpus.{plan['table_name']}"
    return {"source_id": plan["source_id"], "table_name": table, "model": plan["model"]}


def _swap_index(session: Session, plan: DictRow, made_by: dict[str, object]) -> None:
    """Every chunk of the tenant has its vector in the new index, or the gate after this refuses the swap."""
    edges = {**_of_index(plan), **made_by}
    session.execute(db.on_embeddings("corpus/insert_index_edges", plan["table_name"]), edges)
    if enforce(session, plan["index_id"]):
        session.execute(db.on_embeddings("corpus/update_chunk_answer_keys", plan["table_name"]))
