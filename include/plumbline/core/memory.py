"""
Memory of a step that handles many rows, and of a process that ends.

Rows are freed as soon as nobody refers to them.  What Python looks for beside that, cycles, our rows never form; to
look for them all the same after every few hundred costs a bulk step one twentieth of its time.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator

_ALLOCATIONS = 50_000  # between two looks, instead of some hundreds


@contextlib.contextmanager
def cycles_sought_rarely() -> Iterator[None]:
    """Have the collector of cycles, where it is on, look far less often than usual, until the block ends."""
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], _ALLOCATIONS) if usual[0] else 0, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def cycles_left_at_exit() -> None:
    """
    Have this process, when it ends, leave the cycles that its modules form to the operating system.

    Python would look through all that was imported once more; after `openai` that takes a fifth of a second.  Tasks of
    Airflow end without that look anyway (`os._exit`); here everything else that is due at the end still happens.
    """
    atexit.register(gc.freeze)
