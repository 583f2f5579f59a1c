"""
A whole ingestion in one process, as the command line runs it; the DAG `ingest_documents` runs the same steps as tasks.

Each step is recorded as a run of its own, exactly as Airflow's adapter does it, so that lineage reads the same whoever
started it.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from functools import partial
from typing import cast

from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.duplicates import find_duplicates
from plumbline.corpus.preparing import prepare_documents
from plumbline.corpus.publishing import build_search_indexes, publish_index
from plumbline.corpus.scanning import forget_source, scan_source
from plumbline.corpus.summary import summarise
from plumbline.provenance.recording import recorded

CHECKED = "corpus/candidate"


def ingest(
    tools: Tools,
    run: Run,
    *,
    folder: str | None = None,
    source: str | None = None,
    allow_empty: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Receipt:
    """
    Ingest a folder and return the summary of `plumbline.corpus.summary`; `progress` is told what is being done.

    The suite of Great Expectations takes seconds to start, so it runs only when something is to be published.
    """
    ingestion_id, changed = load(
        tools,
        run,
        folder=folder,
        source=source,
        allow_empty=allow_empty,
        progress=progress,
        check=partial(_check, tools, run, progress),
    )
    return _finished(tools, run, ingestion_id, progress, changed=changed)


def forget(
    tools: Tools, run: Run, *, source: str, progress: Callable[[str], None] = lambda _: None
) -> Receipt:
    """
    Remove all that is known from a source, by the same way as when its folder is emptied, and return the summary.

    Raises:
        UnknownSource: There is no such source.
    """
    plan = _step(tools, run, forget_source, source=source)
    ingestion_id, changed = _carried_out(tools, run, plan, progress, partial(_check, tools, run, progress))
    return _finished(tools, run, ingestion_id, progress, changed=changed)


def load(
    tools: Tools,
    run: Run,
    *,
    folder: str | None = None,
    source: str | None = None,
    allow_empty: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    check: Callable[[str], None] = lambda _: None,
) -> tuple[str, bool]:
    """
    Scan, prepare and publish; return the ingestion's id and whether there was anything to do.

    `check` is called between preparing and publishing, when there is something to publish; what it raises stops
    the publication.
    """
    progress("scanning")
    plan = _step(tools, run, scan_source, folder=folder, source=source, allow_empty=allow_empty)
    return _carried_out(tools, run, plan, progress, check)


def _carried_out(
    tools: Tools, run: Run, plan: Receipt, progress: Callable[[str], None], check: Callable[[str], None]
) -> tuple[str, bool]:
    ingestion_id, shards = str(plan["ingestion_id"]), cast("list[int]", plan["shards"])
    changed = any(plan[what] for what in ("to_store", "newly_refused", "to_remove", "building"))
    if changed:
        for number, shard in enumerate(shards, 1):
            progress(f"reading and embedding, part {number} of {len(shards)}")
            _step(tools, run, prepare_documents, ingestion_id=ingestion_id, shard=shard)
        check(ingestion_id)
    progress("publishing")
    _step(tools, run, publish_index, ingestion_id=ingestion_id)
    return ingestion_id, changed


def _check(tools: Tools, run: Run, progress: Callable[[str], None], ingestion_id: str) -> None:
    from plumbline.provenance.expectations import run_suite

    progress("checking")
    _step(tools, run, run_suite, suite=CHECKED, ingestion_id=ingestion_id)


def _finished(
    tools: Tools, run: Run, ingestion_id: str, progress: Callable[[str], None], *, changed: bool
) -> Receipt:
    if changed:
        progress("indexing")
        _step(tools, run, build_search_indexes, ingestion_id=ingestion_id)
    # Also when nothing changed: a run that was stopped may have left documents that were not compared.
    progress("comparing documents with each other")
    _step(tools, run, find_duplicates, ingestion_id=ingestion_id)
    return summarise(tools, run, dag_run_id=run.dag_run_id)


def _step(tools: Tools, run: Run, work: Callable[..., Receipt], **inputs: object) -> Receipt:
    step = dataclasses.replace(
        run, job=f"plumbline.{work.__name__}", run_id=uuid.uuid4(), task_id=work.__name__
    )
    with recorded(tools.db, step) as receipt:
        receipt.update(work(tools, step, **inputs))
    return receipt
