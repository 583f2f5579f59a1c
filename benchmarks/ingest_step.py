"""One step of the ingestion benchmark in a process of its own: `load`, `index` or `checks`, and the folder."""

from __future__ import annotations

import json
import sys
import uuid

from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools, open_tools


def main() -> None:
    """Run the step and print what it came to."""
    step, folder = sys.argv[1:]
    run = Run(
        tenant="main",
        job=f"benchmark.{step}",
        dag_run_id=f"benchmark__{uuid.uuid4()}",
        code_version="benchmark",
    )
    with open_tools() as tools:
        json.dump(_perform(tools, run, step, folder), sys.stdout, default=str)


def _perform(tools: Tools, run: Run, step: str, folder: str) -> Receipt:
    if step == "load":
        from plumbline.corpus.ingesting import load
        from plumbline.corpus.summary import summarise

        load(tools, run, folder=folder)
        return summarise(tools, run, dag_run_id=run.dag_run_id)
    if step == "index":
        from plumbline.corpus.publishing import build_search_indexes

        return build_search_indexes(tools, run, ingestion_id="")
    from plumbline.corpus.summary import summarise
    from plumbline.provenance.expectations import run_suite

    return run_suite(
        tools, run, suite="corpus/published", ingestion_id=str(summarise(tools, run)["ingestion_id"])
    )


if __name__ == "__main__":
    main()
