"""
The tables of docs/scale.md, drawn from committed results; what stands between them is written by hand.

A table stands between `<!-- drawn: NAME -->` and `<!-- end -->`.  `python -m benchmarks capacity --page` draws all of
them anew, and a test fails when one is stale.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.capacity_figures import (
    BUILD_MEMORY,
    BUILD_PROCESSES,
    GRAPH_BYTES_ABOVE_VECTOR,
    SERIAL,
    Corpus,
    Costs,
    Figures,
    costs,
    growth,
)
from plumbline.core.settings import PROJECT_ROOT
from plumbline.corpus.scanning import FULL_SHARD, MOST_SHARDS

PAGE = PROJECT_ROOT / "docs" / "scale.md"
RESULTS = Path(__file__).parent / "results"
MEASURED = RESULTS / "capacity-1536-dimensions.json"
SEARCHED = RESULTS / "search-100000-chunks-1536-dimensions.json"

MODEL = "text-embedding-3-small"
SIZES = (1_000_000, 100_000_000)
AT_ONCE = (4, 16, 64)
TOKENS_PER_MINUTE = (1_000_000, 10_000_000)
"""Assumed: what a new account may send, and what a large one may; the account's page of limits says the truth."""
HOUR, DAY, WEEK = 3_600.0, 86_400.0, 604_800.0
GB = 2**30
MACHINE_GB = 64
BACKEND_GB = 8
WORKER_GB = 4
DISK_GB = 4_096
"""What a part is held against: memory of a database server, of one backend, of a worker; a disk."""

Row = Sequence[object]


def write_page() -> list[str]:
    """Draw the page anew; return the names of what was drawn."""
    drawn = blocks()
    PAGE.write_text(redrawn(PAGE.read_text(encoding="utf-8"), drawn), encoding="utf-8")
    return list(drawn)


def redrawn(page: str, drawn: Mapping[str, str]) -> str:
    """
    Return a page with its tables drawn anew.  Pure.

    Raises:
        KeyError: The page wants a table that nobody draws.
    """
    return re.sub(
        r"(<!-- drawn: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{drawn[found[2]]}{found[3]}",
        page,
        flags=re.DOTALL,
    )


def blocks() -> dict[str, str]:
    """Return every table by its name, from the committed results and prices."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    searched = json.loads(SEARCHED.read_text(encoding="utf-8"))
    prices = (PROJECT_ROOT / "include" / "prices.csv").read_text(encoding="utf-8")
    return drawn_from(measured, searched, prices)


def drawn_from(measured: Figures, searched: Figures, prices: str) -> dict[str, str]:
    """Return every table by its name.  Pure."""
    each = costs(measured, searched)
    corpora = [Corpus(each, documents) for documents in SIZES]
    standard, batch = (_price(prices, service) for service in ("standard", "batch"))
    return {
        "shape": _shape(each),
        "essentials": _by_size(corpora, _essentials(corpora, standard, batch)),
        "measured": _measured(measured),
        "rates": _rates(each),
        "stages": _by_size(corpora, _stages(corpora)),
        "storage": _by_size(corpora, _storage(corpora)),
        "limits": _limits(each),
    }


def _shape(each: Costs) -> str:
    source = f"{each.source_bytes / 1000:.1f} KB: {each.tokens:,.0f} tokens, {each.chunks:.1f} chunks"
    return f"A document here is a text of {source}, {each.dimensions:,} dimensions at half precision.\n"


def _essentials(corpora: list[Corpus], standard: float, batch: float) -> Iterable[Row]:
    slow, fast = TOKENS_PER_MINUTE
    yield "mapped tasks", *(f"{one.tasks:,} of {one.files_a_task:,} files" for one in corpora)
    yield "tokens", *(f"{one.tokens / 1e9:,.1f} billion" for one in corpora)
    yield (
        f"money, {MODEL} (half by batch, not built yet)",
        *(f"${one.usd(standard):,.0f} (${one.usd(batch):,.0f})" for one in corpora),
    )
    yield "machine time, ours", *(_time(one.ours) for one in corpora)
    yield "machine time, Postgres without the graph", *(_time(one.postgres) for one in corpora)
    yield "machine time, the graph", *(_span(*one.graph) for one in corpora)
    for pace in (slow, fast):
        yield (
            f"time that {pace / 1e6:.0f} million tokens a minute set",
            *(_time(one.paced(pace)) for one in corpora),
        )
    for at_once in AT_ONCE:
        yield (
            f"wall time at the least, {at_once} tasks at once, {fast / 1e6:.0f} million tokens a minute",
            *(_time(one.wall(at_once, fast)) for one in corpora),
        )
    yield "one transaction that publishes", *(_span(*one.serial("publish")) for one in corpora)
    yield (
        "a look at an object store, its listing left out",
        *(_time(one.documents * one.costs.look) for one in corpora),
    )
    yield "storage", *(_size(sum(one.storage.values())) for one in corpora)
    yield "WAL", *(_size(one.wal) for one in corpora)
    yield "memory to build the graph in", *(_size(one.graph_memory) for one in corpora)
    yield (
        "memory to search the graph in",
        *(_size(one.storage["corpus.embedding_1, graph"]) for one in corpora),
    )


def _measured(measured: Figures) -> str:
    sizes = measured["sizes"]
    head = ["stage", *(f"{size['documents']:,}: ours, Postgres" for size in sizes), "grows with n to the"]
    head += ["most memory: ours, a backend", "WAL, KB"]
    rows = []
    for stage in ("scan", "prepare", "publish", "words", "graph", "look"):
        found = [size for size in sizes if stage in size["stages"]]
        cells = [
            f"{_milli(size, stage, 'cpu_s')}, {_milli(size, stage, 'pg_cpu_s')}" if size in found else ""
            for size in sizes
        ]
        last = found[-1]["stages"][stage]
        power = "" if stage == "graph" else f"{growth(measured, stage, 'pg_cpu_s'):.2f}"
        memory = f"{last['peak_rss_mb']}, {last['backend_peak_mb']} MB"
        rows.append(
            (stage, *cells, power, memory, f"{last['wal_bytes'] / found[-1]['documents'] / 1024:.1f}")
        )
    return _table(head, rows)


def _milli(size: Figures, stage: str, what: str) -> str:
    return f"{size['stages'][stage][what] / size['documents'] * 1000:.2f}"


def _rates(each: Costs) -> str:
    rows = [
        (stage, f"{each.ours[stage] * 1000:.3f}", f"{each.postgres[stage] * 1000:.3f}") for stage in each.ours
    ]
    rows += [("a task, before its first document", f"{(each.start + each.task) * 1000:,.0f}", "")]
    rows += [("a vector in the graph", "", f"{each.vector[0] * 1000:.2f} to {each.vector[1] * 1000:.2f}")]
    return _table(["milliseconds of CPU a document", "ours", "Postgres"], rows)


def _stages(corpora: list[Corpus]) -> Iterable[Row]:
    for stage in SERIAL:
        yield f"{stage}, one task", *(_span(*one.serial(stage)) for one in corpora)
        if stage == "scan":
            for at_once in AT_ONCE:
                yield f"prepare, {at_once} tasks at once", *(_time(one.prepare(at_once)) for one in corpora)
    yield (
        "graph, three processes, in memory",
        *(_span(one.graph[0] / BUILD_PROCESSES, one.graph[1] / BUILD_PROCESSES) for one in corpora),
    )


def _storage(corpora: list[Corpus]) -> Iterable[Row]:
    names = sorted(corpora[0].storage, key=lambda name: -corpora[0].storage[name])
    for name in names:
        what = _WHAT.get(name, "")
        yield f"`{name.split(',')[0]}`{what}", *(_size(one.storage[name]) for one in corpora)
    yield "**together**", *(f"**{_size(sum(one.storage.values()))}**" for one in corpora)
    yield (
        "scratch at its most: staging and bodies of requests",
        *(_size(one.documents * one.costs.staging) for one in corpora),
    )
    yield "WAL, all of it together", *(_size(one.wal) for one in corpora)


_WHAT = {
    "corpus.document_version": " (texts)",
    "corpus.chunk": " (texts of chunks)",
    "corpus.chunk_terms": " (words)",
    "corpus.chunk_terms, index of search": " (index of words)",
    "corpus.embedding_1": " (vectors)",
    "corpus.embedding_1, graph": " (graph)",
    "ledger.answer": " (bought answers: the vectors once more)",
    "lineage.edge": " (lineage)",
}


def _limits(each: Costs) -> str:
    """What gives way, in the order of the sizes at which it does."""
    fast = TOKENS_PER_MINUTE[1]
    graph = each.chunks * each.graph_bytes
    found = {
        "build": BUILD_MEMORY / (each.chunks * (2 * each.dimensions + GRAPH_BYTES_ABOVE_VECTOR)),
        "publish": _documents_in(HOUR, each),
        "put_off": BACKEND_GB * GB / each.publish_memory,
        "known": WORKER_GB * GB / each.look_memory,
        "mapping": FULL_SHARD * MOST_SHARDS,
        "search": MACHINE_GB * GB / graph,
        "disk": DISK_GB * GB / (sum(each.tables.values()) + graph),
        "scan": HOUR / (each.ours["scan"] + each.postgres["scan"]),
        "pace": WEEK * fast / 60 / each.tokens,
    }
    rows = [(_count(size), *_PARTS[part]) for part, size in sorted(found.items(), key=lambda one: one[1])]
    return _table(["documents", "what gives way", "held against"], rows)


def _documents_in(seconds: float, each: Costs) -> float:
    """How many documents are published in so many seconds, if the time goes on growing as it was seen to."""
    seen, power = each.seen["publish"]
    return float(each.documents * (seconds / seen) ** (1 / power))


_PARTS = {
    "build": ("building the graph in memory", f"{BUILD_MEMORY / GB:.0f} GB, the most that the build takes"),
    "publish": ("publishing in one transaction", "an hour"),
    "put_off": ("what that transaction keeps in memory, at the most", f"{BACKEND_GB} GB of one backend"),
    "known": ("a look at an object store, which holds all known rows", f"{WORKER_GB} GB of a worker"),
    "mapping": ("Airflow's mapping", f"{MOST_SHARDS:,} tasks of {FULL_SHARD:,} files; beyond, tasks grow"),
    "search": ("searching the graph in memory", f"{MACHINE_GB} GB of memory"),
    "disk": ("one Postgres", f"{DISK_GB // 1024} TB of disk"),
    "scan": ("scanning in one task", "an hour of CPU"),
    "pace": ("the rate limit", f"a week at {TOKENS_PER_MINUTE[1] // 10**6} million tokens a minute"),
}


def _price(prices: str, service: str) -> float:
    """The dated price that is in force last."""
    rows = [
        row
        for row in csv.DictReader(prices.splitlines())
        if row["model"] == MODEL and row["service"] == service
    ]
    return float(max(rows, key=lambda row: row["valid_from"])["usd_per_million"])


def _by_size(corpora: list[Corpus], rows: Iterable[Row]) -> str:
    return _table(["", *(f"{one.documents // 10**6} million documents" for one in corpora)], rows)


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _time(seconds: float) -> str:
    if seconds < HOUR:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 2 * DAY else f"{seconds / DAY:.1f} days"


def _span(least: float, most: float) -> str:
    """Both, where they differ by more than a tenth."""
    return f"{_time(least)} to {_time(most)}" if most > 1.1 * least else _time(least)


def _size(size: float) -> str:
    return f"{size / GB:,.1f} GB" if size < 1_000 * GB else f"{size / GB / 1024:,.1f} TB"


def _count(documents: float) -> str:
    return f"{documents / 1e6:,.1f} million" if documents >= 1e6 else f"{round(documents, -4):,.0f}"
