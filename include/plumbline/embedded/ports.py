"""
Which port a part listens on.

A part keeps its port from run to run, so that bookmarks stay good; when somebody else has taken it, the part
moves to the next free one and remembers that instead.  Only the loopback address is ever looked at.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection

from plumbline.embedded.errors import NoFreePort

LOOPBACK = "127.0.0.1"
_TRIED = 200
_SECONDS = 5.0
_HIGHEST = 65535


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_served(port: int) -> bool:
    """Whether somebody takes connections on this loopback port now."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_SECONDS):
            return True
    except OSError:
        return False


def next_free(preferred: int, taken: Collection[int] = (), free: Callable[[int], bool] = is_free) -> int:
    """
    Return the first usable port at or after `preferred`, leaving out those in `taken`.

    Raises:
        NoFreePort: None of the 200 ports from `preferred` on is free.
    """
    last = min(preferred + _TRIED - 1, _HIGHEST)
    for port in range(preferred, last + 1):
        if port not in taken and free(port):
            return port
    raise NoFreePort(f"No free port between {preferred} and {last} on {LOOPBACK}: stop what listens there.")


def any_free() -> int:
    """Return a loopback port that is free now, wherever the system finds one."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
