"""
Questions that a decision answers for good: asked once, and never again after somebody has decided.

`ask` asks anew after a decision, because a call, or a plan, is another one each time.  A text is always the same text:
what was decided about it holds whenever it comes again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plumbline.core import db
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.review.items import Question
from plumbline.review.queue import ask
from plumbline.review.rules import kind


@dataclass(frozen=True, slots=True)
class Standing:
    """The item about a subject, and what was decided; None while it waits."""

    item_id: uuid.UUID
    decision: str | None


def standings(database: Database, tenant: str, name: str, subject_ids: Sequence[str]) -> dict[str, Standing]:
    """Return how questions of a kind about these subjects stand, by subject; what was never asked is left out."""
    if not subject_ids:
        return {}
    with database.transaction(tenant) as session:
        return _standings(session, name, subject_ids)


def ask_once(
    database: Database, run: Run, name: str, questions: Mapping[str, Question]
) -> dict[str, Standing]:
    """
    Put questions of one kind, by subject, into the queue in one transaction; return how each stands.

    One that waits, or was decided, is not asked again, whoever asks at the same moment.
    """
    if not questions:
        return {}
    with database.transaction(run.tenant) as session:
        db.run(session, "review/lock_asking", kind=name)
        found = _standings(session, name, list(questions))
        for subject_id in sorted(questions.keys() - found.keys()):
            found[subject_id] = Standing(ask(session, run, questions[subject_id]), None)
    return found


def _standings(session: db.Session, name: str, subject_ids: Sequence[str]) -> dict[str, Standing]:
    rows = db.rows(
        session,
        "review/select_last_about",
        kind=name,
        subject_kind=kind(name).subject,
        subject_ids=list(subject_ids),
    )
    return {row["subject_id"]: Standing(row["item_id"], row["decision"]) for row in rows}
