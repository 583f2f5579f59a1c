"""
Whether a batch that is not found at the provider is lost: deleted there, by its retention or by a hand.

Another address, or the key of another project, looks the same for every batch at once, and is set right by setting it
back.  So no list is proof, and a person says that a batch is gone; a file is, where the provider knows its batch.
What is lost may have been billed, and a person decides about its lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from plumbline.core import db
from plumbline.models.batches.provider import Gone
from plumbline.models.batches.submitting import LISTS_LAG
from plumbline.models.errors import BatchNotOurs, ProviderFailing

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.models.batches.work import Work

GONE = "gone"
"""Stands for what the provider says of a batch, when it no longer has it."""

SAID_LOST = "said to be lost"
"""Stands there from when a person says so until it was looked for once more."""

LOST = "The provider no longer has the batch, or a file of it. It may have been billed."


def say_lost(work: Work, batch_id: UUID) -> bool:
    """
    Write down that a person knows a batch to be gone at the provider; return whether that makes a difference.

    It is looked for once more all the same: one that is found goes on.
    """
    work.batch(batch_id)
    with work.database.transaction(work.tenant) as session:
        return bool(db.run(session, "batches/update_said_lost", batch_id=batch_id, said=SAID_LOST))


def require_batch_lost(work: Work, batch: DictRow) -> None:
    """
    Return if the provider has lost a submitted batch, which it did not find just now, and a person has said so.

    Raises:
        BatchNotOurs: Nobody has; it cannot be told from another address, or from the key of another project.
        ProviderFailing: The provider's list has it, or is not old enough to be believed.
    """
    label, here = work.endpoint_of(batch).label, batch["provider_batch_id"]
    try:
        listed = [card["id"] for card in work.provider(batch).batches()]
    except Gone:
        listed = None
    if listed is not None and (here in listed or batch["submitted_for"] <= LISTS_LAG):
        raise ProviderFailing(f"{label}: the provider does not find batch {here} now, which it has made.")
    if listed is not None and batch["provider_state"] == SAID_LOST:
        return
    raise BatchNotOurs(
        f"{label}: the provider does not know batch {batch['batch_id']} ({here}). Most likely the connection "
        "plumbline_openai names another address, or has the key of another project: set it back, and it lands. Only if "
        f"it was deleted there: `plumbline batches lost {batch['batch_id']}`; its lines are yours to decide then."
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
