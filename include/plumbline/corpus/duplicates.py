"""
Documents that say the same are found, and reported; none is ever removed, hidden or joined.

Promises:

- Every document that is searchable is compared with all others of the tenant, whatever their sources; a run looks only
  at those that came or changed since the last, and never at all pairs.
- A similarity that is reported was worked out from both texts; signatures only say where to look.
- What a document said is gone from its signature, and from its pairs, in the transaction that publishes another version
  or removes it.
- The work is bounded.  Of documents with the very same text one is compared, and the others refer to it.  Where more
  than 64 share a band of their signatures, each is held against the first 64, and in full against the 16 likeliest: ten
  thousand pages of one template are a cluster of at most 160,000 pairs, not of fifty million.

What is not found: a text that lies within a longer one; a short text of which a few words changed (a changed word
touches five shingles); one pair in about 400 at the very threshold; in a template with hundreds of pages, two pages
that are more alike than the others may be missed as a pair, and are still in one group with them.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.core.memory import cycles_sought_rarely
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session
    from plumbline.corpus.similarity import Shingles

log = logging.getLogger(__name__)

AT_LEAST = 0.8
"""From this similarity on, two documents are nearly the same."""

MOST_A_BAND = 64
"""So many documents of one band are looked at."""

MOST_COMPARED = 16
"""So many of them, the likeliest, are compared in full with a document."""

_PAGE = 128
_PAGE_BYTES = 4 * 2**20
_KEPT = 4_000_000  # shingles, of 8 bytes each


def find_duplicates(tools: Tools, run: Run, *, ingestion_id: str | None = None) -> Receipt:
    """
    Compare the documents that came or changed since with all others, and write down what is nearly the same.

    Page by page, each in a transaction of its own: what a run that was stopped has done stays done, and the next goes
    on from there.
    """
    from plumbline.corpus.similarity import METHOD

    texts = _Texts()
    counts = {"compared": 0, "identical": 0, "pairs": 0}
    after = UUID(int=0)
    with tools.db.transaction(run.tenant) as session:
        db.run(session, "corpus/lock_tenant", tenant=run.tenant)
        db.run(session, "corpus/delete_signatures_of_other_methods", method=METHOD)
    with cycles_sought_rarely():
        while True:
            with tools.db.transaction(run.tenant) as session:
                # A publication waits for the page, and cannot take away a document that is being compared.
                db.run(session, "corpus/lock_tenant", tenant=run.tenant)
                page = db.rows(
                    session, "corpus/select_uncompared", after=after, page=_PAGE, page_bytes=_PAGE_BYTES
                )
                if not page:
                    break
                for name, number in _compare(session, run.tenant, page, texts).items():
                    counts[name] += number
            after = page[-1]["document_id"]
    log.info("documents compared", extra=counts)
    return {"ingestion_id": ingestion_id, **counts}


def _compare(session: Session, tenant: str, page: Sequence[DictRow], texts: _Texts) -> dict[str, int]:
    """Sign the documents of a page, then hold each against those that it shares a band with."""
    hashes = list({row["text_sha256"] for row in page})
    known = db.rows(session, "corpus/select_documents_of_texts", text_sha256s=hashes)
    same_as = stand_ins(
        [(row["document_id"], row["text_sha256"]) for row in page],
        {row["text_sha256"]: row["document_id"] for row in known},
    )
    alone = [row for row in page if row["document_id"] not in same_as]
    texts.read(session, [row["version_id"] for row in alone])
    _sign(session, tenant, page, same_as, texts)
    pairs = dict(_pairs(session, [row["document_id"] for row in alone], texts))
    if pairs:
        db.run(
            session,
            "corpus/insert_duplicate_pairs",
            tenant=tenant,
            firsts=[first for first, _ in pairs],
            seconds=[second for _, second in pairs],
            similarities=list(pairs.values()),
        )
    return {"compared": len(page), "identical": len(same_as), "pairs": len(pairs)}


def stand_ins(page: Iterable[tuple[UUID, bytes]], known: Mapping[bytes, UUID]) -> dict[UUID, UUID]:
    """
    Return for each document, given with the hash of its text, the one that is compared in its place, where one is.

    `known` are the documents that stand for a text already; the first of a new text stands for the others.  Pure.
    """
    standing = dict(known)
    found = {document_id: standing.setdefault(text_sha256, document_id) for document_id, text_sha256 in page}
    return {document_id: other for document_id, other in found.items() if other != document_id}


def _sign(
    session: Session, tenant: str, page: Sequence[DictRow], same_as: Mapping[UUID, UUID], texts: _Texts
) -> None:
    from plumbline.corpus.similarity import METHOD, bands

    shingles = [
        None if row["document_id"] in same_as else texts.shingles(session, row["version_id"]) for row in page
    ]
    db.run(
        session,
        "corpus/insert_signatures",
        tenant=tenant,
        method=METHOD,
        document_ids=[row["document_id"] for row in page],
        version_ids=[row["version_id"] for row in page],
        text_sha256s=[row["text_sha256"] for row in page],
        same_as=[same_as.get(row["document_id"]) for row in page],
        shingles=[0 if found is None else len(found) for found in shingles],
    )
    signed = [
        (row["document_id"], band)
        for row, found in zip(page, shingles, strict=True)
        if found is not None
        for band in bands(found)
    ]
    db.run(
        session,
        "corpus/insert_signature_bands",
        tenant=tenant,
        document_ids=[document_id for document_id, _ in signed],
        bands=[band for _, band in signed],
    )


def _pairs(
    session: Session, document_ids: Sequence[UUID], texts: _Texts
) -> Iterator[tuple[tuple[UUID, UUID], float]]:
    """Yield the pairs that these documents form, with their similarity; one of two documents of the page once."""
    from plumbline.corpus.similarity import similarity

    candidates = db.rows(
        session,
        "corpus/select_similar_candidates",
        document_ids=list(document_ids),
        at_least=AT_LEAST,
        most_a_band=MOST_A_BAND,
        most=MOST_COMPARED,
    )
    seen: set[tuple[UUID, UUID]] = set()
    for row in candidates:
        first, second = sorted((row["document_id"], row["other_document_id"]))
        if (first, second) in seen:
            continue
        seen.add((first, second))
        alike = similarity(
            texts.shingles(session, row["version_id"]), texts.shingles(session, row["other_version_id"])
        )
        if alike >= AT_LEAST:
            yield (first, second), alike


class _Texts:
    """The shingles of versions, by their ids: those met last are kept, so many in all that memory stays flat."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, Shingles] = OrderedDict()
        self._size = 0

    def read(self, session: Session, version_ids: Sequence[UUID]) -> None:
        """Read several versions at once."""
        from plumbline.corpus.similarity import shingles

        for row in db.rows(session, "corpus/select_version_texts", version_ids=list(version_ids)):
            self._keep(row["version_id"], shingles(row["text"]))

    def shingles(self, session: Session, version_id: UUID) -> Shingles:
        """Return the shingles of a version, which is read if it is not at hand."""
        if version_id not in self._kept:
            self.read(session, [version_id])
        self._kept.move_to_end(version_id)
        return self._kept[version_id]

    def _keep(self, version_id: UUID, found: Shingles) -> None:
        self._kept[version_id] = found
        self._size += len(found)
        while self._size > _KEPT and len(self._kept) > 1:
            _, forgotten = self._kept.popitem(last=False)
            self._size -= len(forgotten)
