"""What the provider says of a batch, and what follows: a pure decision and a thin effect."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from plumbline.core import db
from plumbline.models.batches import submitting
from plumbline.models.batches.losing import GONE, require_batch_lost
from plumbline.models.batches.provider import Gone
from plumbline.models.batches.work import Work, fail
from plumbline.models.policy import safe_code

log = logging.getLogger(__name__)

_ENDED = frozenset({"completed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class Look:
    """
    What a look at a batch found.

    `next`: wait; land (its files are there); fail (it never began, nothing was billed); or make room (the same, because
    too many tokens were enqueued).
    """

    next: Literal["wait", "land", "fail", "make room"]
    state: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    code: str = ""


def decide(card: Mapping[str, Any]) -> Look:
    """Return what follows from what the provider says of a batch.  Pure."""
    state = safe_code(card.get("status")) or "unreadable"
    files = [card.get(name) for name in ("output_file_id", "error_file_id")]
    output, errors = (file if isinstance(file, str) and file else None for file in files)
    if state in _ENDED:
        return Look("land", state, output, errors)
    if state != "failed":
        return Look("wait", state)
    codes = _codes(card.get("errors"))
    if codes and set(codes) == {submitting.NO_ROOM}:
        return Look("make room", state, code=submitting.NO_ROOM)
    return Look("fail", state, code=next(iter(codes), ""))


def look(work: Work, batch_id: UUID) -> None:
    """
    Ask the provider about a submitted batch and write down what follows; twice is as good as once.

    One that the provider has lost has ended: nothing is heard of any of its lines.

    Raises:
        BatchNotOurs: The provider does not know it, and the connection may be the reason.
        PlumblineError: As drawn in `plumbline.models.errors`.
    """
    batch = work.batch(batch_id)
    if batch["state"] != "submitted":
        return
    provider = work.provider(batch)
    try:
        found = decide(provider.batch(batch["provider_batch_id"]))
        # Not before it was looked at: to cancel what has ended is answered as a conflict, each time.
        if batch["cancel_asked_at"] and found.next == "wait" and found.state != "cancelling":
            provider.cancel(batch["provider_batch_id"])
            found = decide(provider.batch(batch["provider_batch_id"]))
    except Gone:
        require_batch_lost(work, batch)
        log.warning("batch %s is no longer at the provider: its lines are for a person to decide", batch_id)
        found = Look("land", GONE)
    if found.next == "make room":
        submitting.not_made(work, batch, back_to_room=True, again=True, wait=submitting.WAIT_FOR_ROOM)
        return
    with work.database.transaction(work.tenant) as session:
        current = db.run(
            session,
            "batches/update_looked",
            batch_id=batch_id,
            provider_batch_id=batch["provider_batch_id"],
            provider_state=found.state,
            ended=found.next == "land",
            output_file_id=found.output_file_id,
            error_file_id=found.error_file_id,
        )
        if current and found.next == "fail":
            said = f"The provider did not begin the batch ({found.code or 'it does not say why'})."
            fail(session, batch, f"{said} It was not billed.")


def _codes(errors: object) -> list[str]:
    data = errors.get("data") if isinstance(errors, dict) else None
    return [safe_code(one.get("code")) for one in data or () if isinstance(one, dict)]
