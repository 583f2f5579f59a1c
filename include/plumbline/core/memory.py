"""
Memory of a step that handles many rows, and of a process that ends.

Rows are freed as soon as nobody refers to them.  What Python looks for beside that, cycles, our rows never form; to
look for them all the same after every few hundred costs a bulk step one twentieth of its time.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import threading
from collections.abc import Iterator

_ALLOCATIONS = 50_000  # between two looks, instead of some hundreds

_changing = threading.Lock()
_usual: list[tuple[int, int, int]] = []
"""What the collector was set to, once for every block that has begun and not ended; the first is the true one."""


@contextlib.contextmanager
def cycles_sought_rarely() -> Iterator[None]:
    """
    Have the collector of cycles, where it is on, look far less often than usual, until the block ends.

    Where blocks of several threads overlap, until the last of them ends.
    """
    with _changing:
        _usual.append(_usual[0] if _usual else gc.get_threshold())
        allocations, *others = _usual[0]
        gc.set_threshold(max(allocations, _ALLOCATIONS) if allocations else 0, *others)
    try:
        yield
    finally:
        with _changing:
            usual = _usual.pop()
            if not _usual:
                gc.set_threshold(*usual)


def cycles_left_at_exit() -> None:
    """
    Have this process, when it ends, leave the cycles that its modules form to the operating system.

    Python would look through all that was imported once more; after `openai` that takes a fifth of a second.  Tasks of
    Airflow end without that look anyway (`os._exit`); here everything else that is due at the end still happens.
    """
    atexit.register(gc.freeze)
