"""What a run that rebuilds an index would spend, said before it does, and whether a person is to approve of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.comparing import QuestionsUnusable, plan_comparison
from plumbline.corpus.index_plans import plan_index
from plumbline.corpus.planning import to_approve
from plumbline.corpus.preparing import EMBED_CHUNK
from plumbline.corpus.versions import endpoint_in_force
from plumbline.models import PriceUnknown, Spend, price_list, refusing_budgets, with_model


def plan_spend(
    tools: Tools,
    run: Run,
    *,
    model: str | None = None,
    dimensions: int = 0,
    batch: bool = False,
    plan_only: bool = False,
) -> Receipt:
    """
    Say what the run would spend, before it does, and whether a person is to approve of it first.

    That is so where it costs more than PLUMBLINE_APPROVE_ABOVE_USD: `price_usd`, of vectors and golden questions, the
    vectors in batches where `batch` says so.  Nothing is written.  With `plan_only`, a model without a price is no
    error, but a `remark`.

    Raises:
        NoIndexNamed: Nothing says which index is meant.
        InForceAlready: It is in force.
        Misconfigured: The setting is no amount.
        PriceUnknown: There is something to buy, and the model has no price, or none in batches.
    """
    plan: dict[str, Any] = plan_index(tools, run, model=model, dimensions=dimensions, batch=batch)
    vectors = "cost_batch_usd" if batch else "cost_usd"
    if plan[vectors] is None and plan["to_buy"] and not plan_only:
        price_list(tools.db, plan["model"], "batch" if batch else "standard")  # says what is missing
    with_questions(plan, _questions(tools, run, plan))
    price = Decimal(str(plan[vectors] or 0))
    # With the questions it costs more: whatever has no room for the vectors alone is among these.
    refused = refusing_budgets(tools.db, run, EMBED_CHUNK, price)
    plan["refused_by"] = [refusal.as_receipt() for refusal in refused]
    does = (
        f"give {plan['missing']:,} of the {plan['chunks']:,} chunks of the tenant `{run.tenant}` a vector of "
        f"{plan['dimensions']:,} dimensions"
    )
    return {
        **plan,
        "plan_only": plan_only,
        "does": f"{does}{', in batches, within a day' if batch else ''}",
        **to_approve(price, tools.settings.approve_above_usd, plan_only=plan_only),
    }


def with_questions(plan: dict[str, Any], asked: list[Spend]) -> None:
    """Add what the golden questions come to, which are asked one by one; a price that is None stays so.  Pure."""
    cost = sum((spend.usd for spend in asked), start=Decimal(0))
    plan["to_buy"] += sum(spend.inputs for spend in asked)
    plan["tokens"] += sum(spend.tokens_in for spend in asked)
    if plan["calls"] is not None:
        plan["calls"] += sum(spend.calls for spend in asked)
    for name in ("cost_usd", "cost_batch_usd"):
        if plan[name] is not None:
            plan[name] = float(Decimal(str(plan[name])) + cost)


def _questions(tools: Tools, run: Run, plan: dict[str, Any]) -> list[Spend]:
    """Both indexes are asked; where nobody can be, the comparison says so, and costs nothing."""
    in_force = endpoint_in_force(tools, run)
    planned = with_model(in_force, plan["model"], plan["dimensions"])
    try:
        return plan_comparison(tools, run, [planned, in_force])
    except (QuestionsUnusable, PriceUnknown):
        return []
