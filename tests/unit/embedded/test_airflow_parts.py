"""Airflow gets its settings from us alone, and listens on this machine alone."""

from __future__ import annotations

from pathlib import Path

from plumbline.embedded.airflow_parts import (
    COMPONENTS,
    airflow_environment,
    command_of,
    model_environment,
    part_environment,
    sign_in,
)
from plumbline.embedded.home import Home


def test_settings_of_another_airflow_do_not_leak_in(tmp_path: Path):
    """Who works with another Airflow in the same shell keeps it, and we keep ours."""
    inherited = {
        "AIRFLOW_HOME": "/other",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "PYTHONPATH": "/other",
        "AIRFLOW_CONN_PLUMBLINE_OPENAI": "{}",
        "HOME": "/home/me",
    }

    found = part_environment(inherited, Home(tmp_path))

    assert {"AIRFLOW_CONN_PLUMBLINE_OPENAI": "{}", "HOME": "/home/me"}.items() <= found.items()
    assert set() == {"AIRFLOW_HOME", "AIRFLOW__CORE__EXECUTOR", "PYTHONPATH"} & found.keys()


def test_the_model_server_gets_no_key_and_no_password(tmp_path: Path):
    """It has no use for them, and what it was given can be read in /proc."""
    secret = {
        "AIRFLOW_CONN_PLUMBLINE_OPENAI": '{"password":"sk-secret"}',
        "AIRFLOW_CONN_PLUMBLINE_DB": "postgresql://a:secret@b/c",
        "PLUMBLINE_PASSWORD_OWNER": "secret",
        "PLUMBLINE_OWNER_URL": "postgresql://a:secret@b/c",
    }

    found = model_environment({**secret, "HOME": "/home/me"}, Home(tmp_path))

    assert "/home/me" == found["HOME"]
    assert [] == [name for name, value in found.items() if "secret" in value]


def test_no_proxy_comes_between_the_parts(tmp_path: Path):
    """A proxy for all addresses would be asked for 127.0.0.1, too."""
    found = part_environment({"HTTP_PROXY": "http://proxy:1", "no_proxy": "intranet"}, Home(tmp_path))

    assert "intranet,127.0.0.1,localhost" == found["NO_PROXY"]


def test_every_component_listens_on_this_machine_or_nowhere(tmp_path: Path):
    """The log servers of scheduler and triggerer would listen on every address."""
    found = airflow_environment(Home(tmp_path), "postgresql://a:b@127.0.0.1:1/airflow", 8080, tmp_path)

    assert "127.0.0.1" == found["AIRFLOW__API__HOST"]
    assert ["--host", "127.0.0.1", "--port", "8080"] == command_of("api-server", 8080)[-4:]
    assert "--skip-serve-logs" in COMPONENTS["scheduler"]
    assert "--skip-serve-logs" in COMPONENTS["triggerer"]


def test_keys_and_sign_in_stay_the_same_from_start_to_start(tmp_path: Path):
    """Sessions and encrypted connections outlive a restart; all of it lies in files for the owner alone."""
    home = Home(tmp_path)
    first = airflow_environment(home, "postgresql://a:b@127.0.0.1:1/airflow", 8080, tmp_path)
    second = airflow_environment(home, "postgresql://a:b@127.0.0.1:1/airflow", 8080, tmp_path)

    assert first == second
    assert ("admin", 16) == (sign_in(home)[0], len(sign_in(home)[1]))
    assert {0o600} == {path.stat().st_mode & 0o777 for path in home.secrets.folder.iterdir()}
    assert 0o700 == home.secrets.folder.stat().st_mode & 0o777
