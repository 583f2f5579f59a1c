"""
One shard of an ingestion, which kills itself, as `kill -9` does, when it is about to run a named statement.

    python killed_shard.py INGESTION SHARD STATEMENT TIMES

Run by test_killed_shard.py as a process of its own, as Airflow runs a mapped task.
"""

from __future__ import annotations

import json
import sys

from killed_ingestion import die_before

from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools


def main() -> None:
    """Prepare the shard, unless death comes first."""
    from plumbline.corpus import preparing
    from plumbline.models import ledger, streams  # noqa: F401 - loaded, so that their statements are watched too

    ingestion_id, shard, name, times = sys.argv[1:]
    die_before(name, int(times))
    run = Run(tenant="main", job="chaos", dag_run_id="chaos", code_version="test")
    with open_tools() as tools:
        receipt = preparing.prepare_documents(tools, run, ingestion_id=ingestion_id, shard=int(shard))
    json.dump(receipt, sys.stdout)


if __name__ == "__main__":
    main()
