"""A secret is made once, and can be read by its owner alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from plumbline.embedded.secretfiles import Secrets


def test_a_secret_stays_what_it_was(tmp_path: Path):
    """A new password for an old database would lock everybody out."""
    secrets = Secrets(tmp_path / "secrets")

    assert secrets.value("word") == Secrets(tmp_path / "secrets").value("word", lambda: "another")


def test_two_runs_at_once_agree_on_one_secret(tmp_path: Path):
    """Whoever is quicker decides."""
    secrets = Secrets(tmp_path / "secrets")
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: secrets.value("word"), range(64)))

    assert 1 == len(found)
    assert ["word"] == [path.name for path in secrets.folder.iterdir()]


def test_only_the_owner_can_read_it(tmp_path: Path):
    """The file and the folder."""
    secrets = Secrets(tmp_path / "secrets")
    secrets.value("word")

    assert (0o700, 0o600) == (
        secrets.folder.stat().st_mode & 0o777,
        secrets.path("word").stat().st_mode & 0o777,
    )
