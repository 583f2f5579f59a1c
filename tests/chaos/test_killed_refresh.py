"""Whatever kills a look at a site, and wherever: the next one ends with the same, and asks for little twice."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.configuring import Configuration, add_source

PAGES = 6
STAGES = {
    "before the first page is kept": ("corpus/upsert_item", 1),
    "before a later page is kept": ("corpus/upsert_item", 4),
    "before the last page is kept": ("corpus/upsert_item", PAGES),
    "before what is gone is taken for gone": ("corpus/delete_items", 1),
    "when all is looked at": ("corpus/update_source_refreshed", 1),
}


@pytest.fixture
def site() -> Iterator[SimpleNamespace]:
    """A site of some pages, which counts what is asked of it."""
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path] += 1
            known = self.path.startswith("/page")
            body = f"<html><body><p>This is {self.path}, about tides.</p></body></html>".encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body if known else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(asked=asked, port=server.server_address[1])
    server.shutdown()
    server.server_close()


@pytest.fixture
def look(
    in_a_process: Callable[..., subprocess.CompletedProcess[str]], site: SimpleNamespace
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Look at the source in a process of its own."""

    def once(statement: str = "never", times: int = 1) -> subprocess.CompletedProcess[str]:
        return in_a_process("killed_refresh.py", "tides", site.port, statement, times)

    return once


@pytest.mark.parametrize("stage", STAGES)
def test_a_look_killed_at_any_stage_is_completed_by_the_next_one(
    stage: str, look, site: SimpleNamespace, tools: Tools, run: Run
) -> None:
    """All pages are there once; what had been kept is not asked for again, and no lock stays behind."""
    urls = [f"http://tides.example.com/page{number}" for number in range(PAGES)]
    add_source(
        tools, run, Configuration("tides", "urls", f"{PAGES} pages", owner="sea", options={"urls": urls})
    )
    killed = look(*STAGES[stage])
    assert -signal.SIGKILL == killed.returncode, killed.stderr

    completed = look()

    assert 0 == completed.returncode, completed.stderr
    with tools.db.transaction("main") as session:
        items = session.execute(
            "select address, problem, content from corpus.source_item order by address"
        ).fetchall()
        source = session.execute("select refreshed_at, problem from corpus.source").fetchone()
    assert urls == [item["address"] for item in items]
    assert all(b"tides" in item["content"] and item["problem"] is None for item in items)
    assert source["refreshed_at"] is not None
    assert source["problem"] is None
    asked = [site.asked[f"/page{number}"] for number in range(PAGES)]
    assert sum(asked) <= PAGES + 1, asked
