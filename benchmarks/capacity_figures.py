"""
What a corpus of a size takes, computed from what smaller ones took.  Pure: figures in, figures out.

Costs grow in proportion to the documents, as they did between the two largest sizes that were measured; what a process
takes to start is not among them, and counted for each task instead.  The graph grows with n log n, as its paper says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.corpus.scanning import shards_for

Figures = Mapping[str, Any]

_SCRATCH = ("corpus.staged_", "corpus.ingestion", "ledger.intent")
"""What an ingestion fills and leaves empty: staging, the plan, and the bodies of requests."""
_GRAPH = "corpus.embedding_1, index of search"
SERIAL = ("scan", "publish", "words")
GRAPH_BYTES_ABOVE_VECTOR = 400
"""Memory of a vector in the graph beside its halves, as `build_search_indexes` reckons with it."""
BUILD_MEMORY = 2_048 * 2**20
"""The most that `build_search_indexes` takes."""
BUILD_PROCESSES = 3
"""One that leads and Postgres' usual two helpers (`max_parallel_maintenance_workers`)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """
    What a document takes, in seconds of CPU, bytes, chunks and tokens.

    `ours` and `postgres` are by stage; `start` and `task` are what a task takes before its first document: in Airflow,
    and in our own code.  `vector` is what a vector takes in the graph, at the least and at the most, when it is built
    of `vectors` of them.  `seen`: the seconds of Postgres at
    the largest size, and the power of the documents that they grew with.
    """

    documents: int
    source_bytes: float
    ours: Mapping[str, float]
    postgres: Mapping[str, float]
    wal: Mapping[str, float]
    seen: Mapping[str, tuple[float, float]]
    start: float
    task: float
    chunks: float
    tokens: float
    tables: Mapping[str, float]
    staging: float
    publish_memory: float
    look: float
    look_memory: float
    connections: int
    dimensions: int
    vector: tuple[float, float]
    vectors: tuple[int, int]
    graph_bytes: float


def costs(measured: Figures, searched: Figures) -> Costs:
    """Return what a document takes; `searched` are the figures of the search benchmark, whose vectors are real ones."""
    before, last = measured["sizes"][-2:]
    grown = last["documents"] - before["documents"]

    def of(stage: str, what: str) -> float:
        return max(0.0, (last["stages"][stage][what] - before["stages"][stage][what]) / grown)

    stages = ("scan", "prepare", "publish", "words")
    first = measured["sizes"][0]
    prepared = of("prepare", "cpu_s")
    built = max((size for size in measured["sizes"] if _has_graph(size)), key=lambda size: size["documents"])
    tenant = searched["tenants"]["main"]
    real = tenant["build_s"] * searched["machine"]["cores"] / tenant["chunks"]
    random = built["stages"]["graph"]["pg_cpu_s"] / built["chunks"]
    return Costs(
        documents=last["documents"],
        source_bytes=last["source_bytes"] / last["documents"],
        ours={stage: of(stage, "cpu_s") for stage in stages},
        postgres={stage: of(stage, "pg_cpu_s") for stage in stages},
        wal={
            **{stage: of(stage, "wal_bytes") for stage in stages},
            "graph": built["stages"]["graph"]["wal_bytes"] / built["documents"],
        },
        seen={
            stage: (last["stages"][stage]["pg_cpu_s"], max(1.0, growth(measured, stage, "pg_cpu_s")))
            for stage in SERIAL
        },
        start=measured["task_start_cpu_s"],
        task=(first["stages"]["prepare"]["cpu_s"] - prepared * first["documents"]) / first["shards"],
        chunks=last["chunks"] / last["documents"],
        tokens=last["tokens"] / last["documents"],
        tables=_kept(before["table_bytes"], last["table_bytes"], grown),
        staging=sum(size for name, size in last["staged_bytes"].items() if name.startswith(_SCRATCH))
        / last["documents"],
        publish_memory=of("publish", "backend_peak_mb") * 2**20,
        look=of("look", "cpu_s") + of("look", "pg_cpu_s"),
        look_memory=of("look", "peak_rss_mb") * 2**20,
        connections=last["stages"]["prepare"]["connections"],
        dimensions=measured["dimensions"],
        vector=(min(real, random), max(real, random)),
        vectors=(tenant["chunks"], built["chunks"]) if real < random else (built["chunks"], tenant["chunks"]),
        graph_bytes=tenant["index_mb"]["embedding_1_graph"] * 2**20 / tenant["chunks"],
    )


def _has_graph(size: Figures) -> bool:
    return _GRAPH in size["table_bytes"]


def _kept(before: Mapping[str, int], last: Mapping[str, int], grown: int) -> dict[str, float]:
    """
    Bytes a document of what stays when an ingestion is over, and its scratch is swept.

    The graph is reckoned by the vector; tables that hardly grow with documents are left out.
    """
    each = {name: (size - before.get(name, 0)) / grown for name, size in last.items()}
    return {
        name: size
        for name, size in each.items()
        if size >= 1 and not name.startswith(_SCRATCH) and name != _GRAPH
    }


def growth(measured: Figures, stage: str, what: str) -> float:
    """Return the power of the number of documents that a cost grew with between the two largest sizes; 1 is linear."""
    sizes = [size for size in measured["sizes"] if stage in size["stages"]]
    before, last = sizes[-2:]
    ratio = last["stages"][stage][what] / before["stages"][stage][what]
    return math.log(ratio) / math.log(last["documents"] / before["documents"])


@dataclass(frozen=True, slots=True)
class Corpus:
    """What so many documents take."""

    costs: Costs
    documents: int

    @property
    def tasks(self) -> int:
        """Mapped tasks."""
        return shards_for(self.documents)

    @property
    def files_a_task(self) -> int:
        """Files of the longest of them."""
        return -(-self.documents // self.tasks)

    @property
    def vectors(self) -> float:
        """Chunks, each of which has a vector."""
        return self.documents * self.costs.chunks

    @property
    def tokens(self) -> float:
        """Tokens to embed."""
        return self.documents * self.costs.tokens

    @property
    def starts(self) -> float:
        """CPU seconds that tasks take before their first document."""
        return self.tasks * (self.costs.start + self.costs.task)

    @property
    def ours(self) -> float:
        """CPU seconds of our processes, the starts of tasks included."""
        return self.starts + self.documents * sum(self.costs.ours.values())

    @property
    def postgres(self) -> float:
        """CPU seconds of Postgres, the graph left out."""
        return self.documents * sum(self.costs.postgres.values())

    def serial(self, stage: str) -> tuple[float, float]:
        """
        Seconds of a stage that one task does alone: in proportion, and if it went on growing as it was seen to.

        The latter is no less than the former.
        """
        even = self.documents * (self.costs.ours[stage] + self.costs.postgres[stage])
        seconds, power = self.costs.seen[stage]
        return even, max(even, seconds * (self.documents / self.costs.documents) ** power)

    def prepare(self, at_once: int) -> float:
        """Seconds of preparing, with so many tasks at once and cores enough."""
        work = self.documents * (self.costs.ours["prepare"] + self.costs.postgres["prepare"])
        return (work + self.starts) / min(at_once, self.tasks)

    def paced(self, tokens_per_minute: float) -> float:
        """Seconds in which the rate limit lets the tokens through."""
        return self.tokens / tokens_per_minute * 60

    def usd(self, usd_per_million: float) -> float:
        """What the tokens cost."""
        return self.tokens / 1e6 * usd_per_million

    @property
    def graph(self) -> tuple[float, float]:
        """CPU seconds to build the graph in memory, at the least and at the most."""
        return tuple(  # type: ignore[return-value]
            self.vectors * each * math.log(max(self.vectors, 2)) / math.log(of)
            for each, of in zip(self.costs.vector, self.costs.vectors, strict=True)
        )

    @property
    def graph_memory(self) -> float:
        """Bytes that building the graph takes in memory."""
        return self.vectors * (2 * self.costs.dimensions + GRAPH_BYTES_ABOVE_VECTOR)

    @property
    def storage(self) -> dict[str, float]:
        """Bytes by table; the graph is one of them."""
        tables = {name: size * self.documents for name, size in self.costs.tables.items()}
        return {**tables, "corpus.embedding_1, graph": self.vectors * self.costs.graph_bytes}

    @property
    def wal(self) -> float:
        """Bytes of WAL."""
        return self.documents * sum(self.costs.wal.values())

    def wall(self, at_once: int, tokens_per_minute: float) -> float:
        """Seconds from the scan to the graph, everything at its least cost."""
        alone = sum(self.serial(stage)[0] for stage in SERIAL)
        graph = self.graph[0] / BUILD_PROCESSES
        return alone + max(self.prepare(at_once), self.paced(tokens_per_minute)) + graph
