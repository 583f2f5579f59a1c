"""A recorded process is found again, and never mistaken for another."""

from __future__ import annotations

from plumbline.embedded.parts import last_telling_line, read_record
from plumbline.embedded.processes import Process, created_in

STAT = "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 2000\n"


def test_a_record_names_id_birth_and_boot():
    """Together they name one process; the id alone does not."""
    assert Process(4711, 987654, "boot-1") == read_record(f"{STAT}boot-1\n")


def test_the_name_of_a_program_may_hold_brackets_and_spaces():
    """It is the one field of the line that may hold anything."""
    assert 987654 == created_in(STAT)


def test_a_damaged_record_names_nobody():
    """It was cut off by a full disk, or is not ours."""
    assert [None, None, None] == [read_record(text) for text in ("", "4711 (a", "x (a) S")]


def test_the_last_line_of_a_log_is_the_last_that_says_something():
    """Rules and blank lines do not."""
    assert "OSError: no room" == last_telling_line("Traceback:\n  OSError: no room\n-----\n\n")
    assert "it is empty" == last_telling_line("\n---\n")
