"""The plugin: what Airflow registers, and the runbook pages that it serves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from plumbline.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from fastapi.testclient import TestClient


@pytest.fixture(scope="module")
def server(airflow: None) -> Iterator[TestClient]:
    """Airflow's api-server as it is deployed, with our plugin mounted."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    with TestClient(create_app(apps="core"), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def token(server: TestClient) -> str:
    """What a signed-in person has."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role="viewer"))


def test_airflow_finds_one_plugin_and_nothing_else(airflow: None) -> None:
    """The scanner registers every file it may execute; only plugin.py may be."""
    code = (
        "import sys; from airflow import plugins_manager; plugins, errors = plugins_manager._get_plugins(); "
        "print([plugin.name for plugin in plugins if 'plumbline' in str(plugin.source)], errors, "
        "[name for name in ('steps', 'checks', 'runbooks') if name in sys.modules], 'fastapi' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip().splitlines()[-1] == "['plumbline'] {} [] False"


def test_a_runbook_is_a_page_for_whoever_is_signed_in(server: TestClient, token: str) -> None:
    """The link on a DAG's page leads to what to do."""
    answer = server.get("/plumbline/runbooks/ingest_documents", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200
    assert "<h1>Runbook: ingest_documents</h1>" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_nobody_else_reads_it(server: TestClient) -> None:
    """A plugin's routes are open to everyone unless they say otherwise."""
    assert server.get("/plumbline/runbooks/ingest_documents").status_code == 401
    assert server.get("/plumbline/openapi.json").status_code in {401, 404}


@pytest.mark.parametrize("name", ["nowhere", "..%2F..%2FREADME", "INGEST", "a" * 100])
def test_only_runbooks_are_served(server: TestClient, token: str, name: str) -> None:
    """A name is looked up among the runbooks, never followed as a path."""
    answer = server.get(f"/plumbline/runbooks/{name}", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code in {404, 422}


def test_markup_in_a_runbook_is_shown_not_obeyed(airflow: None) -> None:
    """A page that anyone in the company may edit must not run scripts in Airflow's name."""
    from plumbline_airflow.web.runbooks import page

    assert "<script>" not in page("odd", "Hello <script>alert(1)</script>")


def test_every_dag_has_its_runbook_page(airflow: None) -> None:
    """A link that leads nowhere is found before the night."""
    from plumbline_airflow.web.runbooks import RUNBOOKS

    assert [] == [
        file.stem
        for file in (PROJECT_ROOT / "dags").glob("*.py")
        if not (RUNBOOKS / f"{file.stem}.md").exists()
    ]
