"""
A building, comparing and swapping of another index that kills itself, as `kill -9` does, before a named statement.

    python killed_indexing.py QUESTIONS STATEMENT TIMES

Run by test_killed_indexing.py as a process of its own.
"""

from __future__ import annotations

import sys
import uuid

from killed_ingestion import die_before

from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools


def main() -> None:
    """Build, compare and swap, unless death comes first; what is done already is not done again."""
    from plumbline.corpus import comparing, indexing, swapping
    from plumbline.corpus.index_plans import InForceAlready
    from plumbline.models import ledger, streams  # noqa: F401 - loaded, so that their statements are watched too

    indexing.PAGE = 100
    questions, name, times = sys.argv[1:]
    die_before(name, int(times))
    run = Run(tenant="main", job="chaos", dag_run_id=f"chaos__{uuid.uuid4()}", code_version="test")
    with open_tools() as tools:
        try:
            indexing.build_index(tools, run, dimensions=64)
        except InForceAlready:
            return
        comparing.compare_index(tools, run, queries=questions)
        swapping.swap_index(tools, run)


if __name__ == "__main__":
    main()
