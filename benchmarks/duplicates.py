"""
How many near-duplicates are found, and at what cost: `python -m benchmarks duplicates --documents DIR --json`.

Every document of at least 200 words gets edited copies at known similarities: some of its runs of five words are
spoiled, one by one, until the Jaccard similarity, worked out by its definition over sets of words, is that of the
level.  The originals and all copies are ingested and compared as the product does it.  The truth is the exact answer
over all pairs at 0.8 and above: `recall` is the share of it that was found, `precision` the share of what was found
that is in it.  `levels` are the pairs of an original and its copy: below the threshold, none may be reported.

`template` is the worst case: so many pages of one template, each with a name of its own, and with every hundredth an
exact copy; they must be one group, and few pairs.  `cpu_ms_a_document` is that of the step `find_duplicates`, ours and
that of Postgres; `words` is the mean length of a document.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations, product
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import UUID

from benchmarks.ingest import postgres_cpu
from benchmarks.machine import machine
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.duplicate_groups import duplicates
from plumbline.corpus.duplicates import AT_LEAST, find_duplicates
from plumbline.corpus.extraction.pool import SHARED
from plumbline.corpus.ingesting import load
from plumbline.corpus.intake import scan
from plumbline.corpus.origins import Folder
from plumbline.corpus.outcomes import Found
from plumbline.corpus.readers import Refused, read_files
from plumbline.embedded.scratch import scratch_server
from plumbline.localmodel.testing import running_server

LEVELS = (0.95, 0.9, 0.85, 0.8, 0.7, 0.5)
_LEAST_WORDS, _MOST_WORDS = 200, 20_000
_RUN = Run(tenant="main", job="benchmarks.duplicates", dag_run_id="benchmark")

Pair = tuple[str, str]
Runs = set[tuple[str, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--documents", type=Path, required=True, help="folder of documents of all kinds")
    parser.add_argument("--pages", type=int, default=10_000, help="pages of one template")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure both corpora and return the figures."""
    originals = dict(_originals(options.documents))
    print(f"{len(originals)} originals", file=sys.stderr)
    corpus = {
        name: text for number, name in enumerate(originals) for name, text in _copies(number, originals[name])
    }
    with _found(corpus) as (tools, cost):
        edited = {**cost, **_judged(corpus, _reported(tools))}
    with _found(dict(_template(next(iter(originals.values())), options.pages))) as (tools, cost):
        groups = duplicates(tools, _RUN).groups
        template = {**cost, "groups": len(groups), "largest_group": max(map(len, groups), default=0)}
    return {"threshold": AT_LEAST, "edited": edited, "template": template, "machine": machine()}


def _originals(folder: Path) -> Iterator[tuple[str, str]]:
    """The distinct documents of the folder that are neither short nor whole books, their words alone."""
    seen = set()
    files = [
        {"path": one.path, "sha256": one.sha256, "kind": one.kind, "bytes": one.size}
        for one in scan(folder)
        if isinstance(one, Found)
    ]
    for file, outcome in read_files(Folder(folder), files):
        if isinstance(outcome, Refused):
            continue
        words = "".join(
            one if one.isalnum() and one.isascii() else " " for one in outcome.text.lower()
        ).split()
        if _LEAST_WORDS <= len(words) <= _MOST_WORDS and tuple(words) not in seen:
            seen.add(tuple(words))
            yield file["path"], " ".join(words)
    SHARED.close()


def _copies(number: int, text: str) -> Iterator[tuple[str, str]]:
    """An original and its copies, by the names of their files."""
    yield f"{number:05}.txt", text
    for level in LEVELS:
        yield f"{number:05}-{level:.2f}.txt", _edited(text, level, random.Random(f"{number} {level}"))


def _edited(text: str, level: float, dice: random.Random) -> str:
    """The text with words replaced, anywhere, as long as it stays as similar as the level asks for."""
    words, original = text.split(), runs_of(text.split())
    kept, places = list(words), list(range(len(words)))
    dice.shuffle(places)
    occurrences, common = Counter(_at(words, place) for place in range(len(words) - 4)), len(original)
    distinct = len(occurrences)
    for place in places:
        around = range(max(0, place - 4), min(len(words) - 4, place + 1))
        before = [_at(kept, start) for start in around]
        was, kept[place] = kept[place], f"edited{place}"
        after = [_at(kept, start) for start in around]
        occurrences.subtract(before)
        occurrences.update(after)
        lost = {one for one in before if not occurrences[one]}
        gained = {one for one in after if one not in before}
        now_common, now_distinct = common - len(lost & original), distinct - len(lost) + len(gained)
        if now_common / (len(original) + now_distinct - now_common) < level:
            kept[place] = was
            return " ".join(kept)
        common, distinct = now_common, now_distinct
    return " ".join(kept)


def _at(words: list[str], start: int) -> tuple[str, ...]:
    return tuple(words[start : start + 5])


def runs_of(words: list[str]) -> Runs:
    """Return the distinct runs of five words, as the definition says; of a shorter text, the whole."""
    return {_at(words, start) for start in range(max(1, len(words) - 4))}


def exact_pairs(corpus: Mapping[str, str], at_least: float) -> dict[Pair, float]:
    """Return all pairs that are at least so similar: whoever shares a run is compared, nothing is estimated."""
    runs = {name: runs_of(text.split()) for name, text in corpus.items()}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, found in runs.items():
        for one in found:
            holders[one].append(name)
    pairs: dict[Pair, float] = {}
    for name, found in runs.items():
        shared = Counter(other for one in found for other in holders[one] if other > name)
        for other, common in shared.items():
            similarity = common / (len(found) + len(runs[other]) - common)
            if similarity >= at_least:
                pairs[name, other] = similarity
    return pairs


def _template(text: str, pages: int) -> Iterator[tuple[str, str]]:
    words = text.split()[:500]
    for page in range(pages):
        who = f"person{page - 1 if page % 100 == 99 else page}"
        yield f"{page:07}.txt", " ".join([*words[:250], who, *words[250:]])


@contextmanager
def _found(corpus: Mapping[str, str]) -> Iterator[tuple[Tools, dict[str, Any]]]:
    """A database with the corpus in it, compared; and what the comparison cost."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "documents").mkdir()
        for name, text in corpus.items():
            (root / "documents" / name).write_text(text + "\n", encoding="utf-8")
        with (
            scratch_server(root / "postgres") as scratch,
            running_server() as model,
            scratch.tools(scratch.new_database(), home=root / "home", model_url=model.base_url) as tools,
        ):
            load(tools, _RUN, folder=str(root / "documents"))
            print(f"{len(corpus)} documents are searchable", file=sys.stderr)
            cost = _cost(lambda: find_duplicates(tools, _RUN), lambda: postgres_cpu(scratch))
            yield tools, {**cost, "words": round(mean(len(text.split()) for text in corpus.values()))}


def _cost(work: Callable[[], dict[str, Any]], postgres: Callable[[], float]) -> dict[str, Any]:
    before, began, cpu = postgres(), time.perf_counter(), time.process_time()
    done = work()
    ours, wall, theirs = time.process_time() - cpu, time.perf_counter() - began, postgres() - before
    documents = done["compared"]
    return {
        "documents": documents,
        "identical": done["identical"],
        "pairs": done["pairs"],
        "documents_per_s": round(documents / wall, 1),
        "cpu_ms_a_document": round(1000 * ours / documents, 3),
        "postgres_cpu_ms_a_document": round(1000 * theirs / documents, 3),
    }


def _reported(tools: Tools) -> dict[Pair, float]:
    """The pairs that the product knows, by the names of their files; what is like a text is like all its copies."""
    with tools.db.transaction(_RUN.tenant) as session:
        signed = session.execute(
            "select coalesce(same_as, document_id) as text, path "
            "from corpus.document_signature join corpus.document using (document_id)"
        ).fetchall()
        kept = session.execute("select * from corpus.duplicate_pair").fetchall()
    named: dict[UUID, list[str]] = defaultdict(list)
    for row in signed:
        named[row["text"]].append(row["path"])
    alike = [(pair, 1.0) for names in named.values() for pair in combinations(names, 2)]
    for row in kept:
        between = product(named[row["first_document_id"]], named[row["second_document_id"]])
        alike += [(pair, row["similarity"]) for pair in between]
    return {(min(pair), max(pair)): similarity for pair, similarity in alike}


def _judged(corpus: Mapping[str, str], reported: Mapping[Pair, float]) -> dict[str, Any]:
    exact = exact_pairs(corpus, 0.45)
    true = {pair for pair, similarity in exact.items() if similarity >= AT_LEAST}
    wrong = max((abs(exact.get(pair, 0.0) - said) for pair, said in reported.items()), default=0.0)
    return {
        "true_pairs": len(true),
        "recall": round(len(true & reported.keys()) / len(true), 5),
        "precision": round(len(true & reported.keys()) / max(1, len(reported)), 5),
        "largest_error_of_a_similarity": round(wrong, 9),
        "levels": {f"{level:.2f}": _level(level, exact, reported) for level in LEVELS},
    }


def _level(level: float, exact: Mapping[Pair, float], reported: Mapping[Pair, float]) -> dict[str, Any]:
    """The pairs of an original and its copy at one level; `reported` is the share of them in the report."""
    ending = f"-{level:.2f}.txt"
    pairs = [
        pair
        for pair in exact
        if pair[0].endswith(ending) and pair[0][:5] == pair[1][:5] and "-" not in pair[1]
    ]
    pairs += [
        pair
        for pair in exact
        if pair[1].endswith(ending) and pair[0][:5] == pair[1][:5] and "-" not in pair[0]
    ]
    return {
        "pairs": len(pairs),
        "similarity": round(mean(exact[pair] for pair in pairs), 4),
        "reported": round(sum(pair in reported for pair in pairs) / len(pairs), 5),
    }
