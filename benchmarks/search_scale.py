"""
How fast search is over many chunks: `python -m benchmarks search_scale --chunks 100000 [--dimensions 1536] --json`.

Passages of the data sets, cut at random places and lengths so that each differs, fill one tenant; a second tenant
holds 1 % as many.  Real questions of the same data sets are then ranked by the product's function: by vector, by
words, by both, and by both under a filter that keeps 1 % of the documents.  Embedding the question is not part of it.

The vectors are those of the embedded model.  More than its 256 dimensions are reached by turning them into a larger
space, which keeps every angle: neighbours and recall are those of the real vectors, cost is that of the longer ones.
Recall compares the vector half with a comparison of all vectors, one by one, in numpy.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from benchmarks.machine import machine
from benchmarks.search import p95_ms
from plumbline.core.hashing import sha256, stable_uuid
from plumbline.core.settings import PROJECT_ROOT
from plumbline.corpus.search import Filters, Query, rank
from plumbline.corpus.terms import chunk_terms, query_terms, register
from plumbline.embedded.scratch import Scratch, scratch_server
from plumbline.localmodel.vectors import DIMENSIONS, word_vectors

Vectors = npt.NDArray[np.float32]

LANGUAGES = ("en", "de", "es", "zh")
MODEL = "local-wordllama"
_SHORTEST, _LONGEST = 300, 1_700  # characters of a passage
_CHUNKS_A_DOCUMENT = 10
_QUESTIONS_A_SET = 60
_AT_ONCE = 5_000
_RECALL_AT = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS)
    usual = Path(os.environ.get("PLUMBLINE_DATA") or PROJECT_ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=usual, help="folder of the data sets (PLUMBLINE_DATA)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Fill two tenants, build their indexes, ask both, and return the figures."""
    if not any(options.data.glob("retrieval_*/corpus*.jsonl")):
        raise SystemExit(
            f"There are no data sets in {options.data}: name their folder with --data or PLUMBLINE_DATA."
        )
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        Path(folder).chmod(0o755)
        with scratch_server(Path(folder) / "postgres") as scratch:
            bench = _Bench(scratch, options.data, options.dimensions)
            tenants = {"main": options.chunks, "small": max(1, options.chunks // 100)}
            loaded = {
                tenant: bench.fill(tenant, count, seed)
                for seed, (tenant, count) in enumerate(tenants.items())
            }
            bench.vacuum()
            asked = {tenant: bench.ask(tenant) for tenant in tenants}
    return {
        "chunks": options.chunks,
        "dimensions": options.dimensions,
        "tenants": {tenant: {**loaded[tenant], **asked[tenant]} for tenant in tenants},
        "machine": machine(),
    }


@dataclass(frozen=True, slots=True)
class _Passage:
    language: str
    text: str


class _Bench:
    """One database with two tenants."""

    def __init__(self, scratch: Scratch, data: Path, dimensions: int) -> None:
        self._scratch, self._database = scratch, scratch.new_database()
        self._texts = list(_texts(data))
        self._questions = list(_questions(data))
        self._turn = _turn(dimensions)
        self._dimensions = dimensions
        self._vectors: dict[str, Vectors] = {}
        self._ids: dict[str, list[uuid.UUID]] = {}

    def fill(self, tenant: str, count: int, seed: int) -> dict[str, Any]:
        """Write so many chunks, build the indexes; return how long it took and how large they are."""
        table = self._keeper(tenant, "open_index", MODEL, self._dimensions, before="open_tenant")
        table = f"embedding_{table}"
        passages = _passages(self._texts, count, random.Random(seed))
        kept: list[Vectors] = []
        self._ids[tenant] = []
        began = time.perf_counter()
        for start in range(0, count, _AT_ONCE):
            some = [next(passages) for _ in range(min(_AT_ONCE, count - start))]
            vectors = word_vectors().embed([passage.text for passage in some])
            kept.append(vectors)
            self._write(tenant, table, start, some, self._turned(vectors))
            print(f"{tenant}: {start + len(some):,} chunks", file=sys.stderr)
        self._vectors[tenant] = np.concatenate(kept)
        with self._session(tenant) as session:
            session.execute(
                "update corpus.vector_index set state = 'in_force', in_force_at = now() where tenant = %s",
                [tenant],
            )
        load_s, began = time.perf_counter() - began, time.perf_counter()
        built = self._keeper(tenant, "build_search_indexes")
        return {
            "chunks": count,
            "load_s": round(load_s, 1),
            "build_s": round(time.perf_counter() - began, 1),
            "built": built,
            "index_mb": {name: round(self._bytes(name) / 2**20, 1) for name in built},
        }

    def ask(self, tenant: str) -> dict[str, Any]:
        """Rank the questions in every way; return the times and the recall of the vector half."""
        vectors = word_vectors().embed([text for _, text in self._questions])
        queries = [
            Query(text, language, query_terms(text, _first(language)), vector.tolist(), MODEL, "")
            for (language, text), vector in zip(self._questions, self._turned(vectors), strict=True)
        ]
        ways: dict[str, tuple[list[Query], Filters | None]] = {
            "vector": ([replace(query, terms=[]) for query in queries], None),
            "lexical": ([replace(query, vector=None) for query in queries], None),
            "hybrid": (queries, None),
            "filtered": (queries, Filters(path_prefix="part-07/")),
        }
        figures: dict[str, Any] = {}
        with self._session(tenant) as session:
            rank(session, tenant, queries[0], _RECALL_AT)
            for way, (asked, filters) in ways.items():
                seconds, found = _timed(session, tenant, asked, filters)
                figures[f"{way}_ms"] = {"p50": _p50_ms(seconds), "p95": p95_ms(seconds)}
                if way == "vector":
                    figures["recall@10"] = self._recall(tenant, found, vectors)
        return figures

    def vacuum(self) -> None:
        """Leave the tables as autovacuum would, so that it does not run while times are taken."""
        with psycopg.connect(self._scratch.server.admin_url(self._database), autocommit=True) as session:
            session.execute("vacuum (analyze)")

    def _recall(self, tenant: str, found: Sequence[Sequence[Any]], vectors: Vectors) -> float:
        """
        How many of the ten nearest by comparing all were found.

        Turning keeps angles, so the vectors are compared as they were before.  Who is as near as the tenth, to the
        precision of the stored half-floats, counts as found.
        """
        cosines = vectors @ self._vectors[tenant].T
        place = {chunk_id: number for number, chunk_id in enumerate(self._ids[tenant])}
        wanted = min(_RECALL_AT, cosines.shape[1])
        shares = []
        for row, hits in zip(cosines, found, strict=True):
            tenth = np.partition(row, -wanted)[-wanted] - 1e-4
            shares.append(sum(row[place[hit["chunk_id"]]] >= tenth for hit in hits) / wanted)
        return round(float(np.mean(shares)), 4)

    def _turned(self, vectors: Vectors) -> Vectors:
        return vectors if self._turn is None else vectors @ self._turn

    def _write(
        self, tenant: str, table: str, start: int, passages: Sequence[_Passage], vectors: Vectors
    ) -> None:
        ids = [stable_uuid("chunk", tenant, str(start + number)) for number in range(len(passages))]
        self._ids[tenant] += ids
        with self._session(tenant) as session:
            register(session)
            register_vector(session)
            session.execute(_STAGE.format(dimensions=self._dimensions))
            cursor = session.cursor()
            with cursor.copy("copy staged from stdin (format binary)") as copy:
                copy.set_types(
                    ["uuid", "uuid", "uuid", "int4", "text", "text", "text", "int4", "tsvector", "halfvec"]
                )
                for number, (chunk_id, passage) in enumerate(zip(ids, passages, strict=True)):
                    place = start + number
                    document = str(place // _CHUNKS_A_DOCUMENT)
                    path = f"part-{place // _CHUNKS_A_DOCUMENT % 100:02}/{document}.md"
                    terms = chunk_terms(passage.text, passage.language)
                    copy.write_row(
                        (
                            chunk_id,
                            stable_uuid("document", tenant, document),
                            stable_uuid("version", tenant, document),
                            place % _CHUNKS_A_DOCUMENT,
                            path,
                            passage.language,
                            passage.text,
                            terms.length,
                            terms,
                            HalfVector(vectors[number]),
                        )
                    )
            source = stable_uuid("source", tenant)
            for statement in _PUBLISH.format(table=table).split(";"):
                session.execute(statement, {"tenant": tenant, "source": source, "mark": sha256("benchmark")})

    def _keeper(self, tenant: str, function: str, *inputs: object, before: str | None = None) -> Any:
        with psycopg.connect(self._scratch.url(self._database, "keeper")) as session:
            session.execute("select set_config('plumbline.tenant', %s, true)", [tenant])
            for name, given in (*(((before, ()),) if before else ()), (function, inputs)):
                places = ", ".join(["%s"] * (len(given) + 1))
                found = session.execute(f"select corpus.{name}({places})", [tenant, *given]).fetchone()
        return found[0] if found else None

    def _session(self, tenant: str) -> Any:
        session = psycopg.connect(
            self._scratch.url(self._database, "app"), row_factory=psycopg.rows.dict_row, prepare_threshold=1
        )
        session.execute("select set_config('plumbline.tenant', %s, false)", [tenant])
        return session

    def _bytes(self, index: str) -> int:
        with psycopg.connect(self._scratch.server.admin_url(self._database)) as session:
            size = "select pg_relation_size(format('corpus.%%I', %s::text)::regclass)"
            found = session.execute(size, [index]).fetchone()
        return int(found[0]) if found else 0


def _texts(data: Path) -> Iterator[_Passage]:
    """The texts of the data sets."""
    for path in sorted(data.glob("retrieval_*/corpus*.jsonl")):
        language = path.suffixes[0].removeprefix(".") if len(path.suffixes) > 1 else "en"
        for line in path.read_text(encoding="utf-8").splitlines():
            yield _Passage(language, json.loads(line)["text"])
    for pattern in ("kb_docs/**/*.md", "kb_docs/peps/*.rst", "retrieval_chunking/corpora/*.md"):
        for path in sorted(data.glob(pattern)):
            yield _Passage("en", path.read_text(encoding="utf-8", errors="replace").replace("\0", ""))


def _passages(texts: Sequence[_Passage], count: int, chance: random.Random) -> Iterator[_Passage]:
    """Passages of random place and length, no two alike; longer texts give more of them."""
    weights = [len(passage.text) for passage in texts]
    seen: set[str] = set()
    while len(seen) < count:
        for passage in chance.choices(texts, weights, k=1000):
            length = chance.randint(_SHORTEST, _LONGEST)
            start = chance.randrange(max(1, len(passage.text) - length // 2))
            text = passage.text[start : start + length].strip()
            if text and text not in seen and len(seen) < count:
                seen.add(text)
                yield _Passage(passage.language, text)


def _questions(data: Path) -> Iterator[tuple[str, str]]:
    """Real questions with their language, some of each data set."""
    for path in sorted(data.glob("retrieval_*/queries*.jsonl")):
        language = path.suffixes[0].removeprefix(".") if len(path.suffixes) > 1 else "en"
        for line in path.read_text(encoding="utf-8").splitlines()[:_QUESTIONS_A_SET]:
            yield language, json.loads(line)["text"]


def _first(language: str) -> list[str]:
    return sorted(LANGUAGES, key=lambda code: (code != language, code))


def _turn(dimensions: int) -> Vectors | None:
    """A rotation into a larger space, as a matrix whose rows are orthonormal; None where none is needed."""
    if dimensions == DIMENSIONS:
        return None
    if dimensions < DIMENSIONS:
        raise SystemExit(f"--dimensions is {DIMENSIONS} or more.")
    columns = np.linalg.qr(np.random.default_rng(1).normal(size=(dimensions, DIMENSIONS)))[0]
    return np.ascontiguousarray(columns.T, dtype=np.float32)


def _timed(
    session: Any, tenant: str, queries: Sequence[Query], filters: Filters | None
) -> tuple[list[float], list[list[Any]]]:
    seconds: list[float] = []
    results: list[list[Any]] = []
    for query in queries:
        began = time.perf_counter()
        results.append(rank(session, tenant, query, _RECALL_AT, filters))
        seconds.append(time.perf_counter() - began)
    return seconds, results


def _p50_ms(seconds: Sequence[float]) -> float:
    return round(1000 * float(np.median(seconds)), 2)


_STAGE = """
create temp table staged (
    chunk_id uuid, document_id uuid, version_id uuid, ordinal integer, path text, language text, text text,
    length integer, terms tsvector, embedding halfvec({dimensions})
) on commit drop
"""
_PUBLISH = """
insert into corpus.source (source_id, tenant, name, kind, location, owner)
values (%(source)s, %(tenant)s, 'passages', 'folder', '/', 'data') on conflict do nothing;
insert into corpus.document_version (
    version_id, tenant, document_id, source_id, path, source_sha256, text_sha256, language, pipeline, code_version,
    run_id
)
select distinct on (version_id)
    version_id, %(tenant)s, document_id, %(source)s, path, %(mark)s, %(mark)s, language, '', '', %(source)s
from staged;
insert into corpus.document (
    document_id, tenant, source_id, path, version_id, source_sha256, pipeline, kind, language, bytes
)
select distinct on (document_id)
    document_id, %(tenant)s, %(source)s, path, version_id, %(mark)s, '', 'text', language, 1
from staged;
insert into corpus.chunk (
    chunk_id, tenant, document_id, version_id, ordinal, span_start, span_end, language, tokens, text, text_sha256,
    answer_key
)
select
    chunk_id, %(tenant)s, document_id, version_id, ordinal, 0, length(text), language, 1, text, %(mark)s, %(mark)s
from staged;
insert into corpus.chunk_terms (chunk_id, tenant, length, terms)
select chunk_id, %(tenant)s, length, terms from staged;
insert into corpus.{table} (chunk_id, tenant, answer_key, embedding)
select chunk_id, %(tenant)s, %(mark)s, embedding from staged
"""
