"""A run that would spend much waits for a person, in Airflow's list of required actions and without a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from plumbline.models.errors import usd
from plumbline_airflow.alerts import tell_of_question

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

LONGEST_WAIT = timedelta(days=1)
"""Whoever waits keeps the next runs of the DAG from beginning; after this, the answer is no, and the next one asks."""

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
        if self.plan["plan_only"]:
            raise AirflowSkipException("Only the plan was asked for: see the XCom of plan_spend.")
        if not self.plan["needs_approval"]:
            return None
        self.subject, self.body = question(self.plan)
        tell_of_question(context["ti"].dag_id, context["ti"].run_id, self.subject)
        return super().execute(context)


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
    """Both prices; the one that this run would pay is bold."""
    for name, cost in (("one by one", plan["cost_usd"]), ("in batches", plan["cost_batch_usd"])):
        said = "the model has none" if cost is None else f"${amount(str(cost))}"
        paid = cost is not None and Decimal(str(cost)) == Decimal(plan["price_usd"])
        yield f"| **Price, {name}** | **{said}** |" if paid else f"| Price, {name} | {said} |"
