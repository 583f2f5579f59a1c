"""
# Ingest sources

Look at every configured source that is due, and have what is new, changed or gone ingested.

|  |  |
|---|---|
| Reads | `corpus.source` (`plumbline sources`), and the sources: object stores, pages of the web, mailboxes, folders |
| Writes | what was fetched (`corpus.source_item`); starts a run of `ingest_documents` for each source |
| Again | safe: what was fetched is not asked for again, and what is unchanged costs nothing |
| Broken | [Runbook](plumbline/runbooks/ingest_sources) (`docs/runbooks/ingest_sources.md`) |

A source that takes hours holds up no other: each is fetched by a task of its own, and ingested as soon as it is.
"""

from airflow.sdk import dag, task_group
from pendulum import datetime

from plumbline.corpus import configuring, origins
from plumbline_airflow.defaults import DEFAULT_ARGS, Tag
from plumbline_airflow.parameters import asked, switch
from plumbline_airflow.steps import step
from plumbline_airflow.triggers import start


@dag(
    description="Configured sources are looked at when they are due, and what changed in them is ingested.",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # A source that is still being fetched, or waits to be ingested, is passed over by the next run.
    max_active_runs=4,
    default_args=DEFAULT_ARGS,
    tags=[Tag.CORPUS, Tag.TIER_1],
    doc_md=__doc__,
    params={
        "plan_only": switch("Plan only", "Look at no source; each run says what it would spend, and ends.")
    },
)
def ingest_sources() -> None:
    """Each due source is fetched, then ingested by a run of its own."""

    @task_group
    def each(tenant: str, source: str, started_as: str, plan_only: bool) -> None:
        refreshed = step(origins.refresh_source, of_tenant=True, max_active_tis_per_dag=4)(
            tenant=tenant, source=source, plan_only=plan_only
        )
        started = start(
            "ingest_documents",
            started_as=started_as,
            tenant=tenant,
            source=source,
            refreshed=True,
            plan_only=plan_only,
        )
        refreshed >> started

    each.expand_kwargs(step(configuring.due_sources, maps="sources")(**asked("plan_only")))


ingest_sources()
