"""How bulk steps and processes that end use memory."""

from __future__ import annotations

import gc
import subprocess
import sys

from plumbline.core.memory import cycles_sought_rarely


def test_a_bulk_step_leaves_the_collector_as_it_was() -> None:
    """Outside of it, Python looks for cycles as often as it was told to."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        with cycles_sought_rarely():
            assert gc.get_threshold() == (50_000, 10, 10)
        assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(*before)


def test_bulk_steps_that_overlap_leave_it_so_too() -> None:
    """Whichever of two threads ends first."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        first, second = cycles_sought_rarely(), cycles_sought_rarely()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert gc.get_threshold() == (50_000, 10, 10)
        second.__exit__(None, None, None)
        assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(*before)


def test_a_process_that_ends_looks_through_nothing_and_still_does_all_that_is_due() -> None:
    """What is registered for the end runs, and then there is nothing left to look through."""
    script = (
        "import atexit, gc\n"
        "from plumbline.core.memory import cycles_left_at_exit\n"
        "atexit.register(lambda: print('last', gc.get_freeze_count() > 0, len(gc.get_objects()) < 100))\n"
        "cycles_left_at_exit()\n"
        "atexit.register(lambda: print('due', gc.get_freeze_count()))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split("\n") == ["due 0", "last True True", ""]
