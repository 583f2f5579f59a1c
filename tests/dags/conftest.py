"""
Our DAGs as Airflow reads them.  The real Airflow comes from the conftest above, which configures it before its first
import; so test modules import Airflow inside their functions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plumbline.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

DAGS = PROJECT_ROOT / "dags"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Airflow's own warnings are not ours to mend; all these tests go to one worker, which migrates once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))
            item.add_marker(pytest.mark.xdist_group("airflow"))


@pytest.fixture(scope="session")
def dag_bag(airflow: None) -> DagBag:
    """Our DAG files as Airflow reads them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")
