"""
The floors of the house: imports point down only.

Read from the source with `ast`, so that an import inside a function counts too.  What may use what is drawn in
docs/architecture.md, and these tests read it there.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from plumbline.core.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FLOORS = {
    room: floor
    for floor, rooms in enumerate(re.findall(r"^\d+\. (`.*`) — ", PAGE, re.MULTILINE))
    for room in re.findall(r"`(\w+)`", rooms)
}
ARROWS = set(re.findall(r"^- `(\w+)` → `(\w+)`", PAGE, re.MULTILINE))
CORE_ONLY = {"localmodel", "embedded"}
HEAVY = (
    "airflow",
    "bpe_openai",
    "great_expectations",
    "numpy",
    "openai",
    "pandas",
    "sqlalchemy",
    "wordllama",
)


@cache
def sources() -> dict[Path, str]:
    """Every Python file of ours, with its room."""
    folders = {
        "dags": lambda _: "dags",
        "plugins": lambda _: "plumbline_airflow",
        "include/plumbline": lambda path: path.parts[0] if len(path.parts) > 1 else path.stem,
    }
    return {
        file: room(file.relative_to(PROJECT_ROOT / folder))
        for folder, room in folders.items()
        for file in sorted((PROJECT_ROOT / folder).rglob("*.py"))
    }


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports by a relative path"
            yield node.module or ""
            if node.module == "plumbline":
                yield from (f"plumbline.{alias.name}" for alias in node.names)


def rooms_used(file: Path) -> set[str]:
    """The rooms of ours that a file imports from."""
    used = set()
    for module in imported(file):
        parts = module.split(".")
        if parts[0] == "plumbline" and len(parts) > 1:
            used.add(parts[1])
        elif parts[0] in {"plumbline_airflow", "dags"}:
            used.add(parts[0])
    return used


def outside(file: Path) -> set[str]:
    """The top-level names of everything that a file imports."""
    return {module.split(".")[0] for module in imported(file)}


def edges() -> set[tuple[str, str]]:
    """Which room uses which."""
    doors = {"__main__"}
    return {
        (room, used)
        for file, room in sources().items()
        if room not in doors
        for used in rooms_used(file)
        if used != room and used not in doors
    }


def test_every_room_has_its_floor() -> None:
    """A new room is put on a floor before anything is built on it."""
    rooms = {room for room in sources().values() if room not in {"__main__", "__init__"}}

    assert rooms == set(FLOORS)


def test_imports_point_down() -> None:
    """A room that used a higher one could not be read, tested or replaced without it."""
    upward = {(room, used) for room, used in edges() - ARROWS if FLOORS[used] > FLOORS[room]}

    assert upward == set()


def test_rooms_of_one_floor_meet_only_where_an_arrow_is_drawn() -> None:
    """Areas stay apart unless somebody said why not."""
    level = {(room, used) for room, used in edges() if FLOORS[used] == FLOORS[room]}

    assert level - ARROWS == set()


def test_every_arrow_is_in_use() -> None:
    """An arrow that nobody needs any more would let the next one in unseen."""
    assert ARROWS - edges() == set()


@pytest.mark.parametrize("room", sorted(CORE_ONLY))
def test_rooms_apart_use_the_ground_floor_alone(room: str) -> None:
    """The embedded form must run before, and without, everything that it starts."""
    used = {used for user, used in edges() - ARROWS if user == room}

    assert used <= {"core"}


def test_the_domain_has_never_heard_of_airflow() -> None:
    """What the work is runs, and is tested, without a scheduler."""
    assert [] == [file for file in sources() if "include" in file.parts and "airflow" in outside(file)]


@pytest.mark.parametrize(
    ("library", "door"),
    [("openai", "models"), ("great_expectations", "provenance"), ("wordllama", "localmodel")],
)
def test_a_library_has_one_door(library: str, door: str) -> None:
    """Every call to a model is minimised, priced and recorded, because there is no other way to make one."""
    assert {room for file, room in sources().items() if library in outside(file)} <= {door}


def test_a_chat_model_is_asked_through_the_moderation() -> None:
    """The door cannot know what people wrote; whoever asks does, and the rehearsal asks about documents of its own."""
    ways = {"chat", "chats", "chat_batch"}
    asking = {
        room
        for file, room in sources().items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ways
    }
    making = {
        room
        for file, room in sources().items()
        for module in imported(file)
        if module in {"plumbline.models.asking", "plumbline.models.batches.planning"}
    }

    assert asking == {"models", "review", "embedded"}
    assert making <= asking


def test_dag_files_name_steps_and_nothing_else() -> None:
    """A DAG file is a table of contents: it needs no library."""
    allowed = {"plumbline", "plumbline_airflow", "airflow.sdk", "pendulum"}
    files = [file for file, room in sources().items() if room == "dags"]

    for file in files:
        found = {
            "airflow.sdk" if module.startswith("airflow.sdk") else module.split(".")[0]
            for module in imported(file)
        }
        assert found <= allowed, file


def test_no_code_edits_the_import_path() -> None:
    """The environment says what can be imported; a file that says otherwise is found under two names one day."""
    edited = [
        file
        for file in sources()
        if re.search(
            r"sys\.path(\.(insert|append|extend)|\s*\+?=[^=]|\[.*\]\s*=)", file.read_text(encoding="utf-8")
        )
    ]

    assert edited == []


def test_the_command_line_starts_light() -> None:
    """`plumbline --help` answers at once: what takes seconds to import is imported where it is used."""
    code = f"import sys, plumbline.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
