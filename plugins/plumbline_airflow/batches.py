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
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from plumbline.core.clock import now
from plumbline.core.errors import Fatal, Later, Passing
from plumbline.core.receipts import Receipt, Run
from plumbline.core.settings import Settings
from plumbline.core.tools import Tools
from plumbline.models.batches import Work, turn, watch
from plumbline.models.endpoints import endpoint_of
from plumbline.models.policy import Policy
from plumbline_airflow.connections import OPENAI, database_of_airflow, look_up
from plumbline_airflow.steps import perform_work, run_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from plumbline_airflow.steps import Work as Planning

log = logging.getLogger(__name__)

PLANS, ELSEWHERE = "plan_ids", "elsewhere"
"""Entries of the receipt of a planning step: the ids of the plans to be waited for, and how many inputs others buy."""

AFTER_AN_ERROR = 60.0
"""Seconds until the next turn, when the provider or the database was away, or until what others buy is looked at."""

IMPATIENT = Policy(patience=0.0, attempts=1)
"""Of a look: it holds a thread that all triggers share, and comes again anyway."""


class BoughtElsewhere(Later):
    """Others are buying inputs of this step: it plans again when they have, and finds the answers, or buys the rest."""

    def __init__(self, inputs: int) -> None:
        super().__init__(f"Others are buying {inputs:,} of the inputs of this step.", AFTER_AN_ERROR)


class BatchTrigger(BaseTrigger):
    """
    Looks at batches until a worker has something to do; carries ids and a count, and is as good twice as once.

    It looks every `wait` seconds; without `looks`, a worker takes its next turn after the first of them.
    """

    def __init__(
        self, tenant: str, plan_ids: Sequence[str], wait: float, *, looks: bool = True, elsewhere: int = 0
    ) -> None:
        super().__init__()
        self.tenant, self.plan_ids, self.wait, self.looks = tenant, list(plan_ids), wait, looks
        self.elsewhere = elsewhere

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is stored: no name, no text, no key."""
        said: dict[str, Any] = {
            "tenant": self.tenant,
            "plan_ids": self.plan_ids,
            "wait": self.wait,
            "looks": self.looks,
        }
        if self.elsewhere:
            said[ELSEWHERE] = self.elsewhere
        return f"{type(self).__module__}.{type(self).__qualname__}", said

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait and look, in a thread of its own: the loop of the triggerer belongs to all."""
        wait, due = self.wait, False
        while not due:
            await asyncio.sleep(wait)
            wait, due = await asyncio.to_thread(self._look) if self.looks else (wait, True)
        yield TriggerEvent({PLANS: self.plan_ids} | ({ELSEWHERE: self.elsewhere} if self.elsewhere else {}))

    def _look(self) -> tuple[float, bool]:
        """Return the seconds until the next look, and whether a worker has something to do."""
        try:
            with database_of_airflow() as database:
                endpoint = endpoint_of(Settings.load(), look_up(OPENAI))
                work = Work(database, self.tenant, endpoint, IMPATIENT)
                found = [watch(work, UUID(plan_id)) for plan_id in self.plan_ids]
        except Passing as error:
            log.warning("the batches cannot be looked at now: %s", error)
            return max(self.wait, error.seconds if isinstance(error, Later) else 0.0), False
        except Fatal as error:
            # A worker meets it again, and says it where people look.
            log.warning("%s", error)
            return self.wait, True
        except Exception:
            # So it does what nobody has foreseen; the trigger must not end without a word to whoever waits.
            log.exception("the batches cannot be looked at")
            return self.wait, True
        return self.wait, any(found)


class BatchOperator(BaseOperator):
    """
    Plan with a domain function, and come back when everything that it planned has ended.

    `planning(tools, run, *, inputs…)` returns a receipt with `plan_ids` and `elsewhere`, as `BatchPlan.receipt` has
    them.  Plans that hold what it wanted are among the former, also those of an earlier try, so that a retry waits for
    them; where others buy an input in another way, the step is begun anew once its plans have ended.  Answers that do
    not fit are put right, once, in the same run, by a batch more, however few they are
    (`plumbline.models.batches.mending` says why).  The receipt says how all lines ended and what they cost.
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
        receipt: Any = perform_work(self.planning, self.task_id, context, self.inputs)
        return self._turn(context, receipt[PLANS], receipt.get(ELSEWHERE, 0))

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Receipt:
        """Take another turn; what is due is asked of the book."""
        return self._turn(context, event[PLANS], event.get(ELSEWHERE, 0))

    def _turn(self, context: Context, planned: Sequence[str], elsewhere: int) -> Receipt:
        plan_ids = [UUID(plan_id) for plan_id in planned]

        def take_turn(tools: Tools, run: Run) -> Receipt:
            return turn(Work.of(tools, run.tenant), plan_ids)

        try:
            done = perform_work(take_turn, self.task_id, context, {})
        except AirflowFailException:
            raise
        except AirflowRescheduleException as later:
            # Airflow would begin this task anew, and it would plan anew; deferred, it goes on with its ids.
            wait = max(0.0, (later.reschedule_date - now()).total_seconds())
            self._defer(context, planned, elsewhere, wait, looks=False)
        except Passing as error:
            log.warning("the batches cannot go on now: %s", error)
            self._defer(context, planned, elsewhere, AFTER_AN_ERROR, looks=False)
        if not done["done"]:
            self._defer(context, planned, elsewhere, float(str(done["wait"])), looks=True)
        if elsewhere:
            perform_work(_require_nothing_elsewhere, self.task_id, context, {"elsewhere": elsewhere})
        ends = {key: value for key, value in done.items() if key not in ("done", "wait")}
        return {PLANS: list(planned), **ends}

    def _defer(
        self, context: Context, planned: Sequence[str], elsewhere: int, wait: float, *, looks: bool
    ) -> NoReturn:
        tenant = run_of(context, self.task_id, Settings.load()).tenant
        self.defer(
            trigger=BatchTrigger(tenant, list(planned), wait, looks=looks, elsewhere=elsewhere),
            method_name="execute_complete",
            timeout=self.longest_wait,
        )
        raise AssertionError("a deferred task does not come here")


def _require_nothing_elsewhere(tools: Tools, run: Run, *, elsewhere: int) -> Receipt:  # noqa: ARG001 - as all work
    """End a step whose inputs others buy: it has no answer to these, whatever its own plans have brought."""
    raise BoughtElsewhere(elsewhere)
