"""
Every step leaves a row that says who ran it, with which code, and how it ended.

The row is written before the work begins and closed after it, in transactions of their own: a step that fails, or is
killed, is still on record.  A killed one stays `running`, which is the truth as far as anybody knows.  The results of
a gate that closed are kept here as well: the transaction that it closed takes everything else back.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.db import Database
from plumbline.core.errors import PlumblineError
from plumbline.core.receipts import Receipt, Run
from plumbline.provenance.checks import GateClosed, keep

log = logging.getLogger(__name__)


@contextlib.contextmanager
def recorded(
    database: Database, run: Run, *, comes_again: tuple[type[BaseException], ...] = ()
) -> Iterator[Receipt]:
    """
    Record a step around its work.  What the work puts into the receipt is kept with the row.

    After an error of `comes_again` the step has not failed: it waits, and comes again under the same id.
    """
    receipt: Receipt = {}
    with database.transaction(run.tenant) as session:
        db.run(
            session,
            "lineage/insert_run",
            run_id=run.run_id,
            tenant=run.tenant,
            job=run.job,
            dag_id=run.dag_id,
            dag_run_id=run.dag_run_id,
            task_id=run.task_id,
            map_index=run.map_index,
            try_number=run.try_number,
            code_version=run.code_version,
        )
    try:
        yield receipt
    except BaseException as error:
        _close(database, run, "waiting" if isinstance(error, comes_again) else "failed", receipt, error)
        raise
    _close(database, run, "succeeded", receipt)


def _close(
    database: Database, run: Run, state: str, receipt: Receipt, error: BaseException | None = None
) -> None:
    reason = _reason(error) if error else None
    with database.transaction(run.tenant) as session:
        if isinstance(error, GateClosed):
            keep(session, run, error.results)
        db.run(
            session,
            "lineage/update_run",
            run_id=run.run_id,
            state=state,
            receipt=Jsonb(receipt),
            error=reason,
        )


def _reason(error: BaseException) -> str:
    """Our own errors are written for people; of others only the type is kept: their text may hold a row's contents."""
    return str(error) if isinstance(error, PlumblineError) else type(error).__name__
