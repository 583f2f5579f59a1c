"""
What a structured call costs: `python -m benchmarks calls [--calls 2000] [--latency-ms 200] [--json]`.

The door (minimised, keyed, priced, throttled, written down before and after, the answer held against its schema) asks
a zero-work model server, on an embedded Postgres of its own.  Beside it, in the same interleaved rounds and on the same
questions: the provider's client alone, as most programs use it (asynchronous, over httpx and over aiohttp, answers
parsed into its types), and bare HTTP.  Each runs in a fresh process; CPU is user + system without imports.
`calls_per_s_per_core` is calls by the CPU seconds of the client and of Postgres together.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.ingest import fake_server, postgres_cpu
from benchmarks.machine import machine
from plumbline.embedded.scratch import Scratch, scratch_server

_BESIDE = ("client_httpx", "client_aiohttp", "bare_http")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, default=200)
    parser.add_argument("--at-once", type=int, default=64, help="calls under way at once")
    parser.add_argument("--rounds", type=int, default=3)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all ways in turns and return the figures of the middle round of each."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        with scratch_server(root / "postgres") as scratch, fake_server(8, options.latency_ms) as model:
            rounds = [_round(scratch, model, options) for _ in range(options.rounds)]
    found = {way: _middle([one[way] for one in rounds if way in one]) for way in rounds[0]}
    return {
        **found.pop("door"),
        "beside": found,
        "calls": options.calls,
        "at_once": options.at_once,
        "latency_ms": options.latency_ms,
        "machine": machine(),
    }


def _round(scratch: Scratch, model: str, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    database = scratch.new_database()
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as session:
        for kind in ("input", "output"):
            session.execute(
                "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
                "values ('zero-work', 'standard', %s, '2026-01-01', 0.02, 'benchmark')",
                [kind],
            )
    found = {}
    for way in ("door", *_BESIDE):
        before = postgres_cpu(scratch)
        measured = _step(way, scratch.url(database, "app"), model, options)
        if measured is None:
            continue
        spent = postgres_cpu(scratch) - before if way == "door" else 0.0
        calls = options.calls
        found[way] = {
            "calls_per_s_per_core": round(calls / (measured["cpu_s"] + spent), 1),
            "client_cpu_ms": round(1000 * measured["cpu_s"] / calls, 2),
            "pg_cpu_ms": round(1000 * spent / calls, 2),
            "calls_per_s": round(calls / measured["wall_s"], 1),
            "peak_rss_mb": measured["peak_rss_mb"],
        }
        print(f"{way}: {found[way]}", file=sys.stderr)
    return found


def _step(way: str, database: str, model: str, options: argparse.Namespace) -> dict[str, float] | None:
    """Run one way in a fresh process; None where a package that it needs is not installed."""
    extra = {
        "embedding_model": "zero-work",
        "dimensions": 8,
        "chat_model": "zero-work",
        "chat_requests_per_minute": 1_000_000,
        "chat_tokens_per_minute": 10_000_000_000,
        "chat_calls_at_once": options.at_once,
    }
    connection = {"conn_type": "openai", "password": "benchmark", "host": f"{model}/v1", "extra": extra}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.calls_step", way, str(options.calls), str(options.at_once)],
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "AIRFLOW_CONN_PLUMBLINE_DB": database,
            "AIRFLOW_CONN_PLUMBLINE_KEEPER": database,
            "AIRFLOW_CONN_PLUMBLINE_OPENAI": json.dumps(connection),
            "PLUMBLINE_BENCHMARK_MODEL": f"{model}/v1",
        },
        check=True,
    )
    measured: dict[str, float] | None = json.loads(ended.stdout)
    return measured


def _middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    return sorted(rounds, key=lambda one: one["calls_per_s_per_core"])[len(rounds) // 2] | {
        "calls_per_s_per_core_of_all_rounds": statistics.median(one["calls_per_s_per_core"] for one in rounds)
    }
