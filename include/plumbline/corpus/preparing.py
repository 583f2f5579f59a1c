"""
The second step of an ingestion: files become staged documents whose every chunk has its embedding bought.

Reading, asking the model and writing overlap: the door takes chunks as they come and asks for them in the background
while the next files are read.  Staged documents are invisible to searches.  A document is written whole or not at all,
and one that a killed run had staged is kept if all its answers were bought; so a retry pays for nothing twice and
reads little twice.  Memory holds a page of files, however large the shard is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.hashing import sha256, stable_uuid
from plumbline.core.memory import cycles_sought_rarely
from plumbline.core.receipts import Receipt, Run
from plumbline.core.sql import statement
from plumbline.core.tools import Tools
from plumbline.corpus.chunking import MAX_TOKENS, Chunk, chunk, chunk_ids
from plumbline.corpus.extraction import Extracted
from plumbline.corpus.instructions import flags
from plumbline.corpus.origins import Origin, origin_of
from plumbline.corpus.readers import Refused, read_files
from plumbline.corpus.scanning import MISSING_VECTORS
from plumbline.corpus.sources import source_from
from plumbline.corpus.terms import Terms, chunk_terms, register
from plumbline.corpus.versions import standing_in
from plumbline.models import Door, endpoint_of

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session
    from plumbline.models import TextStream

log = logging.getLogger(__name__)

EMBED_CHUNK = "embed_chunk"
_PAGE = 256
_PAGE_BYTES = 8 * 2**20
"""Files held at a time: so many, or fewer when together they are larger."""
_DOCUMENT = (
    "uuid",
    "text",
    "uuid",
    "text",
    "uuid",
    "bytea",
    "bytea",
    "text",
    "text",
    "text",
    "int4",
    "text",
    "int8",
    "jsonb",
    "text",
    "int4",
)
_CHUNK = (
    "uuid",
    "int4",
    "text",
    "uuid",
    "int4",
    "int4",
    "int4",
    "text[]",
    "text",
    "int4",
    "text",
    "bytea",
    "bytea",
    "int4",
    "tsvector",
    "int4",
    "text[]",
)


class Superseded(Fatal):
    """A later scan of the same source, or another index, took over."""


class ModelChanged(Fatal):
    """The model that answers now is not the one that the plan was made for."""


@dataclass(slots=True)
class _Page:
    """Staged rows that are not yet written."""

    documents: list[tuple[object, ...]] = field(default_factory=list)
    chunks: list[tuple[object, ...]] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)


def prepare_documents(
    tools: Tools, run: Run, *, ingestion_id: str, shard: int, chunk_tokens: int = MAX_TOKENS
) -> Receipt:
    """
    Extract, chunk, embed and stage the files of one shard.

    Another `chunk_tokens`, the most that a chunk may have, is for measurements on a database of their own: no row says
    what it was, so that a document which is unchanged keeps its chunks.

    Raises:
        Superseded: A later scan of the source has made this plan worthless.
        MayHaveBeenBilled: An earlier run died while the model was answering, and a person must decide.
    """
    plan = _plan(tools, run, ingestion_id)
    door = _door(tools, run, plan)
    with (
        cycles_sought_rarely(),
        door.embedding(use=EMBED_CHUNK, sensitivity=plan["sensitivity"]) as stream,
    ):
        if shard == MISSING_VECTORS:
            counts = _give_missing_vectors(tools, run, plan, stream)
        else:
            counts = _stage(tools, run, plan, shard, stream, chunk_tokens)
    usage = stream.usage
    return {
        **counts,
        "bought": usage.bought,
        "reused": usage.reused,
        "requests": usage.requests,
        "tokens": usage.tokens,
        "cost_usd": f"{usage.cost_usd:f}",
        "model": door.model,
    }


def _plan(tools: Tools, run: Run, ingestion_id: str) -> DictRow:
    with tools.db.transaction(run.tenant) as session:
        plan = db.row(session, "corpus/select_ingestion", ingestion_id=ingestion_id)
    if plan is None or plan["state"] != "scanned":
        raise _superseded(ingestion_id)
    return plan


def _door(tools: Tools, run: Run, plan: DictRow) -> Door:
    door = Door(tools, run, endpoint=standing_in(endpoint_of(tools.settings, tools.provider), plan))
    if (door.model, door.dimensions) != (plan["model"], plan["dimensions"]):
        message = (
            f"The plan was made for {plan['model']}; now {door.model} answers. Start the ingestion anew."
        )
        raise ModelChanged(message)
    return door


def _stage(
    tools: Tools, run: Run, plan: DictRow, shard: int, stream: TextStream, chunk_tokens: int
) -> Receipt:
    documents = chunks = refused = 0
    origin = origin_of(tools, run, source_from(plan))
    _drop_unbought(tools, run, plan["ingestion_id"], shard)
    for files in _pages(tools, run, plan, shard):
        page = _prepare(run, plan, origin, files, stream, chunk_tokens)
        with tools.db.transaction(run.tenant) as session:
            _write(session, plan["ingestion_id"], shard, page)
        documents += len(page.documents)
        chunks += len(page.chunks)
        refused += len(page.refused)
        log.info("prepared %d documents, %d chunks; %d refused", documents, chunks, refused)
    with tools.db.transaction(run.tenant) as session:
        if db.value(session, "corpus/select_staging_growth"):
            db.run(session, "corpus/analyze_staging")
    return {"documents": documents, "chunks": chunks, "refused": refused}


def _drop_unbought(tools: Tools, run: Run, ingestion_id: UUID, shard: int) -> None:
    """A try that was killed may have staged documents whose chunks were still waiting in its memory to be sent."""
    with tools.db.transaction(run.tenant) as session:
        db.run(session, "corpus/lock_shard", ingestion_id=str(ingestion_id), shard=str(shard))
        dropped = db.run(session, "corpus/delete_unbought_staging", ingestion_id=ingestion_id, shard=shard)
    if dropped:
        log.info("%d documents are prepared anew: an earlier try had not bought all of them", dropped)


def _pages(tools: Tools, run: Run, plan: DictRow, shard: int) -> Iterator[list[DictRow]]:
    after = ""
    while True:
        with tools.db.transaction(run.tenant) as session:
            files = db.rows(
                session,
                "corpus/select_files_to_prepare",
                ingestion_id=plan["ingestion_id"],
                shard=shard,
                after=after,
                pipeline=plan["pipeline"],
                index_id=plan["index_id"],
                page=_PAGE,
                page_bytes=_PAGE_BYTES,
            )
        if not files:
            return
        yield files
        after = files[-1]["path"]


def _prepare(
    run: Run,
    plan: DictRow,
    origin: Origin,
    files: Sequence[DictRow],
    stream: TextStream,
    chunk_tokens: int,
) -> _Page:
    """
    Prepare a page of files, step by step rather than file by file.

    Each step looks up large tables (the tokenizer's, the words').  Taken in turns for each file, they would push each
    other out of the processor's cache, which costs a fifth more.
    """
    page = _Page()
    read: list[tuple[Mapping[str, Any], Extracted]] = []
    for file, outcome in read_files(origin, files):
        if isinstance(outcome, Refused):
            page.refused.append((file["path"], *outcome))
        else:
            read.append((file, outcome))
    page.documents = [_document_row(run, plan, file, extracted) for file, extracted in read]
    cut = [
        (file, extracted, chunk(extracted, max_tokens=chunk_tokens, section_tokens=chunk_tokens))
        for file, extracted in read
    ]
    worded = [(file["document_id"], _words_of(extracted, chunks)) for file, extracted, chunks in cut]
    for document_id, chunks in worded:
        page.chunks.extend(_chunk_rows(run, document_id, chunks, stream))
    return page


def _document_row(
    run: Run, plan: DictRow, file: Mapping[str, Any], extracted: Extracted
) -> tuple[object, ...]:
    document: UUID = file["document_id"]
    version = stable_uuid("version", document.bytes, file["sha256"], plan["pipeline"])
    pages = max((block.page or 0 for block in extracted.blocks), default=0) or None
    return (
        document,
        run.tenant,
        plan["source_id"],
        file["path"],
        version,
        file["sha256"],
        sha256(extracted.text),
        extracted.text,
        extracted.title,
        extracted.language,
        pages,
        file["kind"],
        file["bytes"],
        Jsonb(dict(extracted.metadata)),
        plan["pipeline"],
        plan["index_id"],
    )


def _words_of(extracted: Extracted, chunks: Iterable[Chunk]) -> list[tuple[Chunk, str, Terms]]:
    """The chunks of a document, each with its text and its words for lexical search."""
    texts = [(piece, extracted.text[piece.start : piece.end]) for piece in chunks]
    return [
        (piece, text, chunk_terms(text, piece.language, (extracted.title, *piece.heading_path)))
        for piece, text in texts
    ]


def _chunk_rows(
    run: Run, document: UUID, chunks: Sequence[tuple[Chunk, str, Terms]], stream: TextStream
) -> Iterator[tuple[object, ...]]:
    ids = chunk_ids(document, [piece.sha256 for piece, _, _ in chunks])
    for (piece, text, terms), chunk_id in zip(chunks, ids, strict=True):
        yield (
            document,
            piece.ordinal,
            run.tenant,
            chunk_id,
            piece.start,
            piece.end,
            piece.page,
            list(piece.heading_path),
            piece.language,
            piece.tokens,
            text,
            piece.sha256,
            stream.add(text, piece.tokens),
            terms.length,
            terms,
            piece.last_page,
            flags(text, terms),
        )


def _write(session: Session, ingestion_id: UUID, shard: int, page: _Page) -> None:
    """Write whole documents: a crash between two of them leaves none half staged."""
    db.run(session, "corpus/lock_shard", ingestion_id=str(ingestion_id), shard=str(shard))
    if db.row(session, "corpus/select_open_ingestion", ingestion_id=ingestion_id) is None:
        raise _superseded(ingestion_id)
    if page.documents:
        session.execute(statement("corpus/create_incoming").encode())
        _copy(session, "corpus/copy_incoming_document", _DOCUMENT, page.documents)
        _copy(session, "corpus/copy_incoming_chunk", _CHUNK, page.chunks)
        db.run(session, "corpus/delete_replaced_staging")
        db.run(session, "corpus/insert_staged_documents")
        db.run(session, "corpus/insert_staged_chunks")
    for path, code, reason in page.refused:
        db.run(
            session,
            "corpus/update_file_refused",
            ingestion_id=ingestion_id,
            path=path,
            code=code,
            reason=reason,
        )


def _superseded(ingestion_id: object) -> Superseded:
    return Superseded(
        f"The ingestion {ingestion_id} is no longer open: a later scan of the source, or another index, took over."
    )


def _copy(session: Session, name: str, types: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    cursor = session.cursor()
    register(cursor)
    with cursor.copy(statement(name).encode()) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _give_missing_vectors(tools: Tools, run: Run, plan: DictRow, stream: TextStream) -> Receipt:
    """Buy, for an index in the making, the vectors of what is published already."""
    after, given = UUID(int=0), 0
    select = db.on_embeddings("corpus/select_chunks_without_vector", plan["table_name"])
    insert = db.on_embeddings("corpus/insert_missing_vectors", plan["table_name"])
    while True:
        with tools.db.transaction(run.tenant) as session:
            chunks = session.execute(
                select, {"ingestion_id": plan["ingestion_id"], "after": after, "page": 1000}
            ).fetchall()
        if not chunks:
            return {"chunks_given_vectors": given}
        keys = [stream.add(row["text"], row["tokens"]) for row in chunks]
        stream.flush()
        with tools.db.transaction(run.tenant) as session:
            session.execute(insert, {"chunk_ids": [row["chunk_id"] for row in chunks], "keys": keys})
        after = chunks[-1]["chunk_id"]
        given += len(chunks)
