"""Migrations obey their law: one line of history, one name each, and what was released is never edited."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from plumbline.core.migrations import HistoryEdited, _config, verify_history
from plumbline.core.sql import SQL_ROOT

FOLDER = SQL_ROOT / "migrations"
FILES = sorted(FOLDER.glob("*.sql"))


def test_names_are_a_number_and_what_it_makes() -> None:
    """`0007_tickets.sql`: the order is in the name, without holes."""
    numbers = [re.fullmatch(r"(\d{4})_[a-z][a-z_]*\.sql", file.name) for file in FILES]

    assert all(numbers)
    assert [int(number[1]) for number in numbers if number] == list(range(1, len(FILES) + 1))


def test_history_is_one_line() -> None:
    """Two heads would mean two databases; every SQL file has its revision, in the same order."""
    script = ScriptDirectory.from_config(_config())
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]

    assert script.get_heads() == [FILES[-1].name[:4]]
    assert revisions == [file.name[:4] for file in FILES]
    for file in FILES:
        revision = (FOLDER.parents[1] / "plumbline/core/revisions/versions" / f"{file.stem}.py").read_text(
            "utf-8"
        )
        assert f'apply_file("{file.name}")' in revision


def test_every_migration_begins_with_what_it_is_for() -> None:
    """The first line is read by whoever looks for the place where something came from."""
    assert [] == [file.name for file in FILES if not file.read_text(encoding="utf-8").startswith("-- ")]


def test_every_migration_is_frozen_as_it_is() -> None:
    """What has landed has run somewhere: the lines that are missing go to the end of frozen.txt, none is changed."""
    verify_history()
    frozen = (FOLDER / "frozen.txt").read_text(encoding="utf-8").splitlines()

    assert [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in FILES] == frozen


def test_an_edited_release_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    """A database that already has the old text would never get the new one."""
    shutil.copy(FILES[0], tmp_path / FILES[0].name)
    digest = hashlib.sha256(FILES[0].read_bytes()).hexdigest()
    (tmp_path / "frozen.txt").write_text(f"{digest}  {FILES[0].name}\n", encoding="utf-8")
    verify_history(tmp_path)

    (tmp_path / FILES[0].name).write_text("select 1", encoding="utf-8")

    with pytest.raises(HistoryEdited, match="was edited after its release"):
        verify_history(tmp_path)
