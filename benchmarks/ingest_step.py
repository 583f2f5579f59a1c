"""
One step of an ingestion benchmark in a process of its own: its name, the folder, and what the step needs besides.

    load, index, checks         of `benchmarks ingest`
    scan, prepare, publish, look     of `benchmarks capacity`
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from plumbline.core.memory import cycles_left_at_exit
from plumbline.core.receipts import Receipt, Run
from plumbline.core.stores import Listed, ObjectGone
from plumbline.core.tools import Tools, open_tools


def main() -> None:
    """Run the step and print what it came to."""
    cycles_left_at_exit()  # a task of Airflow, which this stands for, does not look for them either
    step, folder, *inputs = sys.argv[1:]
    run = Run(
        tenant="main",
        job=f"benchmark.{step}",
        dag_run_id=f"benchmark__{uuid.uuid4()}",
        code_version="benchmark",
    )
    with open_tools() as tools:
        json.dump(_perform(tools, run, step, folder, inputs), sys.stdout, default=str)


def _perform(tools: Tools, run: Run, step: str, folder: str, inputs: list[str]) -> Receipt:
    if step in _STAGES:
        return _STAGES[step](tools, run, folder, *inputs)
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


def _scan(tools: Tools, run: Run, folder: str) -> Receipt:
    from plumbline.corpus.scanning import scan_source

    return scan_source(tools, run, folder=folder)


def _prepare(tools: Tools, run: Run, _folder: str, ingestion_id: str, shard: str) -> Receipt:
    from plumbline.corpus.preparing import prepare_documents

    return prepare_documents(tools, run, ingestion_id=ingestion_id, shard=int(shard))


def _publish(tools: Tools, run: Run, _folder: str, ingestion_id: str) -> Receipt:
    from plumbline.corpus.publishing import publish_index

    return publish_index(tools, run, ingestion_id=ingestion_id)


def _look(tools: Tools, run: Run, _folder: str, objects: str) -> Receipt:
    """A second look at an object store in which nothing has changed."""
    from plumbline.corpus.origins import refresh_source

    store = _Unchanged(int(objects))
    return refresh_source(replace(tools, open_store=lambda _: store), run, source="store")


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """A store that lists so many objects, in no time, and is never asked for one."""

    objects: int

    def list(self) -> Iterator[Listed]:
        """Yield every object, as `capacity` has written them down."""
        return (Listed(f"{number:012}.txt", 4_096, "1", None) for number in range(self.objects))

    def read(self, key: str, at_most: int) -> bytes:
        """Say that nothing should be read."""
        raise ObjectGone(f"{key}, of which {at_most} bytes were wanted.")


_STAGES: Mapping[str, Callable[..., Receipt]] = {
    "scan": _scan,
    "prepare": _prepare,
    "publish": _publish,
    "look": _look,
}


if __name__ == "__main__":
    main()
