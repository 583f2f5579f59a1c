"""
Ids that survive an edit.

A document is its place: tenant, source and path.  A chunk is its text within its document, and where the same text
stands there more than once, which of them it is.  So an edit, or a chunk that moves, leaves every other id as it was,
and what has not changed is found again and not paid for again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from plumbline.core.hashing import stable_uuid


def document_id(tenant: str, source: str, path: str) -> UUID:
    """Return the id of the document at this place."""
    return stable_uuid("document", tenant, source, path)


def chunk_ids(document: UUID, digests: Iterable[bytes]) -> list[UUID]:
    """Return the ids of a document's chunks, given the sha256 of their texts in the order of the document."""
    seen: Counter[bytes] = Counter()
    ids = []
    for digest in digests:
        ids.append(stable_uuid("chunk", document.bytes, digest, str(seen[digest])))
        seen[digest] += 1
    return ids
