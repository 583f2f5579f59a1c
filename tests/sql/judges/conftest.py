"""
Servers that others wrote in the provider's likeness: what we take for its protocol must not be our own idea of it.

`llmock` is among the packages of the tests.  `aimock` is fetched by npm when the tests begin; where it cannot be had,
the tests that need it are skipped and say so.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.core.connections import Connection
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.embedded.scratch import Scratch
from plumbline.models import Door
from plumbline.models.endpoints import connected
from plumbline.models.policy import Policy

AIMOCK = "@copilotkit/aimock@1.43.0"
FIXTURES = Path(__file__).parent / "aimock.json"
PATIENT = Policy(patience=5, attempts=4, first_pause=0.2, longest_pause=0.5, default_wait=0.2)


@dataclass(frozen=True)
class Judge:
    """A server that runs."""

    url: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call one of its own addresses and return its JSON."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own process
            f"{self.url}{path}", data=content, method=method, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own process
            read = answer.read()
        return json.loads(read) if read else None


@contextlib.contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[Judge]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        assert wait_until(lambda: process.poll() is not None or _listens(port), 90)
        assert process.poll() is None
        yield Judge(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def llmock_server() -> Iterator[Judge]:
    """Return llmock, for all tests."""
    port = _free_port()
    command = [sys.executable, "-m", "llmock.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, port, dict(os.environ)) as judge:
        yield judge


@pytest.fixture
def llmock(llmock_server: Judge) -> Judge:
    """Return llmock as if just started."""
    llmock_server.call("POST", "/_llmock/reset")
    return llmock_server


@pytest.fixture(scope="session")
def aimock_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where aimock is, fetched once."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("aimock is not tried: there is no npm here")
    home = tmp_path_factory.mktemp("aimock")
    command = [
        npm,
        "install",
        "--prefix",
        str(home),
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--ignore-scripts",
        AIMOCK,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("aimock is not tried: npm cannot fetch it from here")
    return home / "node_modules" / ".bin" / "llmock"


@contextlib.contextmanager
def _aimock(program: Path) -> Iterator[Judge]:
    port = _free_port()
    server = [str(program), "-h", "127.0.0.1", "-p", str(port), "-f", str(FIXTURES)]
    with _running([*server, "--log-level", "silent"], port, dict(os.environ)) as judge:
        yield judge


@pytest.fixture(scope="session")
def aimock_server(aimock_program: Path) -> Iterator[Judge]:
    """Return aimock, for all tests, with what it answers written in aimock.json."""
    with _aimock(aimock_program) as judge:
        yield judge


@pytest.fixture(scope="session")
def batch_aimock_server(aimock_program: Path) -> Iterator[Judge]:
    """Return another one, for files and batches: to forget those, it has to forget its answers too."""
    with _aimock(aimock_program) as judge:
        yield judge


@pytest.fixture
def aimock(aimock_server: Judge) -> Iterator[Judge]:
    """Return aimock as if just started."""
    aimock_server.call("POST", "/__aimock/reset/journal")
    yield aimock_server
    with contextlib.suppress(urllib.error.HTTPError):
        aimock_server.call("DELETE", "/__aimock/chaos")


@pytest.fixture
def batch_aimock(batch_aimock_server: Judge) -> Judge:
    """Return aimock without files and batches."""
    batch_aimock_server.call("POST", "/__aimock/reset")
    return batch_aimock_server


@pytest.fixture
def door_to(tools: Tools, scratch: Scratch, database: str) -> Callable[[Judge], Door]:
    """Return a maker of doors: a provider as a connection names it, with prices."""

    def make(judge: Judge, **extra: object) -> Door:
        run = Run(tenant="main", job="tests.judges")
        endpoint = connected(
            Connection(kind="openai", host=f"{judge.url}/v1", password="sk-tests", extra=extra)
        )
        return Door(tools, run, endpoint=endpoint, policy=PATIENT)

    return make


@pytest.fixture
def booked(scratch: Scratch, database: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """Return a reader of columns of all calls, oldest first."""

    def read(columns: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(scratch.url(database, "owner")) as session:
            return session.execute(f"select {columns} from ledger.call order by at".encode()).fetchall()

    return read
