"""
The one queue for everything that needs a person.

Three promises, each kept by the database and not by good manners:

- The same thing is asked once at a time.  Whoever asks again is given the item that waits.
- A decision is made once.  Of two people who decide at the same moment, the second is told what the first decided.
- What a decision does is done in its transaction, and what happened to an item is written by a trigger.

Every function works in the transaction that it is given, in which only the tenant's items exist.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.clock import now
from plumbline.core.receipts import Run
from plumbline.review.effects import ON_DECIDED
from plumbline.review.errors import AlreadyEnded, AtSomebodyElse, NoSuchItem, NotInTheRules, Unsaid
from plumbline.review.items import Item, Question, id_range
from plumbline.review.rules import kind, kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import DictRow

    from plumbline.core.db import Session

MANY = 1_000
_LONGEST_NAME = 200
_LONGEST_TEXT = 2_000


def ask(session: Session, run: Run, question: Question, *, at: datetime | None = None) -> uuid.UUID:
    """
    Put a question into the queue, unless the same waits there; return the id of the item that waits.

    `at` is when it came up (now, without it); it is due so many hours later as its kind and urgency say.

    Raises:
        NotInTheRules: The rules know no such kind, reason or urgency.
        Unsaid: The summary or the subject is empty, or too long.
    """
    at = at or now()
    rule = kind(question.kind)
    rule.check_reason(question.reason)
    found: uuid.UUID = db.value(
        session,
        "review/insert_item",
        item_id=uuid.uuid4(),
        kind=rule.name,
        subject_kind=rule.subject,
        subject_id=_said(question.subject_id, "subject", _LONGEST_NAME),
        reason=question.reason,
        urgency=question.urgency,
        summary=_said(question.summary, "summary", _LONGEST_TEXT),
        context=Jsonb(dict(question.context)),
        decisions=list(rule.decisions),
        run_id=run.run_id,
        dag_id=run.dag_id,
        dag_run_id=run.dag_run_id,
        created_at=at,
        due_at=rule.due_at(at, question.urgency),
        addressed_to=rule.team,
        changed_by=run.job,
    )
    return found


def ask_all(session: Session, run: Run, name: str, questions: Sequence[Question]) -> None:
    """
    Put many questions of one kind into the queue, in one statement; what waits there already is not touched.

    Raises as `ask` does.
    """
    if not questions:
        return
    at, rule = now(), kind(name)
    for question in questions:
        rule.check_reason(question.reason)
    db.run(
        session,
        "review/insert_items",
        kind=rule.name,
        subject_kind=rule.subject,
        item_ids=[uuid.uuid4() for _ in questions],
        subject_ids=[_said(question.subject_id, "subject", _LONGEST_NAME) for question in questions],
        reasons=[question.reason for question in questions],
        urgencies=[question.urgency for question in questions],
        summaries=[_said(question.summary, "summary", _LONGEST_TEXT) for question in questions],
        contexts=[Jsonb(dict(question.context)) for question in questions],
        due=[rule.due_at(at, question.urgency) for question in questions],
        decisions=list(rule.decisions),
        run_id=run.run_id,
        dag_id=run.dag_id,
        dag_run_id=run.dag_run_id,
        created_at=at,
        addressed_to=rule.team,
        changed_by=run.job,
    )


def ask_anew(session: Session, run: Run, question: Question) -> uuid.UUID:
    """Ask; what waits about the same subject and says something else is withdrawn first.  Raises as `ask` does."""
    waits = waiting_about(session, question.kind, question.subject_id)
    if waits is not None and (waits.summary, waits.context) != (question.summary.strip(), question.context):
        _end(
            session, [waits.item_id], "withdrawn", None, run.job, "Asked anew: what it is about has changed."
        )
    return ask(session, run, question)


def take(session: Session, item_id: uuid.UUID, by: str) -> Item:
    """
    Say that one is at an item; return it as it is now.

    Raises:
        AtSomebodyElse: Somebody else is; `assign` gives it to another all the same.
        AlreadyEnded: It was decided or withdrawn.
        NoSuchItem: There is none.
    """
    item = _waiting(session, item_id)
    if item.assigned_to not in {None, by}:
        raise AtSomebodyElse(
            f"{item.assigned_to} is at {item.short} already. "
            f"`plumbline review assign {item.short} {by}` gives it to you."
        )
    return assign(session, item_id, by, by)


def assign(session: Session, item_id: uuid.UUID, to: str, by: str) -> Item:
    """Give an item to somebody, whoever was at it; return it as it is now.  Raises as `take` does, but one."""
    item = _waiting(session, item_id)
    to, by = _said(to, "name", _LONGEST_NAME), _said(by, "name", _LONGEST_NAME)
    if item.assigned_to != to:
        db.run(session, "review/update_assigned", item_id=item.item_id, assigned_to=to, changed_by=by)
    return _locked(session, item_id)


def decide(
    session: Session, item_id: uuid.UUID, decision: str, by: str, note: str | None = None
) -> str | None:
    """
    Write down a decision and do what it does; return in a sentence what was done, or None.

    Raises:
        AlreadyEnded: It was decided or withdrawn before; says by whom and when.
        NotInTheRules: Its kind allows no such decision.
        NoSuchItem: There is none.
        PlumblineError: What the decision does cannot be done.  Then it is not written down either.
    """
    item = _waiting(session, item_id)
    if decision not in item.decisions:
        raise NotInTheRules(
            f"{decision!r} is no decision about {item.short}, {kind_says(item)}. "
            f"It can be: {', '.join(item.decisions)}."
        )
    write_decision(session, item, decision, by, note)
    rule = kinds().get(item.kind)
    effect = ON_DECIDED[rule.on_decided] if rule and rule.on_decided else None
    return None if effect is None else effect(session, item, decision, by)


def write_decision(session: Session, item: Item, decision: str, by: str, note: str | None) -> None:
    """Write down a decision of which the effect is somebody else's: the caller holds the item, which waits."""
    _end(session, [item.item_id], "decided", decision, by, note)


def write_decisions(session: Session, item_ids: Sequence[uuid.UUID], decision: str, by: str) -> None:
    """Do the same for many items, in one statement: the caller holds them, and they wait."""
    _end(session, item_ids, "decided", decision, by, None)


def write_withdrawals(session: Session, item_ids: Sequence[uuid.UUID], by: str, note: str) -> None:
    """End many items that need no decision any more, in one statement: the caller holds them, and they wait."""
    _end(session, item_ids, "withdrawn", None, by, note)


def withdraw(session: Session, item_id: uuid.UUID, by: str, note: str | None = None) -> None:
    """End an item that needs no decision any more.  Raises AlreadyEnded and NoSuchItem as `decide` does."""
    _end(session, [_waiting(session, item_id).item_id], "withdrawn", None, by, note)


def withdraw_waiting(session: Session, name: str, subject_ids: Sequence[str], by: str, note: str) -> int:
    """End what waits of a kind about some subjects and needs no decision any more; return how many there were."""
    waiting = waiting_about_any(session, name, subject_ids)
    if waiting:
        write_withdrawals(session, [item.item_id for item in waiting], by, note)
    return len(waiting)


def remark(session: Session, item_id: uuid.UUID, words: str, by: str) -> None:
    """Write something about an item, also after it has ended.  Raises NoSuchItem where there is none."""
    item = _locked(session, item_id)
    db.run(
        session,
        "review/insert_remark",
        remark_id=uuid.uuid4(),
        item_id=item.item_id,
        who=_said(by, "name", _LONGEST_NAME),
        words=_said(words, "remark", _LONGEST_TEXT),
    )


def list_open(session: Session, most: int = MANY) -> list[Item]:
    """Return what waits for a person, first what is due first, so that what is overdue stands on top."""
    return [_item(row) for row in db.rows(session, "review/select_waiting", most=most)]


def list_all(session: Session, most: int = MANY) -> list[Item]:
    """Return all items: what waits as `list_open` does, then what has ended, the latest first."""
    return [_item(row) for row in db.rows(session, "review/select_all", most=most)]


def overdue(session: Session, at: datetime) -> list[Item]:
    """Return what should have been decided by a moment and still waits, the longest overdue first."""
    return [_item(row) for row in db.rows(session, "review/select_overdue", now=at)]


def find(session: Session, text: str) -> Item:
    """Return the item whose id is this, or begins so; raises NoSuchItem where there is none, or more than one."""
    first, last = id_range(text)
    found = db.rows(session, "review/select_items_between", first=first, last=last)
    if not found:
        raise NoSuchItem(
            f"No item of this tenant has an id that begins with {text}: `plumbline review --all` lists them."
        )
    if len(found) > 1:
        raise NoSuchItem(
            f"Several items begin with {text}: give more of the id (`plumbline review --json` has it whole)."
        )
    return _item(found[0])


def waiting_about(session: Session, name: str, subject_id: str) -> Item | None:
    """Return the item of a kind that waits about a subject, held for the caller, or None."""
    found = db.row(
        session, "review/lock_waiting_item", kind=name, subject_kind=kind(name).subject, subject_id=subject_id
    )
    return None if found is None else _item(found)


def waiting_about_any(session: Session, name: str, subject_ids: Sequence[str]) -> list[Item]:
    """Return the items of a kind that wait about some subjects, held for the caller in the order of the subjects."""
    found = db.rows(
        session,
        "review/lock_waiting_items",
        kind=name,
        subject_kind=kind(name).subject,
        subject_ids=list(subject_ids),
    )
    return [_item(row) for row in found]


def answer_waiting(
    session: Session, name: str, subject_id: str, decision: str, by: str, note: str | None = None
) -> None:
    """End the item of a kind that waits about a subject as was decided elsewhere; where none waits, nothing is done."""
    item = waiting_about(session, name, subject_id)
    if item is not None:
        write_decision(session, item, decision, by, note)


def history(session: Session, item_id: uuid.UUID) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what happened to an item, and what was written about it, each oldest first."""
    return (
        db.rows(session, "review/select_events", item_id=item_id),
        db.rows(session, "review/select_remarks", item_id=item_id),
    )


def kind_says(item: Item) -> str:
    """Return in words what kind of question it is; the name itself for a kind that is no longer known."""
    known = kinds().get(item.kind)
    return known.says if known else item.kind


def _end(
    session: Session,
    item_ids: Sequence[uuid.UUID],
    state: str,
    decision: str | None,
    by: str,
    note: str | None,
) -> None:
    db.run(
        session,
        "review/update_ended",
        item_ids=list(item_ids),
        state=state,
        decision=decision,
        decided_by=_said(by, "name", _LONGEST_NAME),
        decided_at=now(),
        note=_said(note, "note", _LONGEST_TEXT) if note else None,
    )


def _waiting(session: Session, item_id: uuid.UUID) -> Item:
    """Return an item that waits, held until the end of the transaction."""
    item = _locked(session, item_id)
    if not item.waits:
        ended = f"decided as {item.decision}" if item.decision else "withdrawn"
        raise AlreadyEnded(
            f"{item.short} was {ended} by {item.decided_by} at {item.decided_at:%Y-%m-%d %H:%M} UTC; that is final."
        )
    return item


def _locked(session: Session, item_id: uuid.UUID) -> Item:
    found = db.row(session, "review/lock_item", item_id=item_id)
    if found is None:
        raise NoSuchItem(f"No item of this tenant has the id {item_id}: `plumbline review --all` lists them.")
    return _item(found)


def _item(row: DictRow) -> Item:
    return Item(**{**row, "decisions": tuple(row["decisions"])})


def _said(text: str, what: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise Unsaid(f"The {what} is empty.")
    if len(text) > longest:
        raise Unsaid(f"The {what} has {len(text):,} characters, more than {longest:,}.")
    if "\0" in text:
        raise Unsaid(f"The {what} holds a character that no table can keep (U+0000).")
    return text
