"""
# Maintain partitions

Keep the monthly tables (`ledger.call`, `lineage.edge`) a year ahead of the calendar.

|  |  |
|---|---|
| Reads | `core.monthly_table` |
| Writes | partitions that are missing, through the role `plumbline_keeper` |
| Again | safe: it makes what is missing and nothing else |
| Broken | [Runbook](plumbline/runbooks/maintain_partitions) (`docs/runbooks/maintain_partitions.md`) |
"""

from airflow.sdk import dag
from pendulum import datetime

from plumbline.core import partitions
from plumbline_airflow.defaults import DEFAULT_ARGS, Tag
from plumbline_airflow.steps import step


@dag(
    description="The monthly tables have their partitions a year ahead.",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.UPKEEP, Tag.TIER_2],
    doc_md=__doc__,
)
def maintain_partitions() -> None:
    """Make what is missing, then see that at least two months are ready."""
    step(partitions.ensure_partitions)()


maintain_partitions()
