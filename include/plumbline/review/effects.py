"""
What a decision does, in the transaction that writes it down: either both happen, or neither.

The rules name an effect; this is where the name becomes a function.  An effect writes rows of ours and nothing else: a
message that was sent could not be taken back when the transaction is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from plumbline.models.unfinished import release_within
from plumbline.review.errors import DecidedElsewhere
from plumbline.review.items import Item

if TYPE_CHECKING:
    from plumbline.core.db import Session

Effect = Callable[["Session", Item, str, str], str]
"""Given the session, the item, the decision and who decided; returns in a sentence what was done."""

BILLED = "billed"
NOT_BILLED = "not_billed"


def _release_call(session: Session, item: Item, decision: str, by: str) -> str:  # noqa: ARG001 - the item has the name
    booked = release_within(session, item.subject_id, decision == BILLED)
    return f"Booked at ${booked:.6f}; its inputs may be bought anew."


def _answer_in_airflow(_: Session, item: Item, decision: str, by: str) -> str:  # noqa: ARG001 - refused, whoever decides
    """A task that waits in Airflow is taken up by Airflow's own answer alone; that one ends the item too."""
    if item.dag_id is None:
        return "It is written down; no run waits for it."
    raise DecidedElsewhere(
        f"A run of {item.dag_id} waits in Airflow, and only an answer there takes it up: open Required Actions, run "
        f"{item.dag_run_id}. The answer ends {item.short} too."
    )


ON_DECIDED: Mapping[str, Effect] = {"release_call": _release_call, "answer_in_airflow": _answer_in_airflow}
