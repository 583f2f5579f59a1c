"""
Which size of chunks finds most: `python -m benchmarks chunking --data DIR [--sizes 128,256,400,512,800] --json`.

DIR holds corpora/<name>.md and queries.jsonl {id, text, corpus, references: [{content, start_index, end_index}]}: which
characters of a corpus answer a question (Smith and Troynikov, Evaluating Chunking Strategies for Retrieval, 2024).  For
each size, the most tokens that a chunk may have, the corpora are ingested together into a database of their own, and
every question is asked as the product asks it: words and meaning.

The measures are those of the authors, over the chunks that are found first (k), in tokens: `recall` is the share of the
answer that lies in the chunks, `precision` the share of the chunks that is answer, `iou` the answer in the chunks in
proportion to chunks and the rest of the answer; each the mean over all questions.  `tokens` is what a reader of the k
chunks reads, `share_read` what part of the corpora that is: where it is large, recall is near 1 for any size and says
little, and sizes are fairly compared at equal `tokens` only.  The authors' program counts characters where their paper
says tokens: `recall_characters` and so on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple, cast

from benchmarks.machine import machine
from plumbline.core.receipts import Run
from plumbline.core.tokenizer import tokenizer
from plumbline.core.tools import Tools
from plumbline.corpus.chunking import MAX_TOKENS
from plumbline.corpus.preparing import prepare_documents
from plumbline.corpus.publishing import publish_index
from plumbline.corpus.scanning import scan_source
from plumbline.corpus.search import prepare, rank
from plumbline.embedded.scratch import Scratch, scratch_server
from plumbline.localmodel.testing import RunningServer, running_server

DEPTHS = (5, 10)
_RUN = Run(tenant="main", job="benchmarks.chunking", dag_run_id="benchmark")


class Span(NamedTuple):
    """Characters of a corpus, the last one not included."""

    corpus: str
    start: int
    end: int


Measure = Callable[[Span], float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, help="folder of corpora/ and queries.jsonl")
    parser.add_argument("--sizes", default="128,256,400,512,800", help="most tokens of a chunk, with commas")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Ingest and ask once for each size, and return the figures."""
    corpora = {
        path.stem: path.read_text(encoding="utf-8")
        for path in sorted((options.data / "corpora").glob("*.md"))
    }
    lines = (options.data / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line) for line in lines if line.strip()]
    until = {name: _tokens_until(text) for name, text in corpora.items()}
    sizes: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        with scratch_server(root / "postgres") as scratch, running_server() as model:
            for size in map(int, options.sizes.split(",")):
                asked = _Asked(scratch, model, root, options.data / "corpora", corpora)
                sizes[str(size)] = asked.measured(size, queries, partial(_tokens, until))
                print(f"{size}: {sizes[str(size)]}", file=sys.stderr)
    return {"sizes": sizes, "default": MAX_TOKENS, "queries": len(queries), "machine": machine()}


def _tokens_until(text: str) -> list[int]:
    """How many tokens of a text begin before each of its characters, and in all."""
    found, begins, waiting = tokenizer(), [0] * len(text), list[int]()
    at = 0
    for token in found.encode(text):
        waiting.append(token)
        try:
            piece = found.decode(waiting)
        except ValueError:  # it ends inside a character
            continue
        begins[at] += len(waiting)
        at += len(piece)
        waiting.clear()
    return [0, *accumulate(begins)]


def _tokens(until: Mapping[str, Sequence[int]], span: Span) -> float:
    return until[span.corpus][span.end] - until[span.corpus][span.start]


def _characters(span: Span) -> float:
    return span.end - span.start


class _Asked:
    """One database per size, and the questions asked of it."""

    def __init__(
        self, scratch: Scratch, model: RunningServer, root: Path, folder: Path, corpora: Mapping[str, str]
    ) -> None:
        self._scratch, self._model, self._root, self._folder = scratch, model, root, folder
        self._corpora = corpora

    def measured(self, size: int, queries: Sequence[Mapping[str, Any]], tokens: Measure) -> dict[str, Any]:
        """The figures of one size."""
        database = self._scratch.new_database()
        with self._scratch.tools(database, home=self._root / "home", model_url=self._model.base_url) as tools:
            plan = scan_source(tools, _RUN, folder=str(self._folder))
            ingestion_id = str(plan["ingestion_id"])
            for shard in cast("list[int]", plan["shards"]):
                prepare_documents(tools, _RUN, ingestion_id=ingestion_id, shard=shard, chunk_tokens=size)
            published = publish_index(tools, _RUN, ingestion_id=ingestion_id)
            origins = _origins(tools, self._corpora)
            found = [_found(tools, query["text"], origins) for query in queries]
        wanted = [
            [Span(query["corpus"], one["start_index"], one["end_index"]) for one in query["references"]]
            for query in queries
        ]
        whole = sum(tokens(Span(name, 0, len(text))) for name, text in self._corpora.items())
        return {
            "chunks": published["chunks_added"],
            **{f"k={depth}": _with_share(_scores(found, wanted, depth, tokens), whole) for depth in DEPTHS},
        }


def _origins(tools: Tools, corpora: Mapping[str, str]) -> dict[str, list[int]]:
    """Where each character of a stored text stood in its file: reading a file drops white space, and nothing else."""
    with tools.db.transaction(_RUN.tenant) as session:
        rows = session.execute("select path, text from corpus.document_version").fetchall()
    return {row["path"]: origin_of(row["text"], corpora[Path(row["path"]).stem]) for row in rows}


def origin_of(text: str, original: str) -> list[int]:
    """
    Return the place in the original of each character of a text from which white space was dropped.

    Raises:
        SystemExit: More than white space is different.
    """
    origins, at = [], 0
    for character in text:
        while at < len(original) and original[at] != character and original[at].isspace():
            at += 1
        if at == len(original) or original[at] != character:
            raise SystemExit(f"The text is not that of the file, from character {at} on.")
        origins.append(at)
        at += 1
    return origins


def _found(tools: Tools, question: str, origins: Mapping[str, Sequence[int]]) -> list[Span]:
    """The spans of the best chunks, in their files."""
    query = prepare(tools, _RUN, question)
    if query.vector is None:
        raise SystemExit(f"The model did not answer: {query.remark}")
    with tools.db.transaction(_RUN.tenant) as session:
        rows = rank(session, _RUN.tenant, query, max(DEPTHS))
    return [
        Span(
            Path(row["path"]).stem,
            origins[row["path"]][row["span_start"]],
            origins[row["path"]][row["span_end"] - 1] + 1,
        )
        for row in rows
    ]


def _scores(
    found: Sequence[Sequence[Span]], wanted: Sequence[Sequence[Span]], depth: int, tokens: Measure
) -> dict[str, float]:
    by_tokens = [score(spans[:depth], answer, tokens) for spans, answer in zip(found, wanted, strict=True)]
    by_letters = [
        score(spans[:depth], answer, _characters) for spans, answer in zip(found, wanted, strict=True)
    ]
    names = ("recall", "precision", "iou")
    return {
        **{name: round(mean(one[place] for one in by_tokens), 4) for place, name in enumerate(names)},
        "tokens": round(mean(sum(map(tokens, spans[:depth])) for spans in found)),
        **{
            f"{name}_characters": round(mean(one[place] for one in by_letters), 4)
            for place, name in enumerate(names)
        },
    }


def _with_share(scores: dict[str, float], whole: float) -> dict[str, float]:
    return {**scores, "share_read": round(scores["tokens"] / whole, 3)}


def score(found: Iterable[Span], wanted: Sequence[Span], size: Measure) -> tuple[float, float, float]:
    """Return recall, precision and IoU of the spans that were found; chunks never overlap each other.  Pure."""
    chunks = list(found)
    met = _joined(common for one in chunks for other in wanted if (common := _common(one, other)))
    hit, answer, read = (sum(map(size, spans)) for spans in (met, wanted, chunks))
    missed = sum(map(size, _joined(wanted))) - hit
    return (
        hit / answer if answer else 0.0,
        hit / read if read else 0.0,
        hit / (read + missed) if read + missed else 0.0,
    )


def _common(one: Span, other: Span) -> Span | None:
    start, end = max(one.start, other.start), min(one.end, other.end)
    return Span(one.corpus, start, end) if one.corpus == other.corpus and start < end else None


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The spans, those that overlap made one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and joined[-1].corpus == span.corpus and span.start <= joined[-1].end:
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined
