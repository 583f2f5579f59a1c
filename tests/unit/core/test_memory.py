"""How bulk steps and processes that end use memory."""

from __future__ import annotations

import gc
import subprocess
import sys

from plumbline.core.memory import cycles_sought_rarely


def test_a_bulk_step_leaves_the_collector_as_it_was() -> None:
    """Outside of it, Python looks for cycles as often as it was told to."""
    usual = gc.get_threshold()
    with cycles_sought_rarely():
        assert gc.get_threshold()[0] > usual[0]
    assert gc.get_threshold() == usual


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
