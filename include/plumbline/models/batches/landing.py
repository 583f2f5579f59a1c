"""
Bring the answers of a batch home.

The provider's files are read as a stream; a page of lines is one transaction: answers, ends of calls, and the deletion
of the lines, which is what lets a line end once.  Whoever reads a file again, or at the same time, finds the line gone.

Nothing is published before it adds up: every line has one end, or the batch does not land.  No line stops the others:
one that cannot be read, or that the database refuses, has failed with a reason, and is booked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import errors

from plumbline.core import db
from plumbline.models.batches import budgets
from plumbline.models.batches.keeping import End, ended, keep, service_of, unkept, write_ends
from plumbline.models.batches.lines import Result, read_result
from plumbline.models.batches.losing import GONE, LOST, require_file_lost
from plumbline.models.batches.provider import Gone
from plumbline.models.batches.work import Work
from plumbline.models.errors import ProviderUnreachable, Unreconciled
from plumbline.models.reserving import reclaim
from plumbline.models.sessions import HeldSession
from plumbline.models.transport import BrokenOff

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.core.db import Session
    from plumbline.models.batches.provider import Provider
    from plumbline.models.calls import Service

log = logging.getLogger(__name__)

PAGE = 1_000
"""Lines that end in one transaction, and fewer where they are long."""
_PAGE_BYTES = 16 << 20

_REFUSALS = (psycopg.DataError, errors.CheckViolation, errors.ProgramLimitExceeded, UnicodeError)
"""What the database says of a value; nothing else is the fault of a line."""
_OF_A_LINE = re.compile(r"answer|call(_.*)?")
"""The tables of schema ledger, partitions among them, that take words of a line: their rules are about these."""

STATES = ("settled", "refused", "failed", "expired", "unknown")
_UNHEARD = "The batch ended, and neither of its files has this line. It may have been billed."


@dataclass(slots=True)
class _Heard:
    """What has been read of the files so far; the ids of a batch's lines at most."""

    seen: set[UUID] = field(default_factory=set)
    strange: int = 0
    doubled: int = 0
    lost: bool = False

    def fresh(self, results: Sequence[Result]) -> list[Result]:
        """Return the first result of each line, and count the others."""
        first = []
        for result in results:
            if result.call_id in self.seen:
                self.doubled += 1
            else:
                self.seen.add(result.call_id)
                first.append(result)
        return first


def land(work: Work, batch_id: UUID) -> None:
    """
    Give every line of a batch that has ended its one end.  Running it twice, or twice at once, changes nothing.

    What stood in a file that the provider has lost is unknown.

    Raises:
        BatchNotOurs: The provider knows neither a file nor the batch, and the connection may be the reason.
        Unreconciled: The ends do not add up to the lines.  The batch has not landed.
        PlumblineError: As drawn in `plumbline.models.errors`; what has landed stays.
    """
    batch = work.batch(batch_id)
    if batch["state"] != "ended":
        return
    provider, heard = work.provider(batch), _Heard()
    with HeldSession(work.database, work.tenant) as held:
        landing = _Landing(
            batch, held, service_of(work.endpoint_of(batch), work.tenant, batch["route"], held), work
        )
        for file_id in (batch["output_file_id"], batch["error_file_id"]):
            if file_id is None:
                continue
            try:
                _read(provider, file_id, landing, heard)
            except Gone:
                require_file_lost(work, batch, file_id)
                log.warning("batch %s: the provider no longer has file %s", batch_id, file_id)
                heard.lost = True
        landing.finish(heard)
        # Whoever planned it is gone as a rule: what it cost less than it might have is there for others now.
        with held.transaction() as session:
            reclaim(session)


def _read(provider: Provider, file_id: str, landing: _Landing, heard: _Heard) -> None:
    """Read one file to its end; one that breaks off is read from its beginning again."""
    before, failures = (heard.strange, heard.doubled, set(heard.seen)), 0
    while True:
        try:
            with provider.lines(file_id) as lines:
                for page in _pages(lines, heard):
                    landing.end(heard.fresh(page), heard)
        except BrokenOff:
            failures += 1
            if not provider.breathe(failures):
                raise ProviderUnreachable("A file of a batch breaks off again and again.") from None
            heard.strange, heard.doubled, heard.seen = before[0], before[1], set(before[2])
            continue
        return


def _pages(lines: Iterator[bytes], heard: _Heard) -> Iterator[list[Result]]:
    page: list[Result] = []
    size = 0
    for line in lines:
        if not line.strip():
            continue
        result = read_result(line)
        if result is None:
            heard.strange += 1
            continue
        page.append(result)
        size += len(line)
        if len(page) >= PAGE or size >= _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


@dataclass(frozen=True, slots=True)
class _Landing:
    """One batch on its way home."""

    batch: DictRow
    held: HeldSession
    service: Service[Any]
    work: Work

    def end(self, results: Sequence[Result], heard: _Heard) -> None:
        """End the lines of a page, in one transaction; those that have ended before stay as they are."""
        by_id = {result.call_id: result for result in results}
        with self.held.transaction() as session:
            if not self._locked(session):
                return
            lines = db.rows(
                session, "batches/select_open_lines", batch_id=self.batch["batch_id"], call_ids=list(by_id)
            )
            ends = [ended(self.service, self.batch, line, by_id.pop(line["call_id"])) for line in lines]
            heard.strange += len(by_id) - self._ended_before(session, list(by_id))
            # Once, and last: whoever books twice in a transaction holds leases, and then wants periods.
            self._book(session, self._keep(session, ends))

    def _keep(self, session: Session, ends: Sequence[End]) -> list[End]:
        """
        Keep a page, and return its ends; a line that the database refuses is found by halves, and has failed, alone.
        """
        try:
            with session.transaction():
                keep(session, self.service, ends)
                self._write(session, ends)
        except _REFUSALS as refusal:
            if not _of_a_line(refusal):
                raise
            if len(ends) == 1:
                log.warning(
                    "batch %s: a line cannot be kept (%s)", self.batch["batch_id"], type(refusal).__name__
                )
                failed = [unkept(ends[0], refusal)]
                self._write(session, failed)
                return failed
            half = len(ends) // 2
            return self._keep(session, ends[:half]) + self._keep(session, ends[half:])
        return list(ends)

    def finish(self, heard: _Heard) -> None:
        """Mark what nobody has heard of, see that it all adds up, and say that the batch has landed."""
        with self.held.transaction() as session:
            if not self._locked(session):
                return
            which = {"batch_id": self.batch["batch_id"]}
            unheard = [row["call_id"] for row in db.rows(session, "batches/select_unheard", **which)]
            why = LOST if heard.lost or self.batch["provider_state"] == GONE else _UNHEARD
            self._write(session, [End(call_id, "unknown", "none", error=why) for call_id in unheard])
            found = db.rows(session, "batches/count_states", **which, called_at=self.batch["called_at"])
            totals = {row["state"]: row["calls"] for row in found}
            ends = {state: totals.get(state, 0) for state in STATES}
            if sum(ends.values()) != self.batch["lines"] or sum(totals.values()) != self.batch["lines"]:
                raise Unreconciled(
                    f"Batch {self.batch['batch_id']} has {self.batch['lines']} lines, and their calls are {totals}: "
                    "it has not landed."
                )
            cost = sum((row["cost_usd"] for row in found), start=Decimal(0))
            counts = {**ends, "strange": heard.strange, "doubled": heard.doubled}
            db.run(session, "batches/update_landed", **which, **counts, cost_usd=cost)
            if not ends["unknown"]:
                budgets.give_back(session, self.batch["batch_id"])
        log.info("batch %s has landed: %s", self.batch["batch_id"], counts)

    def _write(self, session: Session, ends: Sequence[End]) -> None:
        if not ends:
            return
        write_ends(session, self.batch, ends)
        which = {"batch_id": self.batch["batch_id"]}
        for left_as in ("expired", "unknown", "invalid"):
            stay = [end.call_id for end in ends if end.left_as == left_as]
            if stay:
                db.run(session, "batches/update_lines_left", **which, call_ids=stay, left_as=left_as)
        gone = [end.call_id for end in ends if end.left_as is None]
        db.run(session, "batches/delete_ended_lines", **which, call_ids=gone)

    def _book(self, session: Session, ends: Sequence[End]) -> None:
        """Book what the lines of a page cost; what this meets is never the fault of a line."""
        known = [
            budgets.Ending(end.call_id, end.planned_usd, end.cost_usd or Decimal(0))
            for end in ends
            if end.state != "unknown"
        ]
        budgets.book(session, self.batch["batch_id"], self.batch["called_at"], known)

    def _locked(self, session: Session) -> bool:
        """Hold the batch; others who land it wait here, and see what this one has done."""
        found = db.row(session, "batches/lock_batch", batch_id=self.batch["batch_id"])
        return found is not None and found["state"] == "ended"

    def _ended_before(self, session: Session, call_ids: list[UUID]) -> int:
        if not call_ids:
            return 0
        which = {"batch_id": self.batch["batch_id"], "called_at": self.batch["called_at"]}
        return len(db.rows(session, "batches/select_calls_of_batch", **which, call_ids=call_ids))


def _of_a_line(refusal: Exception) -> bool:
    """Whether a refusal is about what a line says; a wall of the book that does not hold must be heard of.  Pure."""
    if not isinstance(refusal, errors.CheckViolation):
        return True
    return refusal.diag.schema_name == "ledger" and bool(_OF_A_LINE.fullmatch(refusal.diag.table_name or ""))
