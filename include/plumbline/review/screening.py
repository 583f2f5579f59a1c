"""
Text that people wrote passes the moderation before a model reads it, and a person where the moderation is not enough.

    screened = screen(tools, run, door, "label_ticket", [ticket.body])

What moderation says is kept and found again; what a rule of `moderation.toml` leaves to a person is an item
`flagged_input` of the queue, one for each text of a use, withdrawn where the same text comes again and the rules alone
decide.  After `allow` the same text passes whenever it comes again;
after `block` it never does.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plumbline.core.errors import Later
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.models.door import Door
from plumbline.models.errors import AnswerUnusable, ProviderFailing, ProviderUnreachable, StillUnusable
from plumbline.models.moderating import Action, Judgement, action_unmoderated
from plumbline.models.requests import Input
from plumbline.review.items import Question
from plumbline.review.once import Standing, ask_once, standings
from plumbline.review.queue import withdraw_waiting

FLAGGED = "flagged_input"
_NO_ANSWER = (AnswerUnusable, Later, ProviderFailing, ProviderUnreachable, StillUnusable)
_MOOT = "The text came again, and the rules alone say what is done about it."
_SHOWN = 2_000
"""Characters of a text that a person is shown."""


@dataclass(frozen=True, slots=True)
class Screened:
    """
    What is done about a text.

    `key`: of its judgement.  `categories`: what the moderation flagged, the surest first; None where it did not answer.
    `item_id`: what a person was asked about it, if one was.
    """

    key: bytes
    action: Action
    categories: tuple[str, ...] | None
    item_id: uuid.UUID | None = None


def screen(
    tools: Tools,
    run: Run,
    door: Door,
    use: str,
    texts: Sequence[str],
    *,
    sensitivity: str = "internal",
    about: Sequence[str] | None = None,
) -> list[Screened]:
    """
    Return what is done about each text: `ALLOW` may be sent, `REVIEW` waits for a person, `BLOCK` is never sent.

    `about` names for each text what it belongs to, by an id of the area's own: a person is shown it.

    Raises:
        InputRefused: A text is empty or too long.
        PlumblineError: The moderation does not answer, and the rule is to wait until it does; or as in `Door.moderate`.
    """
    inputs = [door.to_moderate(use, text) for text in texts]
    return screen_inputs(tools, run, door, use, inputs, sensitivity=sensitivity, about=about)


def screen_inputs(
    tools: Tools,
    run: Run,
    door: Door,
    use: str,
    inputs: Sequence[Input],
    *,
    sensitivity: str = "internal",
    about: Sequence[str] | None = None,
) -> list[Screened]:
    """Do the same for texts as `Door.to_moderate` returns them."""
    judged, unmoderated = _judge(door, use, inputs, sensitivity)
    named = dict(zip((item.key for item in inputs), about or ("",) * len(inputs), strict=True))
    texts = {item.key.hex(): item for item in inputs}
    said = standings(tools.db, run.tenant, FLAGGED, list(texts))
    actions = {
        subject: passage(judged.get(item.key), unmoderated, _decision(said, subject))
        for subject, item in texts.items()
    }
    asked = {
        subject: _question(use, item, judged.get(item.key), named[item.key])
        for subject, item in texts.items()
        if actions[subject] is Action.REVIEW and subject not in said
    }
    said |= ask_once(tools.db, run, FLAGGED, asked)
    # Somebody may have asked at the same moment, and have been answered.
    actions |= {
        subject: passage(judged.get(texts[subject].key), unmoderated, _decision(said, subject))
        for subject in asked
    }
    _take_back(tools, run, said, actions)
    return [_screened(item.key, judged.get(item.key), actions, said) for item in inputs]


def passage(judgement: Judgement | None, unmoderated: Action, decision: str | None) -> Action:
    """
    Return what is done about a text, by what the moderation says of it (None: nothing) and a person said.  Pure.

    Whoever blocks, rule or person, is obeyed first; then a person's `allow`; then the rule.
    """
    rule = unmoderated if judgement is None else judgement.action
    if decision == Action.BLOCK or rule is Action.BLOCK:
        return Action.BLOCK
    return Action.ALLOW if decision == Action.ALLOW else rule


def _judge(
    door: Door, use: str, inputs: Sequence[Input], sensitivity: str
) -> tuple[Mapping[bytes, Judgement], Action]:
    """Return the judgements, and what is done about texts that have none."""
    rule = action_unmoderated(use)
    try:
        found = door.moderate(use, [item.text for item in inputs], sensitivity)
    except _NO_ANSWER:
        if rule is None:
            raise
        return door.judged(use, [item.key for item in inputs]), rule
    return {judgement.key: judgement for judgement in found}, rule or Action.BLOCK


def _take_back(tools: Tools, run: Run, said: Mapping[str, Standing], actions: Mapping[str, Action]) -> None:
    """Withdraw what waits about texts that nobody needs to decide any more: no answer would change what is done."""
    moot = [
        subject
        for subject, standing in said.items()
        if standing.decision is None and actions[subject] is not Action.REVIEW
    ]
    if moot:
        with tools.db.transaction(run.tenant) as session:
            withdraw_waiting(session, FLAGGED, moot, run.job, _MOOT)


def _decision(said: Mapping[str, Standing], subject: str) -> str | None:
    return said[subject].decision if subject in said else None


def _question(use: str, item: Input, judgement: Judgement | None, about: str) -> Question:
    """Return what a person is asked; the text is minimised, as everything that a model would read."""
    shown = item.text[:_SHOWN].replace("\0", "\ufffd")
    context = {
        "use": use,
        **({"about": about} if about else {}),
        **({"flagged": ", ".join(judgement.categories)} if judgement else {}),
        "text": shown + ("…" if len(item.text) > _SHOWN else ""),
    }
    why = f"moderation flagged {context['flagged']}" if judgement else "moderation gave no answer"
    return Question(
        kind=FLAGGED,
        reason="flagged" if judgement else "unmoderated",
        subject_id=item.key.hex(),
        summary=f"May this text be sent to a model for {use}? {why[0].upper()}{why[1:]}"[:_SHOWN],
        context=context,
    )


def _screened(
    key: bytes, judgement: Judgement | None, actions: Mapping[str, Action], said: Mapping[str, Standing]
) -> Screened:
    standing = said.get(key.hex())
    return Screened(
        key,
        actions[key.hex()],
        judgement.categories if judgement else None,
        standing.item_id if standing else None,
    )
