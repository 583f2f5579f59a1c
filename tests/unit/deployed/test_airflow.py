"""
The compose file's Airflow settings and commands are real, and PostgreSQL's first start does what it says.

Run as processes, without Docker: slower than the others here, hence marked.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from plumbline.embedded.postgres import Server, programs

if TYPE_CHECKING:
    from tests.unit.deployed.conftest import Composition

PROJECT = Path(__file__).parents[3]

_PROBE = """
import json, sys
from airflow.cli import cli_parser
from airflow.configuration import conf
from airflow.executors.executor_loader import ExecutorLoader

request = json.load(sys.stdin)
parser = cli_parser.get_parser()
print(json.dumps({
    "commands": {name: parser.parse_args(words).func.__name__ for name, words in request["commands"].items()},
    "options": {f"{section}.{option}": conf.get(section, option) for section, option in request["options"]},
    "executor": ExecutorLoader.get_default_executor_name().module_path,
    "auth_manager": conf.getimport("core", "auth_manager").__name__,
}))
"""

_WORKER_PROBE = """
import json
from airflow.providers.celery.executors.celery_executor import app

found = app.conf
print(json.dumps({"broker": found.broker_url, "results": found.result_backend, "queue": found.task_default_queue}))
"""


_PAUSE_PROBE = """
import json
from airflow.models.dag import DagModel

print(json.dumps({"paused": DagModel.is_paused_at_creation}))
"""


@pytest.fixture(scope="module")
def described() -> set[tuple[str, str]]:
    """Every option of Airflow and its providers, as their own descriptions list them."""
    folder = Path(importlib.util.find_spec("airflow").submodule_search_locations[0])
    sections = [yaml.safe_load((folder / "config_templates" / "config.yml").read_text(encoding="utf-8"))]
    for provider in ("celery", "fab", "smtp", "standard"):
        path = folder / "providers" / provider / "get_provider_info.py"
        spec = importlib.util.spec_from_file_location(f"{provider}_info", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sections.append(module.get_provider_info().get("config") or {})
    return {
        (name, option)
        for group in sections
        for name, section in group.items()
        for option in section["options"]
    }


def airflow_options(environment: dict[str, str]) -> set[tuple[str, str]]:
    """Return section and option of every AIRFLOW__SECTION__OPTION."""
    names = (name.removeprefix("AIRFLOW__").lower() for name in environment if name.startswith("AIRFLOW__"))
    return {tuple(name.split("__", 1)) for name in names}


def test_every_airflow_option_exists(
    composition: Composition, described: set[tuple[str, str]], tmp_path: Path
) -> None:
    """A misspelt option would be ignored without a word."""
    services = [
        name for name, service in composition.services.items() if "AIRFLOW__CORE__EXECUTOR" in str(service)
    ]
    used = set().union(*(airflow_options(composition.environment(name, tmp_path)) for name in services))

    assert len(used) > 10
    assert used - described == set()


@pytest.mark.slow
def test_airflow_accepts_every_command_and_reads_every_option(
    composition: Composition, tmp_path: Path
) -> None:
    """Each service's command is one that this Airflow has, with the flags that it has."""
    services = composition.services
    commands = {
        name: service["command"][1:]
        for name, service in services.items()
        if service.get("command", [""])[0] == "airflow"
    }
    environment = composition.environment("scheduler", tmp_path)
    request = {"commands": commands, "options": sorted(airflow_options(environment))}

    answer = ask(_PROBE, environment, request)

    assert set(answer["commands"]) == {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert answer["options"] == {
        f"{section}.{option}": environment[f"AIRFLOW__{section}__{option}".upper()]
        for section, option in request["options"]
    }
    assert answer["executor"].endswith(".CeleryExecutor")
    assert answer["auth_manager"] == "FabAuthManager"


@pytest.mark.slow
def test_a_worker_needs_no_more_than_it_gets(composition: Composition, tmp_path: Path) -> None:
    """Its queue and its results are found without Airflow's database or keys."""
    environment = composition.environment("worker", tmp_path)

    answer = ask(_WORKER_PROBE, environment)

    assert answer == {
        "broker": environment["AIRFLOW__CELERY__BROKER_URL"],
        "results": environment["AIRFLOW__CELERY__RESULT_BACKEND"],
        "queue": "default",
    }


@pytest.mark.slow
def test_a_new_dag_runs_from_the_start(composition: Composition, tmp_path: Path) -> None:
    """The dag-processor writes its row; paused, as Airflow would have it, nobody would make next year's partitions."""
    answer = ask(_PAUSE_PROBE, composition.environment("dag-processor", tmp_path))

    assert answer == {"paused": False}


@pytest.mark.slow
def test_the_database_lets_each_role_into_its_own_only(composition: Composition, tmp_path: Path) -> None:
    """
    The script of PostgreSQL's first start, run by its own psql on a fresh server.

    The pipelines need tables of their own session: a database closed to all would fail every ingestion.
    """
    secrets = composition.services["postgres"]["environment"]
    script = PROJECT / "include" / "deploy" / "databases.sql"
    with Server(tmp_path / "postgres", durable=False) as server:
        subprocess.run(
            [programs() / "psql", server.admin_url(), "--no-psqlrc", "--quiet", "--file", script],
            env={**os.environ, **secrets},
            check=True,
            capture_output=True,
        )
        with psycopg.connect(server.admin_url()) as session:
            allowed = session.execute(
                """
                select rolname, array_agg(datname::text order by datname)
                from pg_roles cross join pg_database
                where datallowconn and (rolname like 'airflow%' or rolname like 'plumbline%')
                  and has_database_privilege(rolname, datname, 'connect')
                group by rolname
                """
            ).fetchall()
            may_compare = session.execute(
                """
                select rolname from pg_roles
                where rolname like 'plumbline%' and has_database_privilege(rolname, 'plumbline', 'temporary')
                order by rolname
                """
            ).fetchall()
        with psycopg.connect(server.url("airflow", "airflow", secrets["AIRFLOW_PASSWORD"])) as session:
            session.execute("create table tried (id int)")

    ours = {
        f"plumbline_{role}": ["plumbline"]
        for role in ("owner", "app", "keeper", "reporter", "auditor", "restorer")
    }
    assert dict(allowed) == {"airflow": ["airflow"], "airflow_results": ["results"], **ours}
    assert may_compare == [("plumbline_app",), ("plumbline_keeper",), ("plumbline_owner",)]


def ask(program: str, environment: dict[str, str], request: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run a program in the environment of a service and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
