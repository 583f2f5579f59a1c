"""One DAG starts another, once."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator


def start(dag_id: str, *, started_as: Any, **params: Any) -> TriggerDagRunOperator:
    """
    Return the task that starts a run of a DAG with these parameters, and does not wait for it.

    `started_as` is the name of the run: a second try starts no second run.
    """
    return TriggerDagRunOperator(
        task_id=f"start_{dag_id}",
        trigger_dag_id=dag_id,
        trigger_run_id=started_as,
        conf=params,
        skip_when_already_exists=True,
        doc_md=f"Start a run of `{dag_id}` with what it is to work on, and do not wait for it.",
    )
