"""
A run that would spend much waits for a person, in Airflow's list of required actions and without a worker.

What waits is in the human queue too, as `spend_approval`: who looks there sees it, and Airflow's answer ends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from plumbline.core.hashing import sha256
from plumbline.core.settings import Settings
from plumbline.models.errors import usd
from plumbline.provenance.recording import recorded
from plumbline.review import Question, answer_waiting, ask_anew, withdraw_waiting
from plumbline_airflow.alerts import tell_of_question
from plumbline_airflow.connections import tools_of_airflow
from plumbline_airflow.steps import run_of

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from plumbline.core.receipts import Run

LONGEST_WAIT = timedelta(days=1)
"""Whoever waits keeps the next runs of the DAG from beginning; after this, the answer is no, and the next one asks."""

_PRICES = ("price_usd", "cost_usd", "cost_batch_usd", "approve_above_usd")
_FIGURES = (*_PRICES, "calls", "to_buy", "tokens", "answered_by")

_NEEDLESS = "The task came again, and what it would spend needs no approval."
_ROOM = "No budget refuses it."
_ANSWERS = (
    "- **Approve**: the run goes on. What is new until then is bought too, as far as budgets allow.",
    "- **Reject**, or no answer within a day: nothing is bought. Until then no other run of this DAG begins.",
)


class ApproveSpend(ApprovalOperator):
    """Asks for a plan of `plan_spend`, where it says that a person is to be asked; `plan_only` ends the run here."""

    template_fields = (*ApprovalOperator.template_fields, "plan")

    def __init__(self, *, plan: Any, **options: Any) -> None:
        super().__init__(
            subject="",
            body="",
            defaults=ApprovalOperator.REJECT,
            response_timeout=LONGEST_WAIT,
            **options,
        )
        self.plan = plan

    def execute(self, context: Context) -> Any:
        """
        Go on, or wait for an answer: a rejection skips what comes after.

        Raises:
            AirflowSkipException: Only the plan was asked for.
        """
        if context["ti"].try_number > 1 and not self._asks:
            self._take_back(context)
        if self.plan["plan_only"]:
            raise AirflowSkipException("Only the plan was asked for: see the XCom of plan_spend.")
        if not self.plan["needs_approval"]:
            return None
        self.subject, self.body = question(self.plan)
        self._put_into_queue(context)
        tell_of_question(context["ti"].dag_id, context["ti"].run_id, self.subject)
        return super().execute(context)

    @property
    def _asks(self) -> bool:
        return self.plan["needs_approval"] and not self.plan["plan_only"]

    def _take_back(self, context: Context) -> None:
        """End what an earlier try has asked: the price has fallen since, or the limit has risen."""
        run = _run_of(context)
        with tools_of_airflow() as tools, tools.db.transaction(run.tenant) as session:
            withdraw_waiting(session, "spend_approval", [_subject_of(context)], run.job, _NEEDLESS)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """End the item of the queue as the person decided, or silence did, then go on or skip what comes after."""
        if chosen := event.get("chosen_options"):
            run = _run_of(context)
            decision = "approve" if self.APPROVE in chosen else "refuse"
            by = (event.get("responded_by_user") or {}).get("name")
            note = None if by else "Nobody answered in time."
            with tools_of_airflow() as tools, tools.db.transaction(run.tenant) as session:
                answer_waiting(session, "spend_approval", _subject_of(context), decision, by or run.job, note)
        return super().execute_complete(context, event)

    def _put_into_queue(self, context: Context) -> None:
        """Ask before Airflow does: a crash in between leaves an item that the next try finds."""
        run = _run_of(context)
        asked = spend_question(self.plan, self.subject, _subject_of(context))
        with (
            tools_of_airflow() as tools,
            recorded(tools.db, run) as receipt,
            tools.db.transaction(run.tenant) as session,
        ):
            receipt["item_id"] = str(ask_anew(session, run, asked))


def _run_of(context: Context) -> Run:
    return run_of(context, f"{context['ti'].dag_id}.{context['ti'].task_id}", Settings.load())


def _subject_of(context: Context) -> str:
    """Return the id of what is approved: the task of this run, whichever try asks."""
    instance = context["ti"]
    return sha256(instance.dag_id, instance.run_id, instance.task_id).hex()


def approve(plan: XComArg) -> ApproveSpend:
    """Return the task that asks for this plan, `approve_spend`."""
    return ApproveSpend(
        task_id="approve_spend",
        plan=plan,
        doc_md="Wait for a person where the plan costs more than `PLUMBLINE_APPROVE_ABOVE_USD`; a rejection, or a day "
        "without an answer, skips what comes after. With `plan_only`, the run ends here.",
    )


def question(plan: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a person is asked, and what they need to decide it (Markdown).  Pure."""
    subject = f"May this run spend ${amount(plan['price_usd'])} on {_embeddings(plan['to_buy'])}?"
    lines = [
        f"It would {plan['does']}, and buy what that takes from {plan['answered_by']}.",
        "",
        "|  |  |",
        "|---|---|",
        *_prices(plan),
        f"| Calls | {plan['calls']:,} |",
        f"| Tokens | {plan['tokens']:,} |",
        f"| A person is asked above | ${amount(plan['approve_above_usd'])} |",
        "",
        *(
            [f"**{refusal['says']}** The run would fail there.\n" for refusal in plan["refused_by"]]
            or [_ROOM]
        ),
        "",
        *_ANSWERS,
    ]
    return subject, "\n".join(lines)


def amount(said: str) -> str:
    """Return US dollars as a person reads them: cents, and of a smaller amount its first figures.  Pure."""
    value = Decimal(said)
    return usd(round(value, 2 if value >= 1 else 6))


def _embeddings(number: int) -> str:
    return f"{number:,} embedding{'' if number == 1 else 's'}"


def _prices(plan: Mapping[str, Any]) -> Iterator[str]:
    """Both prices; the one that this run would pay is bold, unless it would pay the same either way."""
    costs = (plan["cost_usd"], plan["cost_batch_usd"])
    for name, cost, other in (("one by one", *costs), ("in batches", *reversed(costs))):
        said = "the model has none" if cost is None else f"${amount(str(cost))}"
        paid = cost is not None and cost != other and Decimal(str(cost)) == Decimal(plan["price_usd"])
        yield f"| **Price, {name}** | **{said}** |" if paid else f"| Price, {name} | {said} |"


def spend_question(plan: Mapping[str, Any], subject: str, subject_id: str) -> Question:
    """Return the same question as the human queue asks it, with the figures of the plan.  Pure."""
    return Question(
        kind="spend_approval",
        reason="budget_short" if plan["refused_by"] else "above_limit",
        subject_id=subject_id,
        summary=f"{subject} Answer it in Airflow: Required Actions.",
        context={name: plan[name] for name in _FIGURES if plan.get(name) is not None},
    )
