"""
Submit a batch, once.

    planned -> uploading    the room it takes is taken
            -> uploading    its file is at the provider, and we know under which id
            -> submitting   it is about to be made there: from here on it may exist
            -> submitted    the provider's id of it is known

Each arrow is a commit.  A worker that dies in `submitting` leaves a batch that may exist or not; making another would
pay for it twice.  So the provider's list is read to its end, for our id in the metadata; found, it is ours.  Not found,
and only once the intent is older than a list may lag behind, it is made anew.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from plumbline.core import db
from plumbline.models.batches import provider as at_provider
from plumbline.models.batches.lines import written
from plumbline.models.batches.work import Work, fail
from plumbline.models.calls import Unusable
from plumbline.models.errors import KeyRejected
from plumbline.models.policy import Happened, Outcome, safe_code
from plumbline.models.wire import json_object

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from plumbline.models.batches.provider import Provider

log = logging.getLogger(__name__)

NO_ROOM = "token_limit_exceeded"
"""The provider's word for too many enqueued tokens."""

WAIT_FOR_ROOM = 300.0
"""Seconds after which room is looked for again, when the provider had none."""

LISTS_LAG = 900.0
"""Seconds after which a batch that was made is in the provider's list, if it was made."""

_PAGE = 500
_NOT_A_CALL = UUID(int=0)
_MADE_AT_MOST_ONCE = (Happened.LOST, Happened.SERVER_ERROR)
_FILE_IS_GONE = 404


def submit(work: Work, batch_id: UUID) -> None:
    """
    Bring a batch to the provider, as far as it goes now; the state of the batch says how far that was.

    Raises:
        PlumblineError: As drawn in `plumbline.models.errors`; the next attempt goes on where this one broke off.
    """
    with work.alone(batch_id) as ours:
        if not ours:
            return
        batch = work.batch(batch_id)
        if batch["state"] == "submitting":
            batch = _attach(work, batch)
        if batch["cancel_asked_at"] and batch["state"] in ("planned", "uploading"):
            _give_up(work, batch)
            return
        if batch["state"] in ("planned", "uploading"):
            work.require_rest_over(batch)
        if batch["state"] == "planned":
            batch = _take_room(work, batch)
        if batch["state"] == "uploading":
            if batch["input_file_id"] is None and not _upload(work, batch):
                return
            _create(work, work.batch(batch_id))


def _take_room(work: Work, batch: DictRow) -> DictRow:
    """Take the room of the batch among the tokens that may be enqueued, if there is as much."""
    if (batch["wait"] or 0) > 0:
        return batch
    most = work.endpoint_of(batch).batches.enqueued_tokens.get(batch["model"])
    which = {"endpoint": batch["endpoint"], "model": batch["model"]}
    with work.database.transaction(work.tenant) as session:
        db.run(session, "batches/lock_room", **which)
        taken = db.value(session, "batches/select_enqueued", **which)
        if most is not None and taken and taken + batch["tokens"] > most:
            log.info("batch %s waits: %d of %d tokens are enqueued", batch["batch_id"], taken, most)
            return batch
        db.run(session, "batches/update_uploading", batch_id=batch["batch_id"])
    return work.batch(batch["batch_id"])


def _upload(work: Work, batch: DictRow) -> bool:
    """Bring the file of a batch there; return whether the batch is still ours: not, if it changed meanwhile."""
    provider, batch_id = work.provider(batch), batch["batch_id"]
    _sweep_files(provider, batch_id)
    # On disk, not in memory: a file of the largest batch has 200 MB.
    with tempfile.TemporaryFile(prefix="plumbline-batch-") as file:
        after = _NOT_A_CALL
        while True:
            with work.database.transaction(work.tenant) as session:
                lines = db.rows(
                    session, "batches/select_lines_to_write", batch_id=batch_id, after=after, page=_PAGE
                )
            if not lines:
                break
            file.writelines(written(line["call_id"], batch["route"], line["request"]) for line in lines)
            after = lines[-1]["call_id"]
        file_id = provider.upload(file, batch_id)
    with work.database.transaction(work.tenant) as session:
        named = db.run(session, "batches/update_uploaded", batch_id=batch_id, file_id=file_id)
    if not named:
        # The lock's session broke off, and somebody else went on: what is sent is theirs to say.
        provider.delete(file_id)
        log.warning("batch %s changed while its file was uploaded; whoever changed it goes on", batch_id)
    return bool(named)


def _sweep_files(provider: Provider, batch_id: UUID) -> None:
    """Delete what a crashed upload of this batch has left."""
    left = [card["id"] for card in provider.files() if at_provider.batch_of_file(card) == batch_id]
    for file_id in left:
        provider.delete(file_id)


def _create(work: Work, batch: DictRow) -> None:
    provider, batch_id = work.provider(batch), batch["batch_id"]
    with provider.asking():  # before the intent: what may not be sent must not look as if it had been
        with work.database.transaction(work.tenant) as session:
            if not db.run(session, "batches/update_intended", batch_id=batch_id):
                return  # somebody else is at it: the lock's session broke off
            db.run(session, "batches/update_calls_sent", batch_id=batch_id, called_at=batch["called_at"])
        batch = work.batch(batch_id)
        outcome = provider.create(batch_id, batch["input_file_id"], batch["route"])
    if outcome.happened is Happened.ANSWERED:
        try:
            card = json_object(outcome.content)
        except Unusable:
            return  # it exists: the list will tell
        if at_provider.named(card):  # otherwise, too, the list will tell
            _keep(work, batch, card)
    elif outcome.happened not in _MADE_AT_MOST_ONCE:
        _not_made(work, batch, outcome)
    else:
        raise at_provider.failure(work.endpoint_of(batch), outcome, 0)


def _not_made(work: Work, batch: DictRow, outcome: Outcome) -> None:
    """The provider said no, or was never reached: what that means for the batch."""
    error = at_provider.failure(work.endpoint_of(batch), outcome, outcome.retry_after or 0)
    gone = outcome.status == _FILE_IS_GONE
    passing = outcome.happened in (Happened.THROTTLED, Happened.UNREACHED)
    if not (passing or gone or outcome.code == NO_ROOM or isinstance(error, KeyRejected)):
        with work.database.transaction(work.tenant) as session:
            fail(
                session,
                batch,
                f"The provider refuses the batch ({outcome.label} {outcome.code}).",
                refused=True,
            )
        return
    back_to_room = outcome.code == NO_ROOM
    not_made(work, batch, back_to_room=back_to_room, again=gone, wait=WAIT_FOR_ROOM if back_to_room else 0.0)
    if not back_to_room and not gone:
        raise error


def not_made(work: Work, batch: DictRow, *, back_to_room: bool, again: bool, wait: float) -> None:
    """
    Write down that the provider did not make a batch, so that it may be tried again, with a new file if `again`.

    Whoever looked at an earlier attempt of it changes nothing: a batch that was made since would be made twice.
    """
    batch_id = batch["batch_id"]
    with work.database.transaction(work.tenant) as session:
        if db.run(
            session,
            "batches/update_not_made",
            batch_id=batch_id,
            provider_batch_id=batch["provider_batch_id"],
            intended_at=batch["intended_at"],
            state="planned" if back_to_room else "uploading",
            again=again,
            wait=wait,
        ):
            db.run(session, "batches/update_calls_unsent", batch_id=batch_id, called_at=batch["called_at"])


def _attach(work: Work, batch: DictRow) -> DictRow:
    """Find the batch that may have been made; made it was not, only if an exhausted list at a good age lacks it."""
    ours = [
        card for card in work.provider(batch).batches() if at_provider.batch_of(card) == batch["batch_id"]
    ]
    if (found := _of_this_attempt(ours, batch["input_file_id"])) is not None:
        _keep(work, batch, found)
        log.warning("batch %s is attached to again", batch["batch_id"])
    elif batch["intended_for"] > LISTS_LAG:
        not_made(work, batch, back_to_room=False, again=False, wait=0)
        log.warning("batch %s was not made; it is submitted anew", batch["batch_id"])
    return work.batch(batch["batch_id"])


def _of_this_attempt(ours: Sequence[dict[str, Any]], file_id: str) -> dict[str, Any] | None:
    """
    Return the batch that this attempt has made, if the list has it.  Pure.

    An earlier attempt that came to nothing stays in the list, which may not have this one yet: it states another file,
    or has failed.
    """
    possible = [card for card in ours if _file_of(card) in (None, file_id)]
    living = [card for card in possible if card.get("status") != "failed"]
    return min(living or possible, key=_age, default=None)


def _file_of(card: dict[str, Any]) -> str | None:
    stated = card.get("input_file_id")
    return stated if isinstance(stated, str) and stated else None


def _age(card: dict[str, Any]) -> float:
    made = card.get("created_at")
    return made if isinstance(made, int | float) else 0


def _keep(work: Work, batch: DictRow, card: dict[str, Any]) -> None:
    with work.database.transaction(work.tenant) as session:
        db.run(
            session,
            "batches/update_submitted",
            batch_id=batch["batch_id"],
            provider_batch_id=card["id"],
            provider_state=safe_code(card.get("status")) or None,
        )


def _give_up(work: Work, batch: DictRow) -> None:
    with work.database.transaction(work.tenant) as session:
        fail(session, batch, "It was cancelled before it was submitted. It was not billed.")
