"""
A look at a source of the web that kills itself, as `kill -9` does, when it is about to run a named statement.

    python killed_refresh.py SOURCE PORT STATEMENT TIMES

The site is a server on 127.0.0.1 at that port, reached as if it were public.  Run by test_killed_refresh.py as a
process of its own.
"""

from __future__ import annotations

import functools
import socket
import sys
import uuid

from killed_ingestion import die_before

from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools
from plumbline.corpus.origins import pages, refresh_source
from plumbline.web import Web

PUBLIC = "93.184.216.34"


def reached_at(port: int) -> functools.partial[Web]:
    """Return a `Web` in which every name is public, and leads to this port."""

    def dial(_number: str, _port: int, seconds: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), seconds)

    return functools.partial(Web, resolve=lambda *_: [PUBLIC], dial=dial, sleep=lambda _: None)


def main() -> None:
    """Look at the source, unless death comes first."""
    source, port, name, times = sys.argv[1:]
    pages.Web = reached_at(int(port))  # type: ignore[misc,assignment]
    die_before(name, int(times))
    run = Run(tenant="main", job="chaos", dag_run_id=f"chaos__{uuid.uuid4()}", code_version="test")
    with open_tools() as tools:
        refresh_source(tools, run, source=source)


if __name__ == "__main__":
    main()
