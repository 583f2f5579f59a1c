"""
A plan before the spend: what a run over a folder would read, buy and pay, without one call to a model.

The plan does what the run would do, up to the door: it scans, compares, extracts, chunks and looks every key up among
the answers that were bought.  It writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.chunking import chunk
from plumbline.corpus.extraction import Extracted
from plumbline.corpus.origins import origin_of
from plumbline.corpus.preparing import EMBED_CHUNK
from plumbline.corpus.readers import Refused, read_files
from plumbline.corpus.scanning import compare
from plumbline.corpus.sources import source_of
from plumbline.corpus.tokens import count
from plumbline.corpus.versions import endpoint_in_force
from plumbline.models import Door

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

_PAGE = 64
_REFUSALS_SHOWN = 1000


def plan_ingestion(
    tools: Tools, run: Run, *, folder: str | None = None, source: str | None = None
) -> Receipt:
    """
    Return documents, chunks, tokens and cost (USD) that an ingestion of the folder would come to.

    Raises:
        InboxMissing: The folder is absent or closed to us.
        PriceUnknown: The model has no price, so that nothing may be bought from it.
    """
    target = source_of(tools, run, folder, source)
    origin = origin_of(tools, run, target)
    door = Door(tools, run, endpoint=endpoint_in_force(tools, run), planning=True)
    wanted: dict[bytes, int] = {}
    chunks = 0
    with tools.db.transaction(run.tenant) as session:
        counts = compare(session, run, target, origin.scan())
        refused = _Refused(counts["refuse"])
        for row in db.rows(session, "corpus/select_compared_refused", page=_REFUSALS_SHOWN):
            refused.show(row["path"], row["reason_code"], row["reason"])
        for files in _pages(session):
            keys: dict[bytes, int] = {}
            for file, outcome in read_files(origin, files):
                if isinstance(outcome, Refused):
                    refused.add(file["path"], *outcome)
                    continue
                for key, tokens in _keys(door, outcome):
                    chunks += 1
                    keys[key] = tokens
            want(door, keys, wanted)
        rebuilt = _rebuild(session, door, wanted)
    tokens = sum(wanted.values())
    cost = door.estimate(tokens)
    return {
        "location": target.location,
        "found": counts["found"],
        "to_store": counts["store"] - (refused.count - counts["refuse"]),
        "unchanged": counts["unchanged"],
        "to_remove": counts["remove"],
        "refused": refused.count,
        "refusals": refused.shown,
        "chunks": chunks,
        "chunks_to_rebuild": rebuilt,
        "to_buy": len(wanted),
        "tokens": tokens,
        "cost_usd": float(cost.quantize(Decimal("0.000000001"))),
        "model": door.model,
        "dimensions": door.dimensions,
        "endpoint": door.endpoint.base_url,
        "answered_by": door.endpoint.label,
    }


@dataclass(slots=True)
class _Refused:
    """How many files are refused, and the first of them."""

    count: int
    shown: list[dict[str, str]] = field(default_factory=list)

    def add(self, path: str, code: str, reason: str) -> None:
        self.count += 1
        self.show(path, code, reason)

    def show(self, path: str, code: str, reason: str) -> None:
        if len(self.shown) < _REFUSALS_SHOWN:
            self.shown.append({"path": path, "code": code, "reason": reason})


def want(door: Door, keys: dict[bytes, int], wanted: dict[bytes, int]) -> None:
    """Add those of the keys that would have to be bought."""
    new = keys.keys() - wanted.keys()
    wanted.update({key: keys[key] for key in door.unanswered(list(new))})


def _rebuild(session: Session, door: Door, wanted: dict[bytes, int]) -> int:
    """Where another model answers than that of the index in force, all that is published needs new vectors."""
    index = db.row(session, "corpus/select_index", model=door.model, dimensions=door.dimensions)
    if index is not None and index["state"] == "in_force":
        return 0
    after, rebuilt = UUID(int=0), 0
    while chunks := db.rows(session, "corpus/select_texts_to_embed", after=after, page=1000):
        want(door, dict(priced(door, row["text"], row["tokens"]) for row in chunks), wanted)
        after = chunks[-1]["chunk_id"]
        rebuilt += len(chunks)
    return rebuilt


def _pages(session: Session) -> Iterator[list[DictRow]]:
    after = ""
    while files := db.rows(session, "corpus/select_compared_to_store", after=after, page=_PAGE):
        yield files
        after = files[-1]["path"]


def priced(door: Door, text: str, tokens: int) -> tuple[bytes, int]:
    """Return the key of a text's embedding and the tokens that it costs: those of what is sent."""
    sent = door.minimise(text)
    return door.key(EMBED_CHUNK, sent), tokens if sent is text else count(sent)


def _keys(door: Door, extracted: Extracted) -> Iterator[tuple[bytes, int]]:
    for piece in chunk(extracted):
        yield priced(door, extracted.text[piece.start : piece.end], piece.tokens)
