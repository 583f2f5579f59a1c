"""
Every step leaves a row that says who ran it, with which code, and how it ended.

The row is written before the work begins and closed after it, in transactions of their own: a step that fails, or is
killed, is still on record.  A killed one stays `running`, which is the truth as far as anybody knows.
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

log = logging.getLogger(__name__)


@contextlib.contextmanager
def recorded(database: Database, run: Run) -> Iterator[Receipt]:
    """Record a step around its work.  What the work puts into the receipt is kept with the row."""
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
        _close(database, run, "failed", receipt, _reason(error))
        raise
    _close(database, run, "succeeded", receipt, None)


def _close(database: Database, run: Run, state: str, receipt: Receipt, error: str | None) -> None:
    with database.transaction(run.tenant) as session:
        db.run(
            session, "lineage/update_run", run_id=run.run_id, state=state, receipt=Jsonb(receipt), error=error
        )


def _reason(error: BaseException) -> str:
    """Our own errors are written for people; of a stranger only the type is kept, its text may hold a row's contents."""
    return str(error) if isinstance(error, PlumblineError) else type(error).__name__
