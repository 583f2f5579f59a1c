"""
# Rebuild the index

Build an index of another embedding model, or of other dimensions, beside the one in force; compare both on golden
questions; and, if that was asked for, swap.

|  |  |
|---|---|
| Reads | published chunks; the golden questions (`PLUMBLINE_QUESTIONS`) |
| Writes | an index version in `corpus`, `corpus.index_comparison`; calls and answers in `ledger`; `lineage` |
| Again | safe: it goes on where it broke off, and nothing is paid for twice |
| Broken | [Runbook](plumbline/runbooks/rebuild_index) (`docs/runbooks/rebuild_index.md`) |

Searches and ingestions go on with the index in force until the swap, which is one transaction. What was in force before
is kept for 30 days: `plumbline index back`.
"""

from airflow.sdk import Param, dag
from pendulum import datetime

from plumbline.corpus import comparing, indexing, rebuilding, swapping
from plumbline_airflow.approval import approve
from plumbline_airflow.batches import BatchOperator
from plumbline_airflow.defaults import DEFAULT_ARGS, Tag
from plumbline_airflow.parameters import asked, switch, text
from plumbline_airflow.steps import step


@dag(
    description="An index of another model is built beside the one in force, compared, and swapped when asked.",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.CORPUS, Tag.TIER_2],
    doc_md=__doc__,
    params={
        "model": text("Model", "Embedding model; empty: the one that answers now."),
        "dimensions": Param(
            0, type="integer", minimum=0, title="Dimensions", description="0: the model's own."
        ),
        "batch": switch("In batches", "Buy through the Batch API: about half the price, within a day."),
        "swap": switch("Swap", "Put it into force at the end, whatever the comparison shows."),
        "plan_only": switch(
            "Plan only", "Say what the run would spend, in `plan_spend`, and do nothing else."
        ),
    },
)
def rebuild_index() -> None:
    """Plan, buy in batches if asked, build, compare, swap: until the last nothing changes for those who search."""
    plan = step(rebuilding.plan_spend, multiple_outputs=True)(
        **asked("model", "dimensions", "batch", "plan_only")
    )
    approved = approve(plan)
    batched = BatchOperator(planning=indexing.plan_batches, inputs=asked("model", "dimensions", "batch"))
    built = step(indexing.build_index, multiple_outputs=True)(**asked("model", "dimensions"))
    compared = step(comparing.compare_index)(index_id=built["index_id"])
    swapped = step(swapping.swap_index)(index_id=built["index_id"], wanted="{{ params.swap }}")

    approved >> batched >> built >> compared >> swapped


rebuild_index()
