"""
A plan before the spend: what a run over a folder would read, buy and pay, without one call to a model.

The plan does what the run would do, up to the door: it scans, compares, extracts, chunks and looks every key up among
the answers that were bought.  What is missing is packed into calls as the door packs it, task by task.  It writes
nothing.
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
from plumbline.corpus.origins import origin_of, refresh
from plumbline.corpus.preparing import EMBED_CHUNK
from plumbline.corpus.readers import Refused, read_files
from plumbline.corpus.scanning import compare, shards_for
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
    Return documents, chunks, calls, tokens and cost (USD) that an ingestion of the folder would come to.

    `cost_batch_usd` is what the Batch API would take for it, None where it has no price; `refused_by` are the budgets
    that have no room for it.

    Raises:
        InboxMissing: The folder is absent or closed to us.
        PriceUnknown: The model has no price, so that nothing may be bought from it.
    """
    target = source_of(tools, run, folder, source)
    origin = origin_of(tools, run, target)
    door = Door(tools, run, endpoint=endpoint_in_force(tools, run), planning=True)
    chunks = 0
    with tools.db.transaction(run.tenant) as session:
        counts = compare(session, run, target, origin.scan())
        refused, missing = _Refused(counts["refuse"]), _Missing(door, shards_for(counts["store"]))
        for row in db.rows(session, "corpus/select_compared_refused", page=_REFUSALS_SHOWN):
            refused.show(row["path"], row["reason_code"], row["reason"])
        for files in _pages(session):
            keys: list[list[tuple[bytes, int]]] = [[] for _ in files]
            places = {file["path"]: keys[place] for place, file in enumerate(files)}
            for file, outcome in read_files(origin, files):
                if isinstance(outcome, Refused):
                    refused.add(file["path"], *outcome)
                else:
                    places[file["path"]].extend(_keys(door, outcome))
            chunks += sum(map(len, keys))
            missing.add_files(keys)
        rebuilt = _rebuild(session, door, missing)
    spend = door.plan(EMBED_CHUNK, missing.streams())
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
        "to_buy": spend.inputs,
        "in_doubt": door.in_doubt(missing.wanted),
        "tokens": spend.tokens_in,
        **spend.as_receipt(),
        "model": door.model,
        "dimensions": door.dimensions,
        "endpoint": door.endpoint.base_url,
        "answered_by": door.endpoint.label,
    }


def plan_spend(
    tools: Tools,
    run: Run,
    *,
    folder: str | None = None,
    source: str | None = None,
    refreshed: bool = False,
    plan_only: bool = False,
) -> Receipt:
    """
    Say what the run would spend, before it does, and whether a person is to approve of it first.

    That is so where it costs more than PLUMBLINE_APPROVE_ABOVE_USD.  Without that setting, and without `plan_only`,
    nothing is read.  Of a source that is no folder, `plan_only` counts what was there when it was last looked at; for
    an approval it is looked at first, and what was found then is what the run goes on with: `refreshed`.

    `price_usd` is what it would cost, `does` what for, in words.

    Raises:
        Misconfigured: The setting is no amount.
        PriceUnknown: The model has no price, so that nothing may be bought from it.
        PlumblineError: As of `scan_source`: the source cannot be read.
    """
    above = tools.settings.approve_above_usd
    said: Receipt = {"plan_only": plan_only, "needs_approval": False, "refreshed": refreshed}
    if above is None and not plan_only:
        return said
    if not plan_only and not refreshed:
        refresh(tools, run, source_of(tools, run, folder, source))
        said["refreshed"] = True
    plan = plan_ingestion(tools, run, folder=folder, source=source)
    # Names of files are no business of whoever approves, and a receipt is small.
    del plan["refusals"]
    price = Decimal(str(plan["cost_usd"]))
    does = f"read {plan['to_store']:,} new or changed files of `{plan['location']}` for the tenant `{run.tenant}`"
    return {**said, **plan, "does": does, **to_approve(price, above, plan_only=plan_only)}


def to_approve(price: Decimal, above: Decimal | None, *, plan_only: bool) -> Receipt:
    """Return whether a person is to approve of a price in US dollars, asked where it is above another.  Pure."""
    return {
        "price_usd": f"{price:f}",
        "needs_approval": above is not None and not plan_only and price > above,
        "approve_above_usd": None if above is None else f"{above:f}",
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


@dataclass(slots=True)
class _Missing:
    """
    What would have to be bought, by the task that buys it.

    Files are dealt to the tasks in turn, as `scan_source` does; what two of them need, the first one buys.
    """

    door: Door
    tasks: int
    wanted: dict[bytes, int] = field(default_factory=dict)
    files: int = 0
    by_task: list[dict[bytes, int]] = field(init=False)
    rebuilding: list[dict[bytes, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_task = [{} for _ in range(self.tasks)]

    def add_files(self, files: list[list[tuple[bytes, int]]]) -> None:
        """Take the next files, each as the keys of its chunks with their tokens."""
        want(self.door, dict(key for keys in files for key in keys), self.wanted)
        for keys in files:
            self.by_task[self.files % self.tasks].update(item for item in keys if item[0] in self.wanted)
            self.files += 1

    def add_published(self, keys: dict[bytes, int]) -> None:
        """Take a page of published chunks that need a vector of another model; each page is bought by itself."""
        want(self.door, keys, self.wanted)
        self.rebuilding.append({key: keys[key] for key in keys if key in self.wanted})

    def streams(self) -> Iterator[list[int]]:
        """Yield, task by task, the tokens of what each buys, in the order in which it does."""
        bought: set[bytes] = set()
        for keys in (*self.by_task, *self.rebuilding):
            yield [tokens for key, tokens in keys.items() if key not in bought]
            bought.update(keys)


def want(door: Door, keys: dict[bytes, int], wanted: dict[bytes, int]) -> None:
    """Add those of the keys that would have to be bought."""
    new = keys.keys() - wanted.keys()
    wanted.update({key: keys[key] for key in door.unanswered(list(new))})


def _rebuild(session: Session, door: Door, missing: _Missing) -> int:
    """Where another model answers than that of the index in force, all that is published needs new vectors."""
    index = db.row(session, "corpus/select_index", model=door.model, dimensions=door.dimensions)
    if index is not None and index["state"] == "in_force":
        return 0
    after, rebuilt = UUID(int=0), 0
    while chunks := db.rows(session, "corpus/select_texts_to_embed", after=after, page=1000):
        missing.add_published(dict(priced(door, row["text"], row["tokens"]) for row in chunks))
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
