"""
How the cost of ingestion grows: `python -m benchmarks capacity [--documents 2000,10000,50000] --json`.

Generated documents (`benchmarks.documents`) are ingested, each size on a fresh database, against a zero-work embedding
server, each stage in a fresh process as an Airflow task is: scan, prepare (the shards one after the other), publish
with its gates, the index of words, the graph of vectors; and a second look at an object store of as many objects.
Of each stage: CPU seconds of ours and of Postgres, peak memory of our process tree and of the largest backend, WAL; at
the end, the bytes of every table.  Postgres writes WAL and syncs it as in production.  `--page` measures nothing, and
draws docs/scale.md anew from the results that are committed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.documents import write_documents
from benchmarks.ingest import TENANT, Bench, fake_server
from benchmarks.machine import machine
from plumbline.core.settings import PROJECT_ROOT
from plumbline.embedded.postgres import Server
from plumbline.embedded.scratch import Scratch

_WORDS_ALONE = 2_001
_SCHEMAS = ("corpus", "ledger", "lineage")
_START = """
from pathlib import Path
from airflow.sdk.execution_time import supervisor, task_runner
from airflow.dag_processing.dagbag import DagBag
folder = Path("dags")
bag = DagBag(folder / "ingest_documents.py", bundle_path=folder, bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
"""
"""What a worker loads before a task's first line: Airflow's runner and the file of the DAG."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--documents", default="2000,10000,50000", help="sizes, separated by commas")
    parser.add_argument("--dimensions", type=int, default=1536)
    parser.add_argument(
        "--graph-up-to", type=int, default=10_000, help="sizes above this get no graph, which takes longest"
    )
    parser.add_argument("--page", action="store_true", help="draw docs/scale.md from the committed results")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every size and return the figures; or draw the page."""
    if options.page:
        from benchmarks.capacity_page import write_page

        return {"written": write_page()}
    sizes = [int(size) for size in options.documents.split(",")]
    return {
        "dimensions": options.dimensions,
        "task_start_cpu_s": _task_start(),
        "sizes": [_measured(size, options) for size in sizes],
        "machine": machine(),
    }


def _measured(documents: int, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        size = write_documents(root / "inbox", documents)
        with Server(root / "postgres", durable=True) as server, fake_server(options.dimensions) as model:
            stages = _Stages(Bench(Scratch(server), model, root / "inbox", options.dimensions))
            measured = stages.measure(documents, graph=documents <= options.graph_up_to)
            return {"documents": documents, "source_bytes": size, **measured}


class _Stages:
    """One ingestion, stage by stage."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._admin = psycopg.connect(bench.scratch.server.admin_url(bench.database), autocommit=True)

    def measure(self, documents: int, *, graph: bool) -> dict[str, Any]:
        """Run every stage and return what it took."""
        with self._admin:
            scan = self._stage("scan")
            plan = scan.pop("said")
            prepare, bought = self._prepared(plan["ingestion_id"], plan["shards"])
            staging = self._tables()
            publish = self._stage("publish", plan["ingestion_id"])
            published = publish.pop("said")
            indexes = self._indexes(graph=graph)
            self._admin.execute("vacuum")
            tables = self._tables()
            look = self._look(documents)
            found = {"shards": len(plan["shards"]), "chunks": published["chunks_added"], **bought}
        stages = {
            "scan": scan,
            "prepare": prepare,
            "publish": publish,
            **indexes,
            "look": look,
        }
        return {**found, "stages": stages, "staged_bytes": staging, "table_bytes": tables}

    def _prepared(self, ingestion_id: str, shards: list[int]) -> tuple[dict[str, Any], dict[str, int]]:
        """All shards, one after the other: what adds up is summed, of memory the most is kept; and what was bought."""
        parts = [self._stage("prepare", ingestion_id, shard) for shard in shards]
        said = [part.pop("said") for part in parts]
        taken = {name: (max if name in _PEAKS else sum)(part[name] for part in parts) for name in parts[0]}
        bought = {name: sum(one[name] for one in said) for name in ("tokens", "requests")}
        return {name: round(value, 2) for name, value in taken.items()}, bought

    def _indexes(self, *, graph: bool) -> dict[str, Any]:
        """
        Build what the size calls for: the words, then the graph.

        The product builds both in one call, by what the book of words says of the size.  For the first one it says
        a size at which words are worth an index, and vectors are not.
        """
        kept = self._admin.execute("select chunks from corpus.statistics").fetchone()
        sizes = {"words": _WORDS_ALONE, "graph": kept[0] if kept else 0}
        measured = {}
        for name in sizes if graph else ("words",):
            self._admin.execute("update corpus.statistics set chunks = %s", [sizes[name]])
            measured[name] = self._stage("index")
            print(measured[name].pop("said"), file=sys.stderr)
        return measured

    def _look(self, objects: int) -> dict[str, Any]:
        self._admin.execute(
            "insert into corpus.source (source_id, tenant, name, kind, location, owner, configured_at) "
            "values (%s, %s, 'store', 'store', 's3://none@none/none', 'data', now())",
            [_source_id(), TENANT],
        )
        self._admin.execute(
            "insert into corpus.source_item (source_id, path, tenant, address, kind, bytes, sha256, etag, fetched_at) "
            "select %s, name, %s, name, 'text', 4096, sha256(name::bytea), '1', now() "
            "from generate_series(0, %s - 1) as number "
            "cross join lateral (select lpad(number::text, 12, '0') || '.txt' as name) as named",
            [_source_id(), TENANT, objects],
        )
        self._admin.execute("analyze corpus.source_item")
        looked = self._stage("look", objects)
        said = looked.pop("said")
        if said["same"] != objects:
            raise SystemExit(f"The look came to {said}.")
        size = self._admin.execute("select pg_total_relation_size('corpus.source_item')").fetchone()
        return {**looked, "table_bytes": size[0] if size else 0}

    def _stage(self, name: str, *arguments: object) -> dict[str, Any]:
        before = self._wal()
        with _watched(self._bench.scratch.server.pid) as seen:
            measured = self._bench.step(name, *arguments)
        print(
            f"{name}: { {key: value for key, value in measured.items() if key != 'said'} }", file=sys.stderr
        )
        return {**measured, **seen(), "wal_bytes": self._wal() - before}

    def _wal(self) -> int:
        row = self._admin.execute("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").fetchone()
        return int(row[0]) if row else 0

    def _tables(self) -> dict[str, int]:
        """Bytes of every table with its indexes, partitions added up, the graph and the words apart."""
        rows = self._admin.execute(
            "select coalesce(pg_partition_root(pg_class.oid)::regclass, pg_class.oid::regclass)::text, "
            "sum(pg_total_relation_size(pg_class.oid) - apart.bytes), sum(apart.bytes) "
            "from pg_class cross join lateral (select coalesce(sum(pg_relation_size(indexrelid)), 0) as bytes "
            "from pg_index join pg_class as index on index.oid = indexrelid "
            "where indrelid = pg_class.oid and index.relname ~ '_(graph|words)$') as apart "
            "where relkind = 'r' and relnamespace::regnamespace::text = any(%s) group by 1",
            [list(_SCHEMAS)],
        ).fetchall()
        found: dict[str, int] = {}
        for table, size, apart in rows:
            found[table] = int(size)
            if apart:
                found[f"{table}, index of search"] = int(apart)
        return {name: size for name, size in sorted(found.items()) if size > 2**16}


_PEAKS = ("peak_rss_mb", "backend_peak_mb", "connections")


@contextlib.contextmanager
def _watched(postmaster: int) -> Iterator[Callable[[], dict[str, int]]]:
    """Watch the backends: the most memory that one had for itself, and the most connections of ours at once."""
    most, stop = {"backend_peak_mb": 0, "connections": 0}, threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            backends = [_backend(child) for child in psutil.Process(postmaster).children()]
            ours = [memory for name, memory in backends if "plumbline_" in name]
            most["connections"] = max(most["connections"], len(ours))
            most["backend_peak_mb"] = max(
                most["backend_peak_mb"], *(memory >> 20 for _, memory in backends), 0
            )

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: dict(most)
    finally:
        stop.set()
        watcher.join()


def _backend(process: psutil.Process) -> tuple[str, int]:
    """Its title, and the bytes that it shares with nobody."""
    try:
        title = " ".join(process.cmdline())
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    except (psutil.Error, OSError):
        return "", 0
    alone = next((line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")), "0")
    return title, int(alone) << 10


def _task_start() -> float:
    """CPU seconds until a task's first line, the second time, when the files are in memory and compiled."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as home:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        }
        spent = 0.0
        for _ in range(2):
            before = os.times()
            subprocess.run(
                [sys.executable, "-c", _START], env=environment, cwd=PROJECT_ROOT, check=True, timeout=120
            )
            after = os.times()
            spent = (
                after.children_user + after.children_system - before.children_user - before.children_system
            )
    return round(spent, 2)


def _source_id() -> Any:
    from plumbline.corpus.sources import source_id_of

    return source_id_of(TENANT, "store")
