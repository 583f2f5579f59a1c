"""
How Airflow is set up in the embedded form: its settings, its components, its own tables.

Everything comes by environment, so there is no configuration file to drift.  All of it listens on 127.0.0.1 only;
the log servers of scheduler and triggerer, which would listen everywhere, are left out.  Nothing here imports
Airflow: its command line is run as anybody would run it.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from plumbline.core.settings import PROJECT_ROOT
from plumbline.embedded.errors import PartFailed
from plumbline.embedded.home import Home, read_json, write_atomically
from plumbline.embedded.parts import Part, end_parts
from plumbline.embedded.ports import LOOPBACK
from plumbline.embedded.postgres import Server

ADMIN = "admin"
API_SERVER = "api-server"
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    API_SERVER: ("api-server", "--host", LOOPBACK),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
MIGRATION = "airflow-migrate"
_MIGRATION_ENDS = 10.0
_NONE = "none"
_TASKS_AT_ONCE = 4
# Names that would lead the components astray when the person at the terminal uses another Airflow or Python as well.
_FOREIGN = (
    "AIRFLOW__",
    "AIRFLOW_HOME",
    "AIRFLOW_CONFIG",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONDONTWRITEBYTECODE",
)
_SECRET = ("AIRFLOW_CONN_", "PLUMBLINE_PASSWORD_", "PLUMBLINE_OWNER_URL", "PLUMBLINE_ADMIN_URL")


def part_environment(inherited: Mapping[str, str], home: Home) -> dict[str, str]:
    """Return the environment that every part starts from: the person's own, without what would lead it astray."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_FOREIGN)}
    programs = str(Path(sys.executable).parent)
    return {
        **kept,
        "PATH": os.pathsep.join([programs, kept.get("PATH", os.defpath)]),
        "PLUMBLINE_HOME": str(home.folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # Only this machine is spoken to, but for the provider; a proxy for all must not come in between.
        "NO_PROXY": _with_loopback(kept.get("NO_PROXY") or kept.get("no_proxy")),
        "no_proxy": _with_loopback(kept.get("NO_PROXY") or kept.get("no_proxy")),
    }


def model_environment(inherited: Mapping[str, str], home: Home) -> dict[str, str]:
    """Return the environment of the model server, which has no use for anybody's key or password."""
    found = part_environment(inherited, home)
    return {name: value for name, value in found.items() if not name.startswith(_SECRET)}


def airflow_environment(
    home: Home, database_url: str, port: int, project: Path = PROJECT_ROOT
) -> dict[str, str]:
    """Return Airflow's settings, as environment variables."""
    address = f"http://{LOOPBACK}:{port}"
    vault = home.secrets
    settings = {
        "core": {
            "dags_folder": str(project / "dags"),
            "plugins_folder": str(project / "plugins"),
            "load_examples": "False",
            "executor": "LocalExecutor",
            "parallelism": str(_TASKS_AT_ONCE),  # a process each, ready before there is work
            "fernet_key": vault.value(
                "airflow_fernet", lambda: base64.urlsafe_b64encode(os.urandom(32)).decode()
            ),
            "simple_auth_manager_users": f"{ADMIN}:admin",
            "simple_auth_manager_passwords_file": str(passwords_file(home)),
            "execution_api_server_url": f"{address}/execution/",
        },
        "database": {"sql_alchemy_conn": database_url.replace("postgresql://", "postgresql+psycopg2://", 1)},
        "api": {
            "host": LOOPBACK,
            "port": str(port),
            "base_url": f"{address}/",
            "workers": "1",
            "secret_key": vault.value("airflow_session", lambda: secrets.token_urlsafe(32)),
            "instance_name": "Plumbline",
        },
        "api_auth": {"jwt_secret": vault.value("airflow_jwt", lambda: secrets.token_urlsafe(48))},
        # Great Expectations tells hundreds of lines about itself at every import.
        "logging": {"colored_console_log": "False", "namespace_levels": "great_expectations=WARNING"},
        # A task whose process was killed is noticed within half a minute instead of five: here nobody waits longer.
        "scheduler": {
            "scheduler_idle_sleep_time": "0.5",
            "task_instance_heartbeat_sec": "5",
            "task_instance_heartbeat_timeout": "30",
            "orphaned_tasks_check_interval": "30",
        },
        "dag_processor": {"parsing_processes": "1", "refresh_interval": "30"},
        "usage_data_collection": {"enabled": "False"},
    }
    named = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": value
        for section, options in settings.items()
        for name, value in options.items()
    }
    return {**named, "AIRFLOW_HOME": str(home.airflow)}


def passwords_file(home: Home) -> Path:
    """Return the file of sign-ins that Airflow reads, made at the first call."""
    path = home.secrets.path("airflow_sign_in.json")
    if not path.exists():
        home.secrets.value(path.name, lambda: json.dumps({ADMIN: secrets.token_urlsafe(12)}))
    return path


def sign_in(home: Home) -> tuple[str, str]:
    """Return user and password of the Airflow pages."""
    return ADMIN, str(read_json(passwords_file(home)).get(ADMIN, ""))


def command_of(component: str, port: int) -> list[str]:
    """Return the command line of one component."""
    arguments = [*COMPONENTS[component], *(["--port", str(port)] if component == API_SERVER else [])]
    return [str(Path(sys.executable).parent / "airflow"), *arguments]


def migrate_airflow(home: Home, server: Server, environment: Mapping[str, str]) -> bool:
    """
    Bring Airflow's own tables up to date; return whether there was anything to do.

    Starting Airflow only to hear that nothing is to be done takes ten seconds, so what it did last time is noted.
    Making the tables for the first time is not one transaction: when that was interrupted, it begins anew.

    Raises:
        PartFailed: It could not be done; the message holds the last line of its log.
    """
    note, making = home.airflow / "migrated.json", home.airflow / "making-tables"
    part = Part(home, MIGRATION)
    end_parts([part], _MIGRATION_ENDS)
    if making.exists():
        server.drop_database("airflow")
        server.ensure_database("airflow", "airflow")
        note.unlink(missing_ok=True)
    found = _noted(server.admin_url("airflow"))
    if found == read_json(note):
        return False
    if found["tables"] == _NONE:
        making.touch()
    command = [str(Path(sys.executable).parent / "airflow"), "db", "migrate"]
    started = part.start(command, environment, home.airflow)
    if started.wait() != 0:
        last = part.last_line(started.log_begins)
        raise PartFailed(f"Airflow's tables could not be made; the last line of {part.log}: {last}")
    write_atomically(note, json.dumps(_noted(server.admin_url("airflow"))))
    making.unlink(missing_ok=True)
    part.record.unlink(missing_ok=True)
    return True


def _noted(admin_url: str) -> dict[str, str]:
    """Return the versions of Airflow and of its tables."""
    import psycopg

    with psycopg.connect(admin_url) as session:
        found = session.execute("select to_regclass('public.alembic_version')").fetchone()
        row = (
            session.execute("select version_num from public.alembic_version").fetchone()
            if found and found[0]
            else None
        )
    return {"airflow": version("apache-airflow"), "tables": row[0] if row else _NONE}


def _with_loopback(listed: str | None) -> str:
    return ",".join(filter(None, [listed, LOOPBACK, "localhost"]))
