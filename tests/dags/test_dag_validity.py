"""Every DAG file keeps the rules of the house; the rules are these tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plumbline.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

FILES = sorted((PROJECT_ROOT / "dags").glob("*.py"))
MOST_LINES = 95
MOST_RUNS = 4
NEVER_BUY = {"check_tables", "maintain_partitions"}
START_OTHERS = {"ingest_sources"}
TIERS = {"tier-1", "tier-2"}


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def dag(request: pytest.FixtureRequest, dag_bag: DagBag) -> DAG:
    """The DAG of one file."""
    return dag_bag.dags[request.param.stem]


def test_every_file_can_be_read(dag_bag: DagBag) -> None:
    """A file that Airflow cannot read silently takes its DAG away."""
    assert {} == dag_bag.import_errors


def test_a_file_holds_one_dag_of_its_own_name(dag_bag: DagBag) -> None:
    """Who sees a DAG in Airflow knows which file to open."""
    assert [file.stem for file in FILES] == sorted(dag_bag.dags)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_a_table_of_contents(file: Path) -> None:
    """What the work is stands in `include/plumbline`; a DAG file that grows has begun to do it."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_a_dag_says_what_it_is_for(dag: DAG) -> None:
    """The list of DAGs is read by people who did not write them."""
    from plumbline_airflow.defaults import Owner, Tag

    assert dag.description
    assert dag.description.endswith(".")
    assert dag.tags
    assert set(dag.tags) <= {str(tag) for tag in Tag}
    assert len(TIERS & set(dag.tags)) == 1
    assert dag.owner in {str(owner) for owner in Owner}


def test_a_dag_links_to_its_runbook(dag: DAG) -> None:
    """Whoever is called at night needs the way from the red square to what to do."""
    links = re.findall(r"\]\(plumbline/runbooks/([a-z_]+)\)", dag.doc_md or "")

    assert [dag.dag_id] == links
    assert (PROJECT_ROOT / "docs" / "runbooks" / f"{dag.dag_id}.md").is_file()


def test_a_dag_can_be_left_alone(dag: DAG) -> None:
    """Runs do not pile up after an outage, failures are retried, and the owner hears of what stays broken."""
    from plumbline_airflow.alerts import tell_owner

    assert not dag.catchup
    assert dag.max_active_runs <= MOST_RUNS
    for task in dag.tasks:
        assert task.retries >= 1
        assert task.on_failure_callback in (tell_owner, [tell_owner])


def test_every_task_says_what_it_does(dag: DAG) -> None:
    """The docstring of the domain function is the page of its task."""
    assert [] == [task.task_id for task in dag.tasks if not task.doc_md]


def test_whatever_can_spend_is_planned_first_and_waits_for_approval(dag: DAG) -> None:
    """`plan_only` and the question stand before every task that could buy; a DAG that says neither buys nothing."""
    if dag.dag_id in NEVER_BUY:
        assert "plan_only" not in dag.params
        return
    assert "plan_only" in dag.params
    if dag.dag_id in START_OTHERS:
        started = [task for task in dag.tasks if task.task_type == "TriggerDagRunOperator"]
        assert ["ingest_documents"] == [task.trigger_dag_id for task in started]  # type: ignore[attr-defined]
        return
    first = {"plan_spend", "approve_spend"}
    after = dag.get_task("approve_spend").get_flat_relative_ids(upstream=False)
    assert set(dag.task_ids) - first == after
    assert {"plan_spend"} == dag.get_task("approve_spend").upstream_task_ids
