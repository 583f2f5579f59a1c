"""
An ingestion that kills itself, as `kill -9` does, when it is about to run a named statement.

    python killed_ingestion.py FOLDER STATEMENT TIMES

Run by test_killed_ingestion.py as a process of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Callable

from plumbline.core import db, sql
from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools


def die_before(name: str, times: int) -> None:
    """Arrange the death of this process at the so-many-th use of a statement."""
    real: Callable[[str], str] = sql.statement
    left = [times]

    def statement(wanted: str) -> str:
        if wanted == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(wanted)

    for module in list(sys.modules.values()):
        if getattr(module, "statement", None) is real:
            module.statement = statement  # type: ignore[attr-defined]
    db.statement = statement


def main() -> None:
    """Ingest, unless death comes first."""
    from plumbline.corpus import ingesting
    from plumbline.models import ledger, streams  # noqa: F401 - loaded, so that their statements are watched too

    folder, name, times = sys.argv[1:]
    die_before(name, int(times))
    run = Run(tenant="main", job="chaos", dag_run_id=f"chaos__{uuid.uuid4()}", code_version="test")
    with open_tools() as tools:
        # Without the suite of Great Expectations, which takes seconds to start and writes nothing but its results.
        ingestion_id, _ = ingesting.load(tools, run, folder=folder)
        ingesting.build_search_indexes(tools, run, ingestion_id=ingestion_id)


if __name__ == "__main__":
    main()
