"""
How well search finds: `python -m benchmarks search --corpus C.jsonl --queries Q.jsonl --json`.

Lines of the corpus are {id, title, text}, lines of the queries {id, text, relevant: [ids]}.  Every entry becomes a
document of its own, which the product ingests and searches as any other: extraction, chunks, terms, the embedded model
server, one search function.  A document is found where its best chunk is.  `p95_ms` are milliseconds of ranking in
the database, for each half and for both; `embedding` is the way of one question through the door to the model.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from plumbline.core import db
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.corpus.search import Query, prepare, rank
from plumbline.embedded.scratch import scratch_server
from plumbline.localmodel.testing import running_server

DEPTH = 10
_CHUNKS = 50  # several chunks of one document may lie before the tenth document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--corpus", type=Path, required=True, help="JSON lines {id, title, text}")
    parser.add_argument("--queries", type=Path, required=True, help="JSON lines {id, text, relevant: [ids]}")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Ingest the corpus, ask every query in three ways, and return the figures."""
    corpus, queries = _lines(options.corpus), _lines(options.queries)
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        names = _write_documents(root / "documents", corpus)
        with (
            scratch_server(root / "postgres") as scratch,
            running_server() as model,
            scratch.tools(scratch.new_database(), home=root / "home", model_url=model.base_url) as tools,
        ):
            step = Run(tenant="main", job="benchmarks.search", dag_run_id="benchmark")
            load(tools, step, folder=str(root / "documents"))
            print(f"{len(corpus)} documents are searchable", file=sys.stderr)
            return {**_measure(tools, step, queries, names), **_size(tools, step), "machine": machine()}


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise SystemExit(f"{path} is no file.")
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _write_documents(folder: Path, corpus: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Write every entry as a file; return file name -> id."""
    folder.mkdir()
    names: dict[str, str] = {}
    for number, entry in enumerate(corpus):
        name = f"{number:07}.md"
        title = f"# {entry['title']}\n\n" if entry.get("title") else ""
        (folder / name).write_text(title + entry["text"], encoding="utf-8")
        names[name] = entry["id"]
    return names


def _measure(
    tools: Tools, step: Run, queries: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"hybrid": [], "vector": [], "lexical": [], "embedding": []}
    found: dict[str, list[list[str]]] = {"hybrid": [], "vector": [], "lexical": []}
    for entry in queries:
        began = time.perf_counter()
        query = prepare(tools, step, entry["text"])
        seconds["embedding"].append(time.perf_counter() - began)
        if query.vector is None:
            raise SystemExit(f"The model did not answer: {query.remark}")
        for way, asked in _ways(query).items():
            began = time.perf_counter()
            with tools.db.transaction(step.tenant) as session:
                rows = rank(session, step.tenant, asked, _CHUNKS)
            seconds[way].append(time.perf_counter() - began)
            found[way].append([names[path] for path in dict.fromkeys(row["path"] for row in rows)][:DEPTH])
    relevant = [set(entry["relevant"]) for entry in queries]
    figures: dict[str, Any] = {way: score(lists, relevant) for way, lists in found.items()}
    return {
        **figures,
        "p95_ms": {way: p95_ms(times) for way, times in seconds.items()},
        "queries": len(queries),
    }


def _ways(query: Query) -> dict[str, Query]:
    return {"hybrid": query, "vector": replace(query, terms=[]), "lexical": replace(query, vector=None)}


def _size(tools: Tools, step: Run) -> dict[str, Any]:
    with tools.db.transaction(step.tenant) as session:
        sources = db.rows(session, "corpus/select_status")
    return {name: sum(source[name] for source in sources) for name in ("documents", "chunks", "refused")}


def score(found: Sequence[Sequence[str]], relevant: Sequence[set[str]]) -> dict[str, float]:
    """
    Return hit@1, hit@5 and ndcg@10, each the mean over all queries.

    hit@k: a relevant document is among the first k.  ndcg@10: gain 1 for a relevant document, discounted by the binary
    logarithm of its rank + 1, in proportion to the best possible order.
    """
    gains = [
        [float(document in wanted) for document in lists]
        for lists, wanted in zip(found, relevant, strict=True)
    ]
    ideal = [_discounted([1.0] * min(DEPTH, len(wanted))) for wanted in relevant]
    ndcg = [_discounted(gain) / best if best else 0.0 for gain, best in zip(gains, ideal, strict=True)]
    count = max(1, len(gains))
    return {
        "hit@1": round(sum(any(gain[:1]) for gain in gains) / count, 4),
        "hit@5": round(sum(any(gain[:5]) for gain in gains) / count, 4),
        "ndcg@10": round(sum(ndcg) / count, 4),
    }


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:DEPTH], 1))


def p95_ms(seconds: Sequence[float]) -> float:
    """Return the time that 95 of 100 stay below, in milliseconds."""
    ordered = sorted(seconds)
    return round(1000 * ordered[max(0, math.ceil(0.95 * len(ordered)) - 1)], 2) if ordered else 0.0
