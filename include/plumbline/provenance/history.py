"""
The history of one thing: what it was made from, and what was made of it.

The answer is read from lineage rows, which outlive what they tell of: a chunk that was replaced, or a document that
left its source, still has its history.  Texts are never read here; a thing shows as its id, place and fingerprint.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session

MOST = 500
"""Relations shown in one direction; a document has hundreds of chunks, a run thousands."""

_ANSWER_KEY = re.compile(r"[0-9a-f]{64}")


class Untraceable(Fatal):
    """Nothing of the tenant is known under this id."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing: its kind, id (hexadecimal for answer keys), name, a detail in words, and what it is related to."""

    kind: str
    id: str
    name: str
    detail: str = ""
    related: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class History:
    """A thing, what it comes from (`origins`, each with its own) and what it became (`effects`, each with its own)."""

    subject: Node
    origins: list[Node]
    effects: list[Node]

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return asdict(self)


def history(tools: Tools, run: Run, thing: str) -> History:
    """
    Return the history of a chunk, document, version, file version, call, run or answer key.

    Raises:
        Untraceable: `thing` is not an id, or nothing of the tenant has it.
    """
    thing = thing.strip().lower()
    with tools.db.transaction(run.tenant) as session:
        if _ANSWER_KEY.fullmatch(thing):
            return _of_answer(session, thing)
        subject = db.row(session, "lineage/select_subject", id=_uuid(thing))
        if subject is None:
            raise Untraceable(
                f"Nothing is known under the id {thing}. Ids are shown by `plumbline search --json`."
            )
        return _of_subject(session, subject)


def _uuid(thing: str) -> uuid.UUID:
    try:
        return uuid.UUID(thing)
    except ValueError:
        raise Untraceable(
            f"{thing!r} is no id: give the UUID of a chunk, document, version, call or run, "
            "or an answer key (64 hexadecimal digits)."
        ) from None


def _of_answer(session: Session, key: str) -> History:
    bought = _purchase(session, bytes.fromhex(key))
    if bought is None:
        raise Untraceable(f"No answer is kept under the key {key}: it went with the last chunk that used it.")
    chunks = db.rows(session, "lineage/select_chunks_of_answer", key=bytes.fromhex(key), most=MOST)
    return History(bought, bought.related, [_node("chunk", row) for row in chunks])


def _of_subject(session: Session, subject: DictRow) -> History:
    kind, found = (
        subject["kind"],
        Node(subject["kind"], str(subject["id"]), subject["name"], _detail(subject)),
    )
    match kind:
        case "document":
            versions = db.rows(session, "lineage/select_versions", id=subject["id"], most=MOST)
            return History(found, [], [_version(session, row) for row in versions])
        case "call":
            runs = db.rows(session, "lineage/select_run_of_call", id=subject["id"])
            chunks = db.rows(session, "lineage/select_chunks_of_call", id=subject["id"], most=MOST)
            return History(found, [_run(row) for row in runs], [_node("chunk", row) for row in chunks])
        case "run":
            made = db.rows(session, "lineage/select_made_by_run", id=subject["id"])
            return History(found, [], [Node(row["kind"], "", row["name"], row["detail"]) for row in made])
    return History(
        found, _ancestors(session, kind, subject["id"]), _descendants(session, kind, subject["id"])
    )


def _version(session: Session, row: DictRow) -> Node:
    state = "removed" if row["removed_at"] else "superseded" if row["superseded_at"] else "searchable"
    detail = f"{state}, published {_time(row['published_at'])}, {_fingerprint(row['sha256'])}"
    related = _descendants(session, "document_version", row["id"])
    return Node("document_version", str(row["id"]), row["name"], detail, related)


def _ancestors(session: Session, kind: str, identity: uuid.UUID) -> list[Node]:
    edges = db.rows(session, "lineage/select_ancestors", kind=kind, id=identity, most=MOST)
    return tree(edges, (kind, identity), toward="cause")


def _descendants(session: Session, kind: str, identity: uuid.UUID) -> list[Node]:
    edges = db.rows(session, "lineage/select_descendants", kind=kind, id=identity, most=MOST)
    purchases = {
        edge["effect_sha256"]: purchase
        for edge in edges
        if edge["effect_kind"] == "vector" and (purchase := _purchase(session, edge["effect_sha256"]))
    }
    return tree(edges, (kind, identity), toward="effect", purchases=purchases)


def tree(
    edges: Sequence[Mapping[str, Any]],
    root: tuple[str, uuid.UUID],
    *,
    toward: str,
    purchases: Mapping[bytes, Node] | None = None,
) -> list[Node]:
    """
    Arrange edges as a tree below `root`, toward causes or toward effects.  Pure.

    A thing that is reached on two ways stands in both places.  `purchases` stand below the vectors they paid for.
    """
    back = "effect" if toward == "cause" else "cause"
    below: dict[tuple[str, uuid.UUID], dict[tuple[str, uuid.UUID], Mapping[str, Any]]] = {}
    for edge in edges:
        start, end = (
            (edge[f"{back}_kind"], edge[f"{back}_id"]),
            (edge[f"{toward}_kind"], edge[f"{toward}_id"]),
        )
        below.setdefault(start, {}).setdefault(end, edge)

    def grow(start: tuple[str, uuid.UUID], path: frozenset[tuple[str, uuid.UUID]]) -> list[Node]:
        nodes = []
        for end, edge in below.get(start, {}).items():
            if end in path:
                continue
            related = grow(end, path | {end})
            paid = (purchases or {}).get(edge["effect_sha256"]) if end[0] == "vector" else None
            nodes.append(
                _edge_node(end, edge, [*related, *([paid] if paid else [])], of_effect=toward == "effect")
            )
        return nodes

    return grow(root, frozenset({root}))


def _edge_node(
    thing: tuple[str, uuid.UUID], edge: Mapping[str, Any], related: list[Node], *, of_effect: bool
) -> Node:
    words = [
        _fingerprint(edge["effect_sha256"] if of_effect else edge["cause_sha256"]),
        f"by {edge['model']}" if of_effect and edge["model"] else "",
        f"run {edge['job'] or edge['run_id']}{_in_brackets(edge['dag_run_id'])}",
        f"code {edge['code_version']}",
        _time(edge["at"]),
    ]
    return Node(thing[0], str(thing[1]), edge["effect_name"] or "", _joined(words), related)


def _purchase(session: Session, key: bytes | None) -> Node | None:
    """Return the answer with the call that bought it and the run that called; None where it is no longer kept."""
    row = db.row(session, "lineage/select_answer", key=key) if key else None
    if row is None:
        return None
    calls = []
    if row["run_id"]:
        made_by = Node(
            "run",
            str(row["run_id"]),
            row["job"] or "",
            f"code {row['code_version']}{_in_brackets(row['dag_run_id'])}",
        )
        cost = "" if row["cost_usd"] is None else f"USD {row['cost_usd']:f} for {row['inputs']} inputs"
        share = "" if row["share_usd"] is None else f"this one's share USD {row['share_usd']:f}"
        name = f"{row['use']} by {row['answered_by'] or row['model']}"
        details = _joined([row["state"], cost, share, row["endpoint"]])
        calls.append(Node("call", str(row["call_id"]), name, details, [made_by]))
    detail = f"{row['tokens']} tokens, bought {_time(row['bought_at'])}"
    return Node("answer", row["key"].hex(), row["model"], detail, calls)


def _node(kind: str, row: DictRow) -> Node:
    return Node(kind, str(row["id"]), row["name"], _fingerprint(row["sha256"]))


def _run(row: DictRow) -> Node:
    detail = f"{row['state']}, code {row['code_version']}" + (
        f", run {row['dag_run_id']}" if row["dag_run_id"] else ""
    )
    return Node("run", str(row["id"]), row["job"], detail)


def _detail(subject: DictRow) -> str:
    return _joined([subject["detail"], _fingerprint(subject["sha256"])])


def _joined(words: list[str]) -> str:
    return ", ".join(filter(None, words))


def _in_brackets(dag_run_id: str | None) -> str:
    return f" ({dag_run_id})" if dag_run_id else ""


def _fingerprint(sha256: bytes | None) -> str:
    return f"sha256 {sha256.hex()[:16]}…" if sha256 else ""


def _time(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
