"""
Golden questions, searched in an index version and in the one in force: what would users get, before they get it?

Both are asked through the search function that searches use, words and all.  A question has the paths of the documents
that answer it; one of whose documents none is searchable says nothing here and is left out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.hashing import sha256
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.indexing import lacks
from plumbline.corpus.search import prepare, rank
from plumbline.corpus.tokens import count
from plumbline.corpus.versions import NoSuchIndex, Version, endpoint_for, version_of
from plumbline.models import Door, Endpoint, Spend, Usage, endpoint_of

if TYPE_CHECKING:
    from psycopg.rows import DictRow

_FEW = 5
_SEARCH = "search_query"


class QuestionsUnusable(Fatal):
    """The file of golden questions cannot be read, or asks nothing about what is searchable."""


class NotComparable(Fatal):
    """There is nothing to compare with, or the version is not complete."""


@dataclass(frozen=True, slots=True)
class Question:
    """A golden question, and the paths of the documents that answer it."""

    id: str
    text: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the paths of its documents, each once, and the chunks."""

    paths: tuple[str, ...]
    chunks: frozenset[uuid.UUID]


@dataclass(frozen=True, slots=True)
class Figures:
    """How well questions were answered: shares from 0 to 1."""

    hit_1: float
    hit_5: float
    mrr: float


def compare_index(
    tools: Tools, run: Run, *, index_id: int | None = None, queries: str | None = None, limit: int = 10
) -> Receipt:
    """
    Ask golden questions of a version and of the index in force, keep the comparison, and return its figures.

    Args:
        tools: The tools of the step.
        run: The step.
        index_id: The version; without one, the one in the making that is named by nothing else.
        queries: File of JSON lines {id, text, relevant: [paths]}; without one, `PLUMBLINE_QUESTIONS`.
        limit: Results that are looked at for each question.

    Raises:
        QuestionsUnusable: The file cannot be read, or none of the documents that it names is searchable.
        NotComparable: No index is in force, or the version is not complete.
    """
    questions = read_questions(Path(queries) if queries else tools.settings.questions)
    with tools.db.transaction(run.tenant) as session:
        mine, theirs = _versions(session, index_id)
        asked = _answerable(session, questions)
    if not asked:
        raise QuestionsUnusable(
            "None of the documents that answer the questions is searchable: name a file of questions about your own "
            'with --queries (JSON lines {"id", "text", "relevant": [paths]}).'
        )
    new, spent = _ask(tools, run, mine, asked, limit)
    old, also_spent = _ask(tools, run, theirs, asked, limit)
    receipt = {
        **_kept(asked, old, new),
        "questions_left_out": len(questions) - len(asked),
        "tokens": spent.tokens + also_spent.tokens,
        "cost_usd": f"{spent.cost_usd + also_spent.cost_usd:f}",
    }
    with tools.db.transaction(run.tenant) as session:
        keys = {"comparison_id": uuid.uuid4(), "tenant": run.tenant, "run_id": run.run_id, "results": limit}
        whose = {"index_id": mine["index_id"], "against_id": theirs["index_id"]}
        digest = sha256(*(part for one in asked for part in (one.id, one.text, *sorted(one.relevant))))
        db.run(session, "corpus/insert_comparison", **keys, **whose, **receipt, questions_sha256=digest)
    return {
        "comparison_id": str(keys["comparison_id"]),
        **whose,
        "results": limit,
        **receipt,
        "worse_questions": [one.text for one in asked if one.id in receipt["worse"]],
    }


def plan_comparison(tools: Tools, run: Run, endpoints: Sequence[Endpoint]) -> list[Spend]:
    """
    Return what asking the golden questions of these endpoints would come to, one by one.  Nothing is sent or written.

    Raises:
        PriceUnknown: One of the models has no price, and there is something to ask it.
        QuestionsUnusable: The file of golden questions cannot be read.
    """
    questions = read_questions(tools.settings.questions)
    with tools.db.transaction(run.tenant) as session:
        asked = _answerable(session, questions)
    planned = []
    for endpoint in endpoints:
        door = Door(tools, run, endpoint=endpoint, planning=True)
        sent = [door.minimise(question.text) for question in asked]
        keys = {door.key(_SEARCH, text): count(text) for text in sent}
        missing = door.unanswered(list(keys))
        if missing:
            planned.append(door.plan(_SEARCH, [[tokens for key, tokens in keys.items() if key in missing]]))
    return planned


def read_questions(path: Path) -> list[Question]:
    """
    Read golden questions: JSON lines {id, text, relevant: [paths]}.

    Raises:
        QuestionsUnusable: The file is absent, or a line has another form; the message names it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The questions in {path} cannot be read; name a file by PLUMBLINE_QUESTIONS or --queries."
        raise QuestionsUnusable(message) from error
    found = [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise QuestionsUnusable(f"There is no question in {path}.")
    if len({one.id for one in found}) < len(found):
        raise QuestionsUnusable(f"Two questions in {path} have the same id.")
    return found


def first_of(question: Question, found: Found) -> int | None:
    """Return the rank, from 1, of the first document that answers the question, or None.  Pure."""
    return next((rank for rank, path in enumerate(found.paths, 1) if path in question.relevant), None)


def figures(ranks: Sequence[int | None]) -> Figures:
    """Return how well questions were answered, given the rank of the first answer of each.  Pure."""
    number = max(1, len(ranks))
    return Figures(
        hit_1=sum(rank == 1 for rank in ranks) / number,
        hit_5=sum(rank is not None and rank <= _FEW for rank in ranks) / number,
        mrr=sum(1 / rank for rank in ranks if rank) / number,
    )


def later(before: int | None, after: int | None) -> bool:
    """Whether an answer came later than before, or not at all any more.  Pure."""
    return before is not None and (after is None or after > before)


def overlap(before: Sequence[Found], after: Sequence[Found]) -> float:
    """Return the mean share of results that both have in common; 1, where neither found anything.  Pure."""
    shares = [
        len(old.chunks & new.chunks) / max(len(old.chunks), len(new.chunks)) if old.chunks | new.chunks else 1
        for old, new in zip(before, after, strict=True)
    ]
    return sum(shares) / max(1, len(shares))


def _answerable(session: db.Session, questions: Sequence[Question]) -> list[Question]:
    """Those questions of whose documents at least one is searchable."""
    paths = sorted({path for question in questions for path in question.relevant})
    there = {row["path"] for row in db.rows(session, "corpus/select_paths_known", paths=paths)}
    return [question for question in questions if question.relevant & there]


def _kept(asked: Sequence[Question], old: Sequence[Found], new: Sequence[Found]) -> dict[str, Any]:
    before = [first_of(question, found) for question, found in zip(asked, old, strict=True)]
    after = [first_of(question, found) for question, found in zip(asked, new, strict=True)]
    ranks = list(zip(asked, before, after, strict=True))
    mine, theirs = figures(after), figures(before)
    return {
        "questions": len(asked),
        "hit_1": mine.hit_1,
        "hit_5": mine.hit_5,
        "mrr": mine.mrr,
        "against_hit_1": theirs.hit_1,
        "against_hit_5": theirs.hit_5,
        "against_mrr": theirs.mrr,
        "overlap": overlap(old, new),
        "worse": [question.id for question, was, now in ranks if later(was, now)],
        "better": [question.id for question, was, now in ranks if later(now, was)],
    }


def _question(path: Path, number: int, line: str) -> Question:
    try:
        entry = json.loads(line)
        question = Question(str(entry["id"]), entry["text"], frozenset(entry["relevant"]))
    except (ValueError, TypeError, KeyError) as error:
        message = f'Line {number} of {path} is not {{"id", "text", "relevant": [paths]}}.'
        raise QuestionsUnusable(message) from error
    texts = isinstance(question.text, str) and all(isinstance(one, str) for one in question.relevant)
    if not texts or isinstance(entry["relevant"], str):
        raise QuestionsUnusable(f'Line {number} of {path} is not {{"id", "text", "relevant": [paths]}}.')
    return question


def _versions(session: db.Session, index_id: int | None) -> tuple[DictRow, DictRow]:
    """The version to be compared, and the one in force."""
    in_force = db.row(session, "corpus/select_index_in_force")
    if in_force is None:
        raise NotComparable("No index is in force yet: `plumbline ingest FOLDER`.")
    mine = version_of(session, one_in_the_making(session) if index_id is None else index_id)
    if mine["index_id"] == in_force["index_id"]:
        raise NotComparable(f"Index {mine['index_id']} is the one in force.")
    if lacking := lacks(session, mine):
        raise NotComparable(
            f"Index {mine['index_id']} lacks {lacking:,} vectors; complete it by `plumbline index build --model "
            f"{mine['model']} --dimensions {mine['dimensions']}`."
        )
    return mine, in_force


def one_in_the_making(session: db.Session) -> int:
    """
    Return the number of the version in the making.

    Raises:
        NoSuchIndex: There is none, or several.
    """
    making = db.rows(session, "corpus/select_making")
    if len(making) != 1:
        numbers = ", ".join(str(row["index_id"]) for row in making) or "none"
        raise NoSuchIndex(f"Say which index; in the making: {numbers}.")
    return int(making[0]["index_id"])


def _ask(
    tools: Tools, run: Run, version: Version, questions: Sequence[Question], limit: int
) -> tuple[list[Found], Usage]:
    door = Door(tools, run, endpoint=endpoint_for(tools, version))
    # In full requests; each search then finds its answer.
    with door.embedding(use=_SEARCH) as stream:
        for question in questions:
            stream.add(question.text, count(door.minimise(question.text)))
    base = endpoint_of(tools.settings, tools.provider)
    told: Mapping[str, Any] = {
        **version, "instead_of_model": base.model, "instead_of_dimensions": base.dimensions
    }  # fmt: skip
    return list(_searches(tools, run, told, questions, limit)), stream.usage


def _searches(
    tools: Tools, run: Run, version: Version, questions: Sequence[Question], limit: int
) -> Iterator[Found]:
    for question in questions:
        query = prepare(tools, run, question.text, version)
        if query.vector is None:
            raise NotComparable(f"A question could not be searched by its meaning: {query.remark}")
        with tools.db.transaction(run.tenant) as session:
            db.run(session, "corpus/set_compared_index", index_id=version["index_id"])
            rows = rank(session, run.tenant, query, limit)
        paths = tuple(dict.fromkeys(row["path"] for row in rows))
        yield Found(paths, frozenset(row["chunk_id"] for row in rows))
