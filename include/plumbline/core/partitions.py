"""
Keep the monthly tables ahead of the calendar.

A row whose month has no partition cannot be written, so nothing would run on the first of the month.  Partitions are
made a year ahead, every day; that at least two months are ready is checked after it, in time for a person to act.
"""

from __future__ import annotations

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.migrations import PARTITIONS_AHEAD
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools

LEAST_MONTHS_AHEAD = 2


class PartitionsMissing(Fatal):
    """A monthly table is not prepared for the months to come."""


def ensure_partitions(tools: Tools, run: Run) -> Receipt:
    """
    Make the partitions that are missing, through the keeper; return {"made", "months_ahead"}.

    Raises:
        PartitionsMissing: Fewer than two months after this one are ready, in spite of it.
    """
    with tools.keeper.transaction(run.tenant) as session:
        made = db.value(session, "core/ensure_partitions", months_ahead=PARTITIONS_AHEAD)
        ahead = db.value(session, "core/select_months_ahead")
    if ahead < LEAST_MONTHS_AHEAD:
        raise PartitionsMissing(
            f"Only {ahead} months after this one have their partitions; {LEAST_MONTHS_AHEAD} are needed. "
            "See docs/runbooks/maintain_partitions.md."
        )
    return {"made": made, "months_ahead": ahead}
