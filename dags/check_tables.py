"""
# Check tables

Hold everything that is published, and everything that was paid for, to its rules: what single runs check of what they
touch, checked of all.

|  |  |
|---|---|
| Reads | `corpus` as it is searched; the calls and answers of the last month in `ledger` |
| Writes | results in `lineage.check_result`: counts, never contents of rows; questions about calls in `review.item` |
| Again | safe: it changes nothing that it checks, and asks nothing twice |
| Broken | [Runbook](plumbline/runbooks/check_tables) (`docs/runbooks/check_tables.md`) |
"""

from airflow.sdk import dag
from pendulum import datetime

from plumbline.review import ask_about_unknown_calls
from plumbline_airflow.checks import check
from plumbline_airflow.defaults import DEFAULT_ARGS, Tag
from plumbline_airflow.steps import step


@dag(
    description="The whole published index and the book of paid calls keep their rules.",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.CORPUS, Tag.TIER_1],
    doc_md=__doc__,
)
def check_tables() -> None:
    """Suites and questions that do not wait for each other: a fault in one says nothing about the other."""
    check("corpus/published")
    check("ledger")
    step(ask_about_unknown_calls)()


check_tables()
