"""The doctor looks at every part, and a check that breaks down is a finding, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plumbline.core.settings import Settings
from plumbline.embedded import doctor
from plumbline.embedded.doctor import Finding, Subject, examine


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

    found = {finding.part: finding for finding in examine(Settings(values={}, home=tmp_path))}["secrets"]

    assert (False, f"chmod go= {secret}") == (found.ok, found.remedy)


def test_deployed_the_embedded_parts_are_not_missed(tmp_path: Path):
    """There they run elsewhere, under other names."""
    values = {"AIRFLOW_CONN_PLUMBLINE_DB": "postgresql://a:b@127.0.0.1:1/plumbline"}

    assert "postgres" not in {finding.part for finding in examine(Settings(values=values, home=tmp_path))}
