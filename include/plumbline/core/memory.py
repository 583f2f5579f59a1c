"""
Memory of a step that handles many rows.

Rows are freed as soon as nobody refers to them.  What Python looks for beside that, cycles, our rows never form; to
look for them all the same after every few hundred costs a bulk step one twentieth of its time.
"""

from __future__ import annotations

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
