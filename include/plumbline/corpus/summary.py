"""What a run over a source came to, read from the tables: the figures of the demo and of the command line."""

from __future__ import annotations

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.sources import INGESTION_COUNTS, known_as

_REFUSALS_SHOWN = 1000
_COUNTS = (*INGESTION_COUNTS, "documents", "chunks", "checks", "checks_failed")


class NoSuchRun(Fatal):
    """No ingestion is known by this id."""


def summarise(tools: Tools, run: Run, *, dag_run_id: str | None = None) -> Receipt:
    """
    Return what the ingestion of a DAG run came to; the latest one's where no run is named.

    `documents` and `chunks` are those of the source that are searchable now; the other counts are of this ingestion.
    """
    with tools.db.transaction(run.tenant) as session:
        row = db.row(session, "corpus/select_ingestion_of_run", dag_run_id=dag_run_id)
        if row is None:
            message = f"No ingestion of the tenant {run.tenant} is known" + (
                f" for the run {dag_run_id}." if dag_run_id else "."
            )
            raise NoSuchRun(message)
        refusals = db.rows(session, "corpus/select_refused", source_id=row["source_id"], page=_REFUSALS_SHOWN)
    return {
        **{name: row[name] for name in _COUNTS},
        "cost_usd": float(row["cost_usd"]),
        "state": row["state"],
        "source": row["source_name"],
        "location": row["location"],
        "problem": row["problem"],
        "model": row["model"],
        "answered_by": known_as(row["model"]),
        "dimensions": row["dimensions"],
        "refusals": [dict(refusal) for refusal in refusals],
        "ingestion_id": str(row["ingestion_id"]),
        "dag_run_id": row["dag_run_id"],
    }
