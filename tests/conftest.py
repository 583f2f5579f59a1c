"""
The real parts that tests run against, started once and shared.

One embedded Postgres serves the whole session; every test that asks for `tools` gets a database of its own, so no
test meets another's rows.  The embedded model server is shared too, its bill and its faults reset for each test.

Airflow's metadata lie on the same Postgres, with our folders and nobody else's.  It reads its configuration once, at
its first import; so the environment is set here before, and test modules import Airflow inside their functions.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plumbline.core.receipts import Run
from plumbline.core.settings import PROJECT_ROOT
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import PSEUDONYMS, Scratch, scratch_server
from plumbline.localmodel.testing import RunningServer, running_server

DATA = Path(os.environ.get("PLUMBLINE_DATA") or Path(__file__).parents[2] / "shared" / "data")

DAGS = PROJECT_ROOT / "dags"


def pytest_configure() -> None:
    """Let tests be interrupted: a shell that starts them in the background has them ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_sets() -> Path:
    """The folder of the real data sets; a test that needs them skips, saying so, where they are absent."""
    if not DATA.is_dir():
        pytest.skip(f"the data sets are not at {DATA} (PLUMBLINE_DATA)")
    return DATA


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """One embedded Postgres for the session, with a migrated template."""
    with scratch_server(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
def database(scratch: Scratch) -> Iterator[str]:
    """The name of a migrated database of this test's own."""
    name = scratch.new_database()
    yield name
    scratch.drop_database(name)


@pytest.fixture(scope="session")
def shared_model_server() -> Iterator[RunningServer]:
    """One embedded model server for the session; tests use `model_server`, which resets it."""
    with running_server() as server:
        yield server


@pytest.fixture
def model_server(shared_model_server: RunningServer) -> RunningServer:
    """The embedded model server, its bill at zero and without faults."""
    shared_model_server.reset()
    return shared_model_server


@pytest.fixture
def tools(scratch: Scratch, database: str, model_server: RunningServer, tmp_path: Path) -> Iterator[Tools]:
    """The tools on a fresh database, pointed at the embedded model server."""
    with scratch.tools(database, home=tmp_path / "home", model_url=f"{model_server.url}/v1") as opened:
        yield opened


@pytest.fixture
def run() -> Run:
    """A step of the tenant `main`."""
    return Run(tenant="main", job="test.step", dag_run_id="test-run", code_version="test")


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
        "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": PSEUDONYMS,
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
