"""Settings mean the same wherever a command is typed, and say which code is at work."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from plumbline.core.errors import Misconfigured
from plumbline.core.settings import Settings, checked_out_commit

NEW, OLD = "0123456789abcdef", "fedcba987654"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project at a commit, with a `.env` that was made at an older one."""
    project = tmp_path / "project"
    (project / ".git" / "refs" / "heads").mkdir(parents=True)
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (project / ".git" / "refs" / "heads" / "main").write_text(f"{NEW}\n")
    (project / ".env").write_text(f"PLUMBLINE_CODE_VERSION={OLD}\n")
    checked_out_commit.cache_clear()
    return project


def test_a_checkout_goes_by_its_own_commit_and_not_by_the_one_that_was_deployed(checkout: Path):
    """Newer code must not sign its rows as older."""
    assert NEW[:12] == Settings.load({}, project=checkout).code_version


def test_an_image_goes_by_the_version_that_it_was_built_with(checkout: Path):
    """It has that in its environment."""
    assert "v1" == Settings.load({"PLUMBLINE_CODE_VERSION": "v1"}, project=checkout).code_version


def test_without_a_checkout_the_version_in_env_counts(tmp_path: Path):
    """As in a project that came as an archive."""
    (tmp_path / ".env").write_text(f"PLUMBLINE_CODE_VERSION={OLD}\n")

    assert OLD == Settings.load({}, project=tmp_path).code_version


def test_a_commit_that_git_has_packed_away_is_found(checkout: Path):
    """After `git gc` the branch has no file of its own."""
    (checkout / ".git" / "refs" / "heads" / "main").unlink()
    (checkout / ".git" / "packed-refs").write_text(
        f"# pack-refs with: peeled\nffff refs/heads/main2\n{NEW} refs/heads/main\n"
    )

    assert NEW[:12] == Settings.load({}, project=checkout).code_version


def test_folders_begin_at_the_home_of_the_user_or_at_the_project(tmp_path: Path, monkeypatch):
    """From whatever folder a command is typed; compose and make hand `~` on as it is."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / ".env").write_text(
        "PLUMBLINE_HOME=~/state\nPLUMBLINE_INBOX=documents\nPLUMBLINE_FOLDERS=~/a:b:/c:~nobody-of-that-name\n"
    )

    found = Settings.load({}, project=tmp_path)

    assert (tmp_path / "me" / "state", tmp_path / "documents") == (found.home, found.inbox)
    assert [
        tmp_path / "documents",
        tmp_path / "me" / "a",
        tmp_path / "b",
        Path("/c"),
        tmp_path / "~nobody-of-that-name",
    ] == found.open_folders


@pytest.mark.parametrize(("declared", "folders"), [("", ["/demo"]), ("/srv/b", ["/srv/b", "/demo"])])
def test_the_folder_of_the_demo_is_open_whatever_else_is(tmp_path: Path, declared: str, folders: list[str]):
    """Another inbox in `.env`, and no further folders, must not close it to the DAGs."""
    (tmp_path / ".env").write_text(f"PLUMBLINE_INBOX=/srv/a\nPLUMBLINE_FOLDERS={declared}\n")
    (tmp_path / ".plumbline").mkdir()
    (tmp_path / ".plumbline" / "embedded.env").write_text("PLUMBLINE_INBOX=/demo\nPLUMBLINE_FOLDERS=/demo\n")

    found = Settings.load({}, project=tmp_path)

    assert [*map(Path, ["/srv/a", *folders])] == found.open_folders


@pytest.mark.parametrize("environment", [{}, {"PLUMBLINE_INBOX": ""}])
def test_an_empty_setting_hides_nothing(tmp_path: Path, environment: dict[str, str]):
    """A line of .env.example that was left empty is no choice."""
    (tmp_path / ".env").write_text("PLUMBLINE_INBOX=\nPLUMBLINE_TEAM=\n")
    (tmp_path / ".plumbline").mkdir()
    (tmp_path / ".plumbline" / "embedded.env").write_text("PLUMBLINE_INBOX=/demo\n")

    found = Settings.load(environment, project=tmp_path)

    assert (Path("/demo"), "data") == (found.inbox, found.team)


def test_a_price_for_approval_is_an_amount_or_nothing(tmp_path: Path):
    """A price that cannot be read must not count as none: nobody would be asked."""

    def read(said: str) -> Decimal | None:
        return Settings.load({"PLUMBLINE_APPROVE_ABOVE_USD": said}, project=tmp_path).approve_above_usd

    assert (None, Decimal(0), Decimal("0.50")) == (read(""), read("0"), read("0.50"))
    for nonsense in ("-1", "$5", "5,00", "nan", "1e3", "much"):
        with pytest.raises(Misconfigured, match="PLUMBLINE_APPROVE_ABOVE_USD"):
            read(nonsense)


def test_shards_at_once_are_a_number_that_airflow_can_keep_to(tmp_path: Path):
    """Four, unless somebody says otherwise; nonsense is said to be that, before a DAG runs with it."""
    assert 4 == Settings.load({}, project=tmp_path).shards_at_once
    assert 64 == Settings.load({"PLUMBLINE_SHARDS_AT_ONCE": "64"}, project=tmp_path).shards_at_once
    for nonsense in ("0", "-1", "many", "1001", "4.5"):
        with pytest.raises(Misconfigured, match="PLUMBLINE_SHARDS_AT_ONCE"):
            _ = Settings.load({"PLUMBLINE_SHARDS_AT_ONCE": nonsense}, project=tmp_path).shards_at_once
