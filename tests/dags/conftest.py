"""
A real Airflow for the tests of DAGs: its metadata on the session's Postgres, our folders and nobody else's.

Airflow reads its configuration once, at its first import; so the environment is set here before, and test modules
import Airflow inside their functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plumbline.core.settings import PROJECT_ROOT
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer

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
def airflow(scratch: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Airflow, configured and migrated."""
    assert "airflow.settings" not in sys.modules, (
        "A test module imports Airflow at its top: import it in the test."
    )
    server, home = scratch.server, tmp_path_factory.mktemp("airflow")
    server.ensure_database("airflow")
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.admin_url("airflow").replace("://", "+psycopg2://", 1),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this session's tests, " * 2,
    }
    from airflow.utils.db import initdb

    initdb()
    yield
    from airflow import settings

    settings.dispose_orm(do_log=False)


@pytest.fixture(scope="session")
def dag_bag(airflow: None) -> DagBag:
    """Our DAG files as Airflow reads them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")


@pytest.fixture
def installation(
    scratch: Scratch,
    database: str,
    model_server: RunningServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """What tasks find in their environment: a fresh database, the embedded model, an inbox (returned)."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    values = {
        "AIRFLOW_CONN_PLUMBLINE_DB": scratch.url(database, "app"),
        "AIRFLOW_CONN_PLUMBLINE_KEEPER": scratch.url(database, "keeper"),
        # Whoever runs the tests may have a real key in the project's .env.
        "AIRFLOW_CONN_PLUMBLINE_OPENAI": "",
        "PLUMBLINE_LOCAL_MODEL_URL": f"{model_server.url}/v1",
        "PLUMBLINE_INBOX": str(inbox),
        "PLUMBLINE_HOME": str(tmp_path / "home"),
        "PLUMBLINE_TENANT": "main",
        "PLUMBLINE_CODE_VERSION": "test",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return inbox


@pytest.fixture
def run_dag(airflow: None, installation: Path) -> Callable[..., Any]:
    """Run one of our DAGs to its end, in this process, and return the DAG run; a failure is not retried."""

    def run(dag_id: str, **conf: object) -> Any:
        from airflow.dag_processing.dagbag import DagBag

        dag = DagBag(DAGS / f"{dag_id}.py", bundle_path=DAGS, bundle_name="dags-folder").dags[dag_id]
        for task in dag.tasks:
            task.retries = 0
        return dag.test(run_conf=conf or None)

    return run
