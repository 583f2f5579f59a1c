"""
An Airflow task that buys through the Batch API, and waits without a worker.

A `@task` cannot defer, so this is an operator.  Its work plans (once, in a worker); then it takes turns: a worker does
what is due (submit, land, ask again for what expired, have put right what does not fit, clean up) and gives itself
back; a trigger looks at the provider until there is something to do.  Ids are all that is handed on; trigger and turns
may run twice.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from plumbline.core.errors import Fatal, Passing
from plumbline.core.receipts import Receipt, Run
from plumbline.core.settings import Settings
from plumbline.core.tools import Tools
from plumbline.models.batches import Work, turn, watch
from plumbline_airflow.connections import tools_of_airflow
from plumbline_airflow.steps import perform_work, run_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from plumbline_airflow.steps import Work as Planning

log = logging.getLogger(__name__)

PLANS = "plan_ids"
"""Entry of the receipt of a planning step: the ids of the plans to be carried out."""

AFTER_AN_ERROR = 60.0
"""Seconds until the next turn, when the provider or the database was away."""


class BatchTrigger(BaseTrigger):
    """Looks at batches until a worker has something to do; carries ids only, and is as good twice as once."""

    def __init__(self, tenant: str, plan_ids: Sequence[str], wait: float) -> None:
        super().__init__()
        self.tenant, self.plan_ids, self.wait = tenant, list(plan_ids), wait

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is stored: no name, no text, no key."""
        said = {"tenant": self.tenant, "plan_ids": self.plan_ids, "wait": self.wait}
        return f"{type(self).__module__}.{type(self).__qualname__}", said

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait and look, in a thread of its own: the loop of the triggerer belongs to all."""
        while True:
            await asyncio.sleep(self.wait)
            try:
                due = await asyncio.to_thread(self._look)
            except Passing as error:
                log.warning("the batches cannot be looked at now: %s", error)
                continue
            except Fatal as error:
                # A worker meets it again, and says it where people look.
                log.warning("%s", error)
                due = True
            if due:
                yield TriggerEvent({PLANS: self.plan_ids})
                return

    def _look(self) -> bool:
        with tools_of_airflow() as tools:
            work = Work.of(tools, self.tenant)
            found = [watch(work, UUID(plan_id)) for plan_id in self.plan_ids]
        return any(found)


class BatchOperator(BaseOperator):
    """
    Plan with a domain function, and come back when everything that it planned has ended.

    `planning(tools, run, *, inputs…)` returns a receipt with `plan_ids`; what it planned before and is under way is
    among them, so that a retry waits for it.  Answers that do not fit are put right, once, in the same run, by a batch
    more, however few they are (`plumbline.models.batches.mending` says why).  The receipt says how all lines ended and
    what they cost.
    """

    template_fields: Sequence[str] = ("inputs",)
    longest_wait = timedelta(days=4)
    """Of one deferral: three attempts of a day each, and a day for the provider; what is put right begins another."""

    def __init__(
        self, *, planning: Planning, inputs: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        name = getattr(planning, "__name__", "plan")
        options.setdefault("task_id", name)
        options.setdefault("doc_md", inspect.getdoc(planning))
        super().__init__(**options)
        self.planning, self.inputs = planning, dict(inputs or {})

    def execute(self, context: Context) -> Receipt:
        """Plan, and take the first turn."""
        planned: Any = perform_work(self.planning, self.task_id, context, self.inputs)[PLANS]
        return self._turn(context, planned)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Receipt:
        """Take another turn; what is due is asked of the book."""
        return self._turn(context, event[PLANS])

    def _turn(self, context: Context, planned: Sequence[str]) -> Receipt:
        plan_ids = [UUID(plan_id) for plan_id in planned]

        def take_turn(tools: Tools, run: Run) -> Receipt:
            return turn(Work.of(tools, run.tenant), plan_ids)

        try:
            done = perform_work(take_turn, self.task_id, context, {})
        except AirflowFailException:
            raise
        except Passing as error:
            log.warning("the batches cannot go on now: %s", error)
            done = {"done": False, "wait": AFTER_AN_ERROR}
        if done["done"]:
            ends = {key: value for key, value in done.items() if key not in ("done", "wait")}
            return {PLANS: list(planned), **ends}
        tenant, wait = run_of(context, self.task_id, Settings.load()).tenant, float(str(done["wait"]))
        self.defer(
            trigger=BatchTrigger(tenant, list(planned), wait),
            method_name="execute_complete",
            timeout=self.longest_wait,
        )
        raise AssertionError("a deferred task does not come here")
