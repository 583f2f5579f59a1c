"""docs/dags.md is drawn from the DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plumbline.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag


def test_the_page_of_dags_is_fresh(dag_bag: DagBag) -> None:
    """`make docs` draws it anew."""
    from plumbline_airflow.documenting import dags_page

    page = (PROJECT_ROOT / "docs" / "dags.md").read_text(encoding="utf-8")

    assert page == dags_page([dag_bag.dags[dag_id] for dag_id in sorted(dag_bag.dags)])
