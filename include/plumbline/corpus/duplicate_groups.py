"""
The report on documents that say the same: groups, each around the document that most others are like.

A group holds whatever is connected: versions of a policy from ten years are one group, although the first and the last
may have little in common.  So each document names the one in its group that it is most like, and how much; that figure
is true of these two.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.duplicates import AT_LEAST

if TYPE_CHECKING:
    from psycopg.rows import DictRow


class NoSimilarity(Fatal):
    """A similarity that nothing can be reported for."""


class Link(NamedTuple):
    """Two documents, and how much they are the same; None where they have the very same text."""

    first: UUID
    second: UUID
    similarity: float | None


class Member(NamedTuple):
    """A document of a group: most like `like`, and so much; `like` is None for the first, which others are like."""

    document_id: UUID
    like: UUID | None
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Groups of documents, the largest first, and how many documents the next run has yet to compare."""

    groups: list[list[dict[str, object]]]
    uncompared: int


def duplicates(tools: Tools, run: Run, *, at_least: float = AT_LEAST, source: str | None = None) -> Report:
    """
    Return the groups of the tenant's documents that are the same, or at least so much; those with one of `source`.

    Each document comes with source, path, title and dates, the path that it is like and how much: `similarity` is 1 at
    most, `identical` says that the texts are equal to the last character.  The first of a group is like none.

    Raises:
        NoSimilarity: `at_least` is below what is kept, or above 1.
    """
    if not AT_LEAST <= at_least <= 1:
        raise NoSimilarity(
            f"Pairs are kept from a similarity of {AT_LEAST} on: ask for {AT_LEAST} to 1, not for {at_least:g}."
        )
    with tools.db.transaction(run.tenant) as session:
        links = [
            Link(row["first_document_id"], row["second_document_id"], row["similarity"])
            for row in db.rows(session, "corpus/select_duplicate_pairs", at_least=at_least)
        ]
        linked = list({document_id for link in links for document_id in link[:2]})
        rows = db.rows(session, "corpus/select_documents_by_id", document_ids=linked)
        uncompared = db.value(session, "corpus/count_uncompared")
    known = {row["document_id"]: row for row in rows}
    order = {
        row["document_id"]: place
        for place, row in enumerate(sorted(rows, key=lambda row: row["first_published_at"]))
    }
    found = [
        [_described(member, known) for member in group]
        for group in grouped(links, order)
        if source is None or any(known[member.document_id]["source"] == source for member in group)
    ]
    return Report(found, uncompared)


def grouped(links: Iterable[Link], order: Mapping[UUID, int]) -> list[list[Member]]:
    """
    Return the groups that the links form, the largest first; between equals, the lower in `order` comes first.  Pure.

    Of the links only the strongest that hold a group together are followed, so that each document but the first is
    linked to one that stands before it.
    """
    kept = _strongest(_by_the_first(list(links), order), order)
    degree = Counter(document_id for link in kept for document_id in link[:2])
    beside: dict[UUID, list[Link]] = defaultdict(list)
    for link in kept:
        beside[link.first].append(link)
        beside[link.second].append(Link(link.second, link.first, link.similarity))
    groups: list[list[Member]] = []
    met: set[UUID] = set()
    for document_id in sorted(beside, key=lambda one: (-degree[one], order[one])):
        if document_id not in met:
            groups.append(_around(document_id, beside, order))
            met.update(member.document_id for member in groups[-1])
    return sorted(groups, key=lambda group: (-len(group), order[group[0].document_id]))


def _by_the_first(links: Sequence[Link], order: Mapping[UUID, int]) -> list[Link]:
    """
    The same links, in which the first in order of those with one text stands for them.

    Which of them is compared is of no interest to a reader; which was there first is.
    """
    same: dict[UUID, list[UUID]] = defaultdict(list)
    for link in links:
        if link.similarity is None:
            same[link.first].append(link.second)
    first = {one: min((one, *others), key=order.__getitem__) for one, others in same.items()}
    copies = [
        Link(first[one], other, None)
        for one, others in same.items()
        for other in (one, *others)
        if other != first[one]
    ]
    near = [
        Link(first.get(link.first, link.first), first.get(link.second, link.second), link.similarity)
        for link in links
        if link.similarity is not None
    ]
    return [*copies, *near]


def _strongest(links: Iterable[Link], order: Mapping[UUID, int]) -> list[Link]:
    """The strongest links that connect what all links connect (Kruskal's forest); of equals, to what came first."""
    above: dict[UUID, UUID] = {}

    def top(one: UUID) -> UUID:
        while (up := above.setdefault(one, one)) != one:
            above[one] = one = above[up]
        return one

    kept = []

    def rank(link: Link) -> tuple[float, list[int]]:
        return -_strength(link), sorted((order[link.first], order[link.second]))

    for link in sorted(links, key=rank):
        first, second = top(link.first), top(link.second)
        if first != second:
            above[second] = first
            kept.append(link)
    return kept


def _around(first: UUID, beside: Mapping[UUID, Sequence[Link]], order: Mapping[UUID, int]) -> list[Member]:
    """The group of a document: those that are like it, the most alike first, then those that are like these."""
    members, waiting, met = [Member(first, None, None)], deque([first]), {first}
    while waiting:
        one = waiting.popleft()
        for link in sorted(beside[one], key=lambda link: (-_strength(link), order[link.second])):
            if link.second not in met:
                met.add(link.second)
                waiting.append(link.second)
                members.append(Member(link.second, one, link.similarity))
    return members


def _strength(link: Link) -> float:
    """Equal texts are closer than texts of which only the words are equal."""
    return 2.0 if link.similarity is None else link.similarity


def _described(member: Member, known: Mapping[UUID, DictRow]) -> dict[str, object]:
    like = None if member.like is None else known[member.like]
    return {
        **known[member.document_id],
        "like": None if like is None else {name: like[name] for name in ("source", "path", "document_id")},
        "identical": like is not None and member.similarity is None,
        "similarity": None if like is None else 1.0 if member.similarity is None else member.similarity,
    }
