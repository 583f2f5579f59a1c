"""
Which pieces stand together in one chunk.

First cuts are closed, the weakest first, as long as the two sides fit into one chunk.  That leaves chunks of which no
two neighbours would fit together, but some are half empty; so where three fit into two, they are cut anew.

Everything is decided by what stands near a place: strengths, sizes, and, between equals, a hash of the characters
beside a cut.  Such an order belongs to the place and not to its number, which is what keeps an edit local.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from plumbline.corpus.chunking.atoms import Atom, Cut

LEAST_TOKENS = 64
"""A shorter chunk says too little to be found; it is avoided where the section allows it."""

REST_TOKENS = 128
"""The end of a section that is cut is joined with the next section only if it is shorter."""


class Run(NamedTuple):
    """Pieces `first` to `last`, both included, and their tokens as added up."""

    first: int
    last: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Limits:
    """No chunk has more than `tokens`; sections are joined with each other only up to `section`."""

    tokens: int
    section: int


def pack(pieces: Sequence[Atom], joints: Sequence[int], ranks: Sequence[int], limits: Limits) -> list[Run]:
    """
    Return the runs that become chunks, in order.

    `joints[n]` are the tokens between piece n and the one before it; `ranks[n]` orders cuts of equal strength.
    """
    runs = _Runs(pieces, joints, ranks, limits)
    runs.close()
    runs.mend()
    return runs.result()


class _Runs:
    """Runs of pieces, known by the number of their first piece."""

    def __init__(
        self, pieces: Sequence[Atom], joints: Sequence[int], ranks: Sequence[int], limits: Limits
    ) -> None:
        self._cuts = [piece.cut for piece in pieces]
        self._ranks = ranks
        self._limits = limits
        self._joints = joints
        self._until = list(accumulate((p.tokens + j for p, j in zip(pieces, joints, strict=True)), initial=0))
        self._next = list(
            range(1, len(pieces) + 1)
        )  # where the next run begins; valid at the first piece of a run
        self._previous = list(range(-1, len(pieces)))  # where the run before begins; likewise

    def result(self) -> list[Run]:
        """The runs in order."""
        runs, at = [], 0
        while at < len(self._cuts):
            runs.append(Run(at, self._next[at] - 1, self._tokens(at, self._next[at])))
            at = self._next[at]
        return runs

    def close(self) -> None:
        """Join neighbours, the weakest cut first, while they fit."""
        for at in sorted(range(1, len(self._cuts)), key=lambda at: (self._cuts[at], self._ranks[at])):
            left, end = self._previous[at], self._next[at]
            if self._tokens(left, end) <= self._most(left, at):
                self._next[left] = end
                self._previous[end] = left

    def _most(self, left: int, at: int) -> int:
        """How long two runs may be together; the rest of a long section is not mixed with the next section."""
        if self._cuts[at] < Cut.HEADING_6:
            return self._limits.tokens
        is_rest = left > 0 and self._cuts[left] < Cut.HEADING_6
        return 0 if is_rest and self._tokens(left, at) > REST_TOKENS else self._limits.section

    def mend(self) -> None:
        """Cut anew where three runs fit into two, and where one is too short to be found."""
        starts = [run.first for run in self.result()][1:]
        for at in sorted(starts, key=lambda at: (self._cuts[at], self._ranks[at])):
            end = self._next[at]
            if not self._begins(at) or end >= len(self._cuts):
                continue
            if self._tokens(self._previous[at], self._next[end]) <= 2 * self._limits.tokens:
                self._recut(self._previous[at], self._next[end], 1)
        for run in self.result():
            if run.tokens < LEAST_TOKENS and self._begins(run.first):
                self._lengthen(run.first)

    def _lengthen(self, at: int) -> None:
        """Give a short run some pieces of the neighbour that it is less divided from."""
        end = self._next[at]
        sides = []
        if at > 0:
            sides.append((self._cuts[at], self._ranks[at], self._previous[at], end))
        if end < len(self._cuts):
            sides.append((self._cuts[end], self._ranks[end], at, self._next[end]))
        for _, _, first, last in sorted(sides):
            if self._recut(first, last, LEAST_TOKENS):
                return

    def _recut(self, first: int, end: int, least: int) -> bool:
        """Make two runs of the pieces from `first` to `end`, unless they belong to different sections."""
        if any(cut >= Cut.HEADING_6 for cut in self._cuts[first + 1 : end]):
            return False
        fitting = [
            at
            for at in range(first + 1, end)
            if least <= self._tokens(first, at) <= self._limits.tokens
            and least <= self._tokens(at, end) <= self._limits.tokens
        ]
        if not fitting:
            return False
        best = max(fitting, key=lambda at: (self._cuts[at], self._ranks[at]))
        self._next[first], self._previous[best] = best, first
        self._next[best], self._previous[end] = end, best
        return True

    def _begins(self, at: int) -> bool:
        """Whether a run still begins here."""
        return self._next[self._previous[at]] == at if at else True

    def _tokens(self, first: int, end: int) -> int:
        return self._until[end] - self._until[first] - self._joints[first]
