"""
What ingestion costs: `python -m benchmarks ingest --documents DIR [--dimensions 1536] [--latency-ms N] --json`.

The pipeline of the product runs against a zero-work embedding server on an embedded Postgres of its own, each
phase in a fresh process, as an Airflow task is: a first load, an unchanged re-run, and a run after 1 % of the
documents were changed in one sentence and 1 % removed.  `cpu_s` is user + system of the pipeline's process tree,
imports included; `pg_cpu_s` that of the Postgres process tree; building the search indexes (`index_cpu_s`) and the
suite of Great Expectations (`checks_cpu_s`, both sides) are measured apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.machine import machine
from plumbline.embedded.scratch import PSEUDONYMS, Scratch, scratch_server

TENANT = "main"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--documents", type=Path, required=True, help="folder of documents")
    parser.add_argument("--dimensions", type=int, default=1536)
    parser.add_argument("--latency-ms", type=float, default=0)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the three phases and return the figures."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as scratch_folder:
        root = Path(scratch_folder)
        root.chmod(0o755)
        inbox = root / "inbox"
        shutil.copytree(options.documents, inbox)
        with (
            scratch_server(root / "postgres") as scratch,
            fake_server(options.dimensions, options.latency_ms) as model,
        ):
            bench = Bench(scratch, model, inbox, options.dimensions)
            first = bench.phase("first")
            index = bench.step("index")
            checks = bench.step("checks")
            rerun = bench.phase("rerun")
            before = bench.chunk_ids()
            changed, removed = _edit(inbox)
            change = bench.phase("change")
            change |= {
                "documents_changed": changed,
                "documents_removed": removed,
                "chunks_with_new_text": len(bench.chunk_ids() - before),
                "stale_rows": bench.stale_rows(),
            }
    return {
        **first,
        "index_cpu_s": round(index["cpu_s"] + index["pg_cpu_s"], 2),
        "checks_cpu_s": round(checks["cpu_s"] + checks["pg_cpu_s"], 2),
        "rerun": rerun,
        "change": change,
        "latency_ms": options.latency_ms,
        "dimensions": options.dimensions,
        "machine": machine(),
    }


def postgres_cpu(scratch: Scratch) -> float:
    """Return the CPU seconds that Postgres has spent: its processes, and those that have ended."""
    postmaster = psutil.Process(scratch.server.pid)
    spent = sum(postmaster.cpu_times()[:4])
    for child in postmaster.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += sum(child.cpu_times()[:2])
    return float(spent)


class Bench:
    """One database, one model server, one folder; measures processes from outside."""

    def __init__(self, scratch: Scratch, model: str, inbox: Path, dimensions: int) -> None:
        self.scratch, self.model, self.inbox, self.dimensions = scratch, model, inbox, dimensions
        self.database = scratch.new_database()
        with psycopg.connect(scratch.server.admin_url(self.database), autocommit=True) as session:
            session.execute(
                "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
                "values ('zero-work', 'standard', 'input', '2026-01-01', 0.02, 'benchmark')"
            )

    def phase(self, name: str) -> dict[str, Any]:
        """Run one ingestion in a fresh process."""
        _get(f"{self.model}/_reset")
        measured = self.step("load")
        asked = _get(f"{self.model}/_stats")
        said = measured.pop("said")
        print(f"{name}: {measured}", file=sys.stderr)
        return {
            "documents": said["documents"],
            "chunks": said["chunks"],
            **measured,
            "requests": asked["requests"],
            "inputs": asked["inputs"],
            "tokens": said["tokens"],
        }

    def step(self, name: str, *arguments: object) -> dict[str, Any]:
        """Run one step in a fresh process and measure it."""
        with psycopg.connect(self.scratch.server.admin_url(self.database), autocommit=True) as session:
            session.execute("checkpoint")
        postgres_before, began = self._postgres_cpu(), time.perf_counter()
        before = os.times()
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ingest_step", name, str(self.inbox), *map(str, arguments)],
            stdout=subprocess.PIPE,
            env=self._environment(),
        )
        with _peak_memory(child.pid) as peak:
            output, _ = child.communicate()
        wall, after = time.perf_counter() - began, os.times()
        if child.returncode:
            raise SystemExit(f"The step {name} ended with {child.returncode}.")
        cpu = (after.children_user - before.children_user) + (after.children_system - before.children_system)
        return {
            "cpu_s": round(cpu, 2),
            "pg_cpu_s": round(self._postgres_cpu() - postgres_before, 2),
            "wall_s": round(wall, 2),
            "peak_rss_mb": round(peak[0] / 2**20),
            "said": json.loads(output),
        }

    def chunk_ids(self) -> set[object]:
        """The ids of all chunks; a chunk whose text changed has a new one."""
        with psycopg.connect(self.scratch.server.admin_url(self.database)) as session:
            return {row[0] for row in session.execute("select chunk_id from corpus.chunk")}

    def stale_rows(self) -> int:
        """Chunks and vectors whose document is gone, or whose text is not in the file as it is now."""
        with psycopg.connect(self.scratch.server.admin_url(self.database)) as session:
            rows = session.execute(
                "select document.path, chunk.text, document.kind "
                "from corpus.chunk join corpus.document using (document_id)"
            ).fetchall()
            orphans = session.execute(
                "select count(*) from corpus.embedding_1 left join corpus.chunk using (chunk_id) "
                "where chunk.chunk_id is null"
            ).fetchone()
        now: dict[str, str | None] = {}
        stale = orphans[0] if orphans else 0
        for path, text, kind in rows:
            if path not in now:
                file = self.inbox / path
                now[path] = " ".join(file.read_text(errors="replace").split()) if file.exists() else None
            current = now[path]
            stale += current is None or (kind == "text" and " ".join(text.split()) not in current)
        return stale

    def _postgres_cpu(self) -> float:
        return postgres_cpu(self.scratch)

    def _environment(self) -> dict[str, str]:
        connection = {
            "conn_type": "openai",
            "password": "benchmark",
            "host": f"{self.model}/v1",
            "extra": {
                "embedding_model": "zero-work",
                "dimensions": self.dimensions,
                "requests_per_minute": 1_000_000,
                "tokens_per_minute": 10_000_000_000,
            },
        }
        return {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "AIRFLOW_CONN_PLUMBLINE_DB": self.scratch.url(self.database, "app"),
            "AIRFLOW_CONN_PLUMBLINE_KEEPER": self.scratch.url(self.database, "keeper"),
            "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": PSEUDONYMS,
            "AIRFLOW_CONN_PLUMBLINE_OPENAI": json.dumps(connection),
            "PLUMBLINE_TENANT": TENANT,
        }


@contextlib.contextmanager
def fake_server(dimensions: int, latency_ms: float = 0.0) -> Iterator[str]:
    """Run the zero-work embedding server; yield its address."""
    command = [sys.executable, "-m", "benchmarks.fake_model", "--latency-ms", str(latency_ms)]
    command += ["--dimensions", str(dimensions)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin  # noqa: S101
    assert server.stdout  # noqa: S101
    try:
        yield server.stdout.readline().split()[-1]
    finally:
        server.stdin.close()
        server.wait(10)


@contextlib.contextmanager
def _peak_memory(pid: int) -> Iterator[list[int]]:
    """Watch the resident memory of a process tree; the list holds its peak in bytes."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                tree = [process, *process.children(recursive=True)]
                peak[0] = max(peak[0], sum(one.memory_info().rss for one in tree))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _edit(inbox: Path) -> tuple[int, int]:
    """Change one sentence in the middle of 1 % of the text files, and remove 1 % of all."""
    chance = random.Random(11)
    files = sorted(path for path in inbox.rglob("*") if path.is_file())
    texts = [path for path in files if path.suffix in {".txt", ".md"}]
    changed = chance.sample(texts, max(1, len(texts) // 100))
    removed = chance.sample(sorted(set(files) - set(changed)), max(1, len(files) // 100))
    for path in changed:
        sentences = path.read_text().split(". ")
        sentences[len(sentences) // 2] = f"REVISED under number {chance.randrange(10**6)} and kept short"
        path.write_text(". ".join(sentences))
    for path in removed:
        path.unlink()
    return len(changed), len(removed)


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server
        found: dict[str, Any] = json.load(answer)
    return found
