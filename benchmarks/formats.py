"""
How fast each format is read, and whether memory stays flat: `python -m benchmarks formats --documents DIR --json`.

First every file that can be read is read and cut into chunks, kind by kind: documents and megabytes a second, by the
clock, with as many workers as the product uses.  Then two corpora are ingested, the larger ten times the smaller, made
of the same files over and over, against a zero-work embedding server; `peak_rss_mb` is that of the pipeline's process
tree, workers included.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.ingest import Bench, fake_server
from benchmarks.machine import machine
from plumbline.corpus.chunking import chunk
from plumbline.corpus.extraction.pool import SHARED
from plumbline.corpus.intake import scan
from plumbline.corpus.origins import Folder
from plumbline.corpus.outcomes import Found
from plumbline.corpus.readers import Refused, read_files
from plumbline.embedded.scratch import scratch_server

_DIMENSIONS = 1536
_SECONDS = 2.0
_GROWTH = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--documents", type=Path, required=True, help="folder of documents of all kinds")
    parser.add_argument("--smaller", type=int, default=1_000, help="documents of the smaller corpus")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and return the figures."""
    readable = _readable(options.documents)
    flat = {
        str(count): _ingested(options, readable, count)
        for count in (options.smaller, _GROWTH * options.smaller)
    }
    small, large = (flat[name]["peak_rss_mb"] for name in flat)
    return {
        "formats": {kind: _rate(options.documents, files) for kind, files in sorted(readable.items())},
        "workers": SHARED.size,
        "ingested": flat,
        "memory_ratio": round(large / small, 3),
        "machine": machine(),
    }


def _readable(folder: Path) -> Mapping[str, list[dict[str, Any]]]:
    """The files that can be read, by their kind."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seen in scan(folder):
        if isinstance(seen, Found):
            file = {"path": seen.path, "sha256": seen.sha256, "kind": seen.kind, "bytes": seen.size}
            if not isinstance(next(read_files(Folder(folder), [file]))[1], Refused):
                found[seen.kind].append(file)
    return found


def _rate(folder: Path, files: list[dict[str, Any]]) -> dict[str, float]:
    """Documents and megabytes a second of one kind, read again and again for some seconds."""
    began, documents, size = time.perf_counter(), 0, 0
    page = files * (-(-4 * SHARED.size // len(files)))  # enough to keep all workers at work
    while time.perf_counter() - began < _SECONDS:
        for file, outcome in read_files(Folder(folder), page):
            if isinstance(outcome, Refused):
                raise SystemExit(f"{file['path']}: {outcome.reason}")
            chunk(outcome)
            documents += 1
            size += file["bytes"]
    spent = time.perf_counter() - began
    return {
        "files": len(files),
        "documents_per_s": round(documents / spent, 1),
        "mb_per_s": round(size / 1e6 / spent, 2),
    }


def _ingested(
    options: argparse.Namespace, readable: Mapping[str, list[dict[str, Any]]], count: int
) -> dict[str, Any]:
    """Ingest a corpus of so many documents."""
    files = [file for kind in readable.values() for file in kind]
    random.Random(7).shuffle(files)
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as scratch_folder:
        root = Path(scratch_folder)
        root.chmod(0o755)
        for number in range(count):
            path = Path(files[number % len(files)]["path"])
            target = root / "inbox" / f"{number // 1000:03}" / f"{number}{path.suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(options.documents / path, target)
        with scratch_server(root / "postgres") as scratch, fake_server(_DIMENSIONS) as model:
            measured = Bench(scratch, model, root / "inbox", _DIMENSIONS).phase(f"{count:,} documents")
    wanted = ("documents", "chunks", "cpu_s", "pg_cpu_s", "wall_s", "peak_rss_mb")
    return {name: measured[name] for name in wanted}
