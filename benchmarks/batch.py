"""
What a batch costs: `python -m benchmarks batch [--lines 50000] [--json]`.

Structured questions are planned (minimised, keyed, priced, claimed and written as calls), built into a file and
uploaded, and landed (streamed, held against their schema, settled and deleted line by line), against a zero-work server
of files and batches, on an embedded Postgres of its own.  Each round runs in a fresh process and a fresh database;
`client_cpu_s` is user + system without imports, `peak_rss_mb` that of the process, imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.ingest import fake_server, postgres_cpu
from benchmarks.machine import machine
from plumbline.embedded.scratch import Scratch, scratch_server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=1)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, and return the figures of the middle round."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        with scratch_server(root / "postgres") as scratch:
            rounds = [_round(scratch, options) for _ in range(options.rounds)]
    middle = sorted(rounds, key=lambda one: one["total_s"])[len(rounds) // 2]
    return {"lines": options.lines, **middle, "rounds": options.rounds, "machine": machine()}


def _round(scratch: Scratch, options: argparse.Namespace) -> dict[str, Any]:
    database = scratch.new_database()
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as session:
        for kind in ("input", "output"):
            session.execute(
                "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
                "values ('zero-work', 'batch', %s, '2026-01-01', 0.01, 'benchmark')",
                [kind],
            )
    with fake_server(8) as model:
        before = postgres_cpu(scratch)
        measured = _step(scratch.url(database, "app"), model, options.lines)
        measured["pg_cpu_s"] = round(postgres_cpu(scratch) - before, 2)
    print(measured, file=sys.stderr)
    return measured


def _step(database: str, model: str, lines: int) -> dict[str, Any]:
    extra = {"embedding_model": "zero-work", "dimensions": 8, "chat_model": "zero-work"}
    connection = {"conn_type": "openai", "password": "benchmark", "host": f"{model}/v1", "extra": extra}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.batch_step", str(lines)],
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "AIRFLOW_CONN_PLUMBLINE_DB": database,
            "AIRFLOW_CONN_PLUMBLINE_KEEPER": database,
            "AIRFLOW_CONN_PLUMBLINE_OPENAI": json.dumps(connection),
        },
        check=True,
    )
    measured: dict[str, Any] = json.loads(ended.stdout)
    return measured
