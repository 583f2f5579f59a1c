"""
Whether a batch that is not found at the provider is lost: deleted there, by its retention or by a hand.

Another address, or the key of another project, looks the same for every batch at once, and is set right by setting it
back.  So it is believed only of a provider that shows something else of ours of that time, or when a person says so.
What is lost may have been billed, and a person decides about its lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.models.batches.provider import Gone
from plumbline.models.batches.submitting import LISTS_LAG
from plumbline.models.errors import BatchNotOurs, ProviderFailing

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.models.batches.work import Work

GONE = "gone"
"""Stands for what the provider says of a batch, when it no longer has it."""

LOST = "The provider no longer has the batch, or a file of it. It may have been billed."


def require_batch_lost(work: Work, batch: DictRow) -> None:
    """
    Return if the provider has lost a submitted batch, which it did not find just now.

    It has if its list, read to the end, lacks it, and either has one that we submitted earlier, or somebody has asked
    for the end of this one.

    Raises:
        BatchNotOurs: It cannot be told from another address, or from the key of another project.
        ProviderFailing: The list has it, or is not old enough to be believed.
    """
    label, here = work.endpoint_of(batch).label, batch["provider_batch_id"]
    try:
        listed = [card["id"] for card in work.provider(batch).batches()]
    except Gone:
        listed = None
    if listed is not None and (here in listed or batch["submitted_for"] <= LISTS_LAG):
        raise ProviderFailing(f"{label}: the provider does not find batch {here} now, which it has made.")
    with work.database.transaction(work.tenant) as session:
        if listed is not None and (
            batch["cancel_asked_at"] is not None
            or db.value(
                session, "batches/select_any_earlier", provider_ids=listed, before=batch["submitted_at"]
            )
        ):
            return
    raise BatchNotOurs(
        f"{label}: the provider does not know batch {batch['batch_id']} ({here}). Either the connection "
        "plumbline_openai names another address, or has the key of another project: set it back. Or the batch was "
        f"deleted there: `plumbline batches cancel {batch['batch_id']}` says so, and its lines are yours to decide."
    )


def require_file_lost(work: Work, batch: DictRow, file_id: str) -> None:
    """
    Return if the provider has lost a file of a batch that has ended: it knows the batch, or has lost that as well.

    Raises:
        BatchNotOurs: It cannot be told from another address, or from the key of another project.
        ProviderFailing: The file is too fresh for that, or the list has the batch.
    """
    try:
        work.provider(batch).batch(batch["provider_batch_id"])
    except Gone:
        require_batch_lost(work, batch)
        return
    if batch["ended_for"] <= LISTS_LAG:
        label = work.endpoint_of(batch).label
        raise ProviderFailing(f"{label}: the provider does not find file {file_id} now, which it has made.")
