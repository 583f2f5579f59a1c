"""
# Ingest documents

Turn what is new, changed or gone in a folder, or in a configured source, into searchable, cited, traceable chunks.

|  |  |
|---|---|
| Reads | the inbox (`PLUMBLINE_INBOX`), a configured source (`plumbline sources`), or a folder of `PLUMBLINE_FOLDERS` |
| Writes | documents, chunks, words, vectors and near-duplicates in `corpus`; calls and answers in `ledger`; `lineage` |
| Again | safe: an unchanged document costs nothing, and no answer of the model is paid for twice |
| Broken | [Runbook](plumbline/runbooks/ingest_documents) (`docs/runbooks/ingest_documents.md`) |

The model is the one that the Connection `plumbline_openai` names; without it `local-wordllama` answers, the embedded
stand-in. Which one it was: XCom `model` of `scan_source`, and `extra` of the Asset event of `publish_index`.
"""

from airflow.sdk import dag
from pendulum import datetime

from plumbline.core.settings import Settings
from plumbline.corpus import ingesting, origins, planning
from plumbline_airflow.approval import approve
from plumbline_airflow.assets import PUBLISHED_INDEX
from plumbline_airflow.checks import check
from plumbline_airflow.defaults import DEFAULT_ARGS, Tag
from plumbline_airflow.parameters import asked, switch, text
from plumbline_airflow.steps import step

AT_ONCE = Settings.load().shards_at_once


@dag(
    description="Documents of a folder or source become a searchable, checked and traceable knowledge base.",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # Two runs over one source would only wait for each other.
    max_active_runs=1,
    # Airflow's own bound for the tasks of a DAG would cut ours short.
    max_active_tasks=max(16, AT_ONCE),
    default_args=DEFAULT_ARGS,
    tags=[Tag.CORPUS, Tag.TIER_1],
    doc_md=__doc__,
    params={
        "folder": text("Folder", "At or below the inbox or one of PLUMBLINE_FOLDERS; empty: the inbox."),
        "source": text("Source", "A configured source; or, beside a folder, how it is to be called."),
        "tenant": text("Tenant", "One of PLUMBLINE_TENANTS; empty: PLUMBLINE_TENANT."),
        "refreshed": switch("Refreshed", "The source was looked at just now: take what was fetched then."),
        "allow_empty": switch(
            "Allow empty", "The folder is meant to be empty: remove what is known from it."
        ),
        "plan_only": switch(
            "Plan only", "Say what the run would spend, in `plan_spend`, and do nothing else."
        ),
    },
)
def ingest_documents() -> None:
    """Plan, scan, prepare, check, publish, index, compare: a failure before `publish` leaves the index as it is."""
    plan = step(planning.plan_spend, multiple_outputs=True)(
        **asked("folder", "source", "refreshed", "plan_only")
    )
    approved = approve(plan)
    shards = step(ingesting.scan_source, maps="shards")(
        **asked("folder", "source", "allow_empty"), refreshed=plan["refreshed"]
    )
    approved >> shards
    ingestion_id = shards["ingestion_id"]

    prepare = step(ingesting.prepare_documents, max_active_tis_per_dagrun=AT_ONCE)
    prepared = prepare.partial(ingestion_id=ingestion_id).expand(shard=shards)

    checked = check("corpus/candidate", ingestion_id=ingestion_id)
    publish = step(ingesting.publish_index, outlets=[PUBLISHED_INDEX], tells=("model",))
    published = publish(ingestion_id=ingestion_id, model=shards["model"])
    # An index built while rows are loaded costs several times what it costs afterwards.
    indexed = step(ingesting.build_search_indexes)(ingestion_id=ingestion_id)

    # Nobody waits for it: what it finds is reported, and changes no search.
    compared = step(ingesting.find_duplicates)(ingestion_id=ingestion_id)
    # A source that does not answer fails the run at its end: what has outlived its time goes all the same.
    answered = step(origins.require_refreshed)(problem=shards["problem"])

    prepared >> checked >> published >> indexed >> compared >> answered


ingest_documents()
