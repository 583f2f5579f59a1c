"""
Search: the chunks that answer a question, by their words and by their meaning.

Promises:

- A result cites exactly: the span of the version that is searchable now, and the sentence to look at first.
- Half a search is better than none, and says so: without the model, or with an index by another model, the words
  alone decide, and `remark` tells the reader.
- Filters narrow what is searched, not what was found: ten results are ten, where ten exist.

The ranking itself is one function in the database, `corpus.search_chunks`, which holds a search to its tenant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.errors import SerializationFailure, UndefinedTable
from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.errors import Fatal, PlumblineError
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.excerpts import excerpt
from plumbline.corpus.language import detect
from plumbline.corpus.sources import known_as
from plumbline.corpus.terms import query_terms
from plumbline.corpus.versions import Version, standing_in

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

MOST_RESULTS = 500
MOST_CHARACTERS = 2_000
"""A longer question is cut: it is a document, and its beginning says what it is about."""

_MOST_LANGUAGES = 12
_SWAPS = 3  # tries, each spoiled by a swap of the index in between
_PATIENCE = 15.0  # seconds until an answer of the model
_SAYS_SOMETHING = re.compile(r"[^\W_]")


class QueryRefused(Fatal):
    """The search cannot be done as it was asked for."""


@dataclass(frozen=True, slots=True)
class Filters:
    """
    Which documents may be found; what is None, or empty, does not narrow.

    `source`, `language` (ISO 639-1) and `kind` take one value or several.  `path_prefix` is how the path below the
    source begins.  `metadata` holds what the document says of itself, every entry of which must be there.
    """

    source: str | Sequence[str] | None = None
    path_prefix: str | None = None
    language: str | Sequence[str] | None = None
    kind: str | Sequence[str] | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """
    One chunk that was found.

    `start` and `end` are character offsets (end exclusive) into the text of the version, and so are `excerpt_start`
    and `excerpt_end`.  It lies on the pages from `page` to `last_page`.  `flags` say how the text tries to instruct a
    model (`plumbline.corpus.instructions`): it is to be shown, and never obeyed.  `score` is 0 to 1; `lexical` is BM25,
    `vector` the cosine to the question.
    """

    chunk_id: UUID
    document_id: UUID
    version_id: UUID
    source: str
    path: str
    title: str | None
    heading_path: list[str]
    page: int | None
    last_page: int | None
    flags: list[str]
    language: str
    start: int
    end: int
    text: str
    excerpt: str
    excerpt_start: int
    excerpt_end: int
    score: float
    lexical: float
    vector: float
    model: str | None


@dataclass(frozen=True, slots=True)
class Results:
    """What a search found, best first, and how: `remark` says it to the reader, `complete` that both halves worked."""

    question: str
    language: str
    hits: list[Hit]
    model: str | None
    complete: bool
    remark: str

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        plain = asdict(self)
        for hit in plain["hits"]:
            hit.update({name: str(value) for name, value in hit.items() if isinstance(value, UUID)})
        return plain


@dataclass(frozen=True, slots=True)
class Query:
    """
    A question, made ready: the terms to look for and its vector, or why one of them is missing.

    `index_id` is the index version that the vector is for, `known` the languages that the tenant's chunks are in.
    """

    question: str
    language: str
    terms: list[str]
    vector: list[float] | None
    model: str | None
    remark: str
    index_id: int | None = None
    known: tuple[str, ...] = ()


def search(tools: Tools, run: Run, text: str, *, limit: int = 10, filters: Filters | None = None) -> Results:
    """
    Return the best chunks of the run's tenant for a question, at most `limit` of them.

    Raises:
        QueryRefused: `limit` is not 1 to 500.
    """
    if not 1 <= limit <= MOST_RESULTS:
        raise QueryRefused(f"A search returns 1 to {MOST_RESULTS} results, not {limit}.")
    query, found = _found(tools, run, text, limit, filters)
    return Results(
        question=query.question,
        language=query.language,
        hits=[_hit(row, query) for row in found],
        model=query.model,
        complete=query.vector is not None and bool(query.terms),
        remark=" ".join(filter(None, [_absent(query, filters), query.remark])),
    )


def _absent(query: Query, filters: Filters | None) -> str:
    """Why nothing can be found, where no chunk is in a language that is asked for.  Pure."""
    asked = _several(filters.language) if filters else None
    if not asked or not query.known or not set(asked).isdisjoint(query.known):
        return ""
    return f"Nothing is in {' or '.join(asked)}: the documents are in {', '.join(query.known)}."


def _found(
    tools: Tools, run: Run, text: str, limit: int, filters: Filters | None
) -> tuple[Query, list[DictRow]]:
    """Make the question ready and rank; anew, where a publication put another index into force in between."""
    for _ in range(_SWAPS):
        query = prepare(tools, run, text)
        try:
            with tools.db.transaction(run.tenant) as session:
                return query, rank(session, run.tenant, query, limit, filters)
        except (SerializationFailure, UndefinedTable):
            continue
    raise QueryRefused("The index was replaced again and again while this question was asked; ask it again.")


def prepare(tools: Tools, run: Run, text: str, version: Version | None = None) -> Query:
    """
    Make a question ready: find its terms in the languages of the tenant, and ask the model for its vector.

    The vector is for the index in force, unless a version is given, which is compared with it.
    """
    question = _readable(text)
    language = detect(question)
    nothing = Query(question, language, [], None, None, "")
    if not _SAYS_SOMETHING.search(question):
        return replace(nothing, remark="This question has no word in it.")
    with tools.db.transaction(run.tenant) as session:
        state = {**(db.row(session, "corpus/search_state", tenant=run.tenant) or {}), **(version or {})}
    if not state["languages"]:
        return replace(nothing, remark="Nothing has been ingested yet.")
    terms = query_terms(question, _likeliest_first(language, state["languages"]))
    vector, reason = _vector(tools, run, question, state)
    model = state["model"] if vector else None
    index_id = state["index_id"] if vector else None
    said = _said(terms, model, reason)
    return Query(question, language, terms, vector, model, said, index_id, tuple(state["languages"]))


def rank(
    session: Session, tenant: str, query: Query, limit: int, filters: Filters | None = None
) -> list[DictRow]:
    """Return the rows of the best chunks, from the tenant that the session is set to."""
    if not query.terms and query.vector is None:
        return []
    return db.rows(
        session,
        "corpus/search_chunks",
        tenant=tenant,
        vector=None if query.vector is None else str(query.vector),
        terms=query.terms,
        limit=limit,
        index_id=query.index_id,
        **_narrowed(filters or Filters()),
    )


def _vector(
    tools: Tools, run: Run, question: str, state: Mapping[str, Any]
) -> tuple[list[float] | None, str]:
    """The vector of the question, or None and the reason."""
    from plumbline.models import Door, endpoint_of
    from plumbline.models.policy import Policy

    if state["model"] is None:
        return None, "No index is in force yet."
    try:
        # Somebody is waiting: rather the words alone, and soon.
        answering = standing_in(endpoint_of(tools.settings, tools.provider), state)
        endpoint = replace(answering, timeout=_PATIENCE)
        door = Door(tools, run, endpoint=endpoint, policy=Policy(patience=2.0, attempts=2, first_pause=0.2))
        if (door.model, door.dimensions) != (state["model"], state["dimensions"]):
            return None, (
                f"The index was made by {state['model']} ({state['dimensions']} dimensions) and the connected model is "
                f"{door.model} ({door.dimensions}): ingest again to search by meaning."
            )
        return door.embed("search_query", [question])[0], ""
    except PlumblineError as error:
        return None, f"The model did not answer: {error}"


def _said(terms: Sequence[str], model: str | None, reason: str) -> str:
    """How the search is done, in a sentence."""
    if model is None:
        return (
            f"{reason} Only the words were searched."
            if terms
            else f"{reason} No word of this question says enough."
        )
    by = known_as(model)
    if not terms:
        return f"No word of this question says enough; searched by meaning alone ({by})."
    return f"Searched by words and by meaning ({by})."


def _readable(text: str) -> str:
    """The question without what no database or model can read, and not longer than a question."""
    text = text.encode("utf-8", "replace").decode().replace("\0", " ")
    return " ".join(text.split())[:MOST_CHARACTERS]


def _likeliest_first(language: str, present: Sequence[str]) -> list[str]:
    """The languages to look for words in: the question's own, if any document is in it, then the others."""
    return sorted(present, key=lambda code: (code != language, code == "und", code))[:_MOST_LANGUAGES]


def _narrowed(filters: Filters) -> dict[str, Any]:
    return {
        "sources": _several(filters.source),
        "path_prefix": filters.path_prefix or None,
        "languages": _several(filters.language),
        "kinds": _several(filters.kind),
        "metadata": Jsonb(dict(filters.metadata)) if filters.metadata else None,
    }


def _several(value: str | Sequence[str] | None) -> list[str] | None:
    return ([value] if isinstance(value, str) else list(value)) if value else None


def _hit(row: Mapping[str, Any], query: Query) -> Hit:
    start, end = excerpt(row["text"], row["language"], query.terms, question=query.question)
    return Hit(
        chunk_id=row["chunk_id"],
        document_id=row["document_id"],
        version_id=row["version_id"],
        source=row["source"],
        path=row["path"],
        title=row["title"],
        heading_path=row["heading_path"],
        page=row["page"],
        last_page=row["last_page"],
        flags=row["flags"],
        language=row["language"],
        start=row["span_start"],
        end=row["span_end"],
        text=row["text"],
        excerpt=" ".join(row["text"][start:end].split()),
        excerpt_start=row["span_start"] + start,
        excerpt_end=row["span_start"] + end,
        score=row["score"],
        lexical=row["lexical"],
        vector=row["vector"],
        model=query.model,
    )
