"""
The real parts that tests run against, started once and shared.

One embedded Postgres serves the whole session; every test that asks for `tools` gets a database of its own, so no
test meets another's rows.  The embedded model server is shared too, its bill and its faults reset for each test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch, scratch_server
from plumbline.localmodel.testing import RunningServer, running_server

DATA = Path(os.environ.get("PLUMBLINE_DATA") or Path(__file__).parents[2] / "shared" / "data")


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
