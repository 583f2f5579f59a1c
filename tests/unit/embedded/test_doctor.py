"""The doctor looks at every part, and a check that breaks down is a finding, too."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plumbline.core.partitions import LEAST_MONTHS_AHEAD
from plumbline.core.settings import Settings
from plumbline.embedded import doctor, ports
from plumbline.embedded.airflow_api import AirflowApi
from plumbline.embedded.doctor import Finding, Subject, examine
from plumbline.embedded.home import Home
from plumbline.embedded.services import AIRFLOW, MODEL, Installation


class Stranger(BaseHTTPRequestHandler):
    """A server that says yes to everything, as one of another installation would."""

    def do_GET(self) -> None:
        """Answer with 200 and an empty object."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of somebody else's server."""
    with ThreadingHTTPServer((ports.LOOPBACK, 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def of(part: str, findings: list[Finding]) -> Finding:
    """The finding about one part."""
    return next(finding for finding in findings if finding.part == part)


def test_a_fresh_checkout_is_told_to_run_the_demo(tmp_path: Path):
    """Nothing runs yet, and each finding says what to do."""
    findings = examine(Settings(values={}, home=tmp_path / "home"))

    faults = [finding for finding in findings if not finding.ok]
    assert {"database", "postgres", "model server", "airflow"} <= {finding.part for finding in faults}
    assert all(finding.remedy for finding in faults)


def test_a_check_that_breaks_down_is_a_finding(tmp_path: Path, monkeypatch):
    """The doctor himself never breaks down."""

    def check_the_moon(_: Subject) -> Iterator[Finding]:
        raise RuntimeError("clouds")

    monkeypatch.setattr(doctor, "COMMON", (check_the_moon,))
    monkeypatch.setattr(doctor, "EMBEDDED", ())

    (finding,) = examine(Settings(values={}, home=tmp_path))

    assert ("the moon", False) == (finding.part, finding.ok)
    assert "clouds" in finding.message


def test_secrets_that_others_can_read_are_found(tmp_path: Path):
    """With the command that closes them."""
    secret = tmp_path / "secrets" / "word"
    secret.parent.mkdir(mode=0o700)
    secret.touch(mode=0o644)
    secret.chmod(0o644)

    found = of("secrets", examine(Settings(values={}, home=tmp_path)))

    assert (False, f"chmod go= {secret}") == (found.ok, found.remedy)


def test_deployed_the_embedded_parts_are_not_missed(tmp_path: Path):
    """There they run elsewhere, under other names."""
    values = {"AIRFLOW_CONN_PLUMBLINE_DB": "postgresql://a:b@127.0.0.1:1/plumbline"}

    assert "postgres" not in {finding.part for finding in examine(Settings(values=values, home=tmp_path))}


def test_who_answers_on_our_ports_is_not_taken_for_ours(tmp_path: Path, stranger: int):
    """Another installation on this machine may have them: what is not our own process is not up."""
    home = Home(tmp_path)
    home.ports_file.write_text(json.dumps({AIRFLOW: stranger, MODEL: stranger}))

    findings = examine(Settings(values={}, home=tmp_path))

    assert AirflowApi(f"http://127.0.0.1:{stranger}", "", "").health() == {}
    assert [False, False] == [of("model server", findings).ok, of("airflow", findings).ok]


def test_settings_that_lead_elsewhere_are_a_warning_without_their_values(tmp_path: Path):
    """They may be meant for the deployed form; then a database that cannot be reached is theirs to mend."""
    kept, declared = (
        "postgresql://app:ours@127.0.0.1:1/plumbline",
        "postgresql://app:theirs@127.0.0.1:2/plumbline",
    )
    Home(tmp_path).env_file.write_text(f"AIRFLOW_CONN_PLUMBLINE_DB={kept}\n")
    values = {"AIRFLOW_CONN_PLUMBLINE_DB": declared}
    subject = Subject(Settings(values, tmp_path), Installation(Home(tmp_path), inherited=values))

    (settings,), (database,) = doctor.check_overrides(subject), doctor.check_database(subject)

    assert settings.ok
    assert settings.remedy
    assert "AIRFLOW_CONN_PLUMBLINE_DB" in settings.message
    assert "theirs" not in settings.message + database.message
    assert "127.0.0.1:2/plumbline cannot be reached: Connection refused" in database.message
    assert "mend AIRFLOW_CONN_PLUMBLINE_DB" in database.remedy


def test_no_settings_that_lead_elsewhere_are_no_warning(tmp_path: Path):
    """Nothing to do, nothing to read."""
    subject = Subject(Settings({}, tmp_path), Installation(Home(tmp_path)))

    assert [(True, "")] == [(finding.ok, finding.remedy) for finding in doctor.check_overrides(subject)]


@pytest.mark.parametrize(("fewer", "ok"), [(0, True), (1, False)])
def test_partitions_are_ready_as_far_ahead_as_their_upkeep_demands(fewer: int, ok: bool):
    """One number for the DAG, its runbook and the doctor."""
    assert ok == doctor._partitions(LEAST_MONTHS_AHEAD - fewer).ok


def test_a_connection_that_says_something_impossible_is_found_before_it_is_paid(tmp_path: Path):
    """Its key is not repeated."""
    values = {
        "AIRFLOW_CONN_PLUMBLINE_OPENAI": '{"password": "sk-secret", "host": "https://a:sk-secret@b/v1"}'
    }

    found = of("provider", examine(Settings(values=values, home=tmp_path)))

    assert not found.ok
    assert "sk-secret" not in found.message
    assert ".env" in found.remedy


def test_the_doctor_says_which_model_answers(tmp_path: Path):
    """So that the stand-in is never taken for more."""
    live = {"AIRFLOW_CONN_PLUMBLINE_OPENAI": '{"conn_type": "openai", "password": "sk-secret"}'}

    said = [of("provider", examine(Settings(values=values, home=tmp_path))).message for values in ({}, live)]

    assert "embedded stand-in" in said[0]
    assert "text-embedding-3-small at https://api.openai.com/v1 (1536 dimensions)" == said[1]
