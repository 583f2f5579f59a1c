"""
A site on 127.0.0.1, reached as if it were on the public internet.

Names resolve to a public address, and `dial`, which is called with an address that was found public, connects to the
test's own server instead.  There is no other way to reach it: the guard cannot be told to let 127.0.0.1 pass.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from plumbline.web import Web

PUBLIC = "93.184.216.34"
_watched: list[object] | None = None
_watching: int | None = None


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _watched is not None and event == "socket.connect" and threading.get_ident() == _watching:
        _watched.append(arguments[1])


sys.addaudithook(_hear)


@pytest.fixture
def connections() -> Iterator[list[object]]:
    """Every address that the test's own thread connects to, told by the interpreter itself."""
    global _watched, _watching  # noqa: PLW0603 - an audit hook cannot be taken away again
    _watched, _watching = [], threading.get_ident()
    yield _watched
    _watched = _watching = None


class Clock:
    """A clock that goes on when somebody sleeps, and by `step` each time that it is read."""

    def __init__(self, step: float = 0.0) -> None:
        self.time = 1_000.0
        self.step = step
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Tell the time."""
        self.time += self.step
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(seconds)
        self.time += seconds


@dataclass
class Reply:
    """What the site answers at one address."""

    status: int = 200
    body: bytes | Callable[[BaseHTTPRequestHandler], None] = b""
    headers: dict[str, str] = field(default_factory=dict)


class Site(ThreadingHTTPServer):
    """Answers what it was told to, by host and path; the rest is not there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.accepted = 0
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.replies: dict[str, Reply] = {}
        self.resolved: list[str] = []
        self.dialled: list[str] = []
        self.names: dict[str, list[str]] = {}

    def get_request(self) -> tuple[socket.socket, Any]:
        """Count what is accepted."""
        self.accepted += 1
        return super().get_request()

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are part of the tests."""

    def put(self, where: str, body: Any = b"", status: int = 200, **headers: str) -> None:
        """Answer at `host/path`."""
        content = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies[where] = Reply(status, content, named)

    def resolve(self, name: str, port: int) -> list[str]:
        """Every name is somewhere public, unless the test says where it is."""
        self.resolved.append(name)
        return self.names.get(name, [PUBLIC])

    def dial(self, number: str, port: int, seconds: float) -> socket.socket:
        """Connect to this server, whatever public address is asked for."""
        self.dialled.append(number)
        return socket.create_connection(self.server_address[:2], timeout=seconds)


class _Handler(BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        where = f"{self.headers['Host']}{self.path}"
        self.server.asked.append(where)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        reply = self.server.replies.get(where, Reply(404))
        if callable(reply.body):
            with contextlib.suppress(OSError):
                reply.body(self)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A server of this test's own."""
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until somebody sleeps."""
    return Clock()


@pytest.fixture
def ticking() -> Clock:
    """A clock that goes on by a second each time that it is read."""
    return Clock(step=1.0)


@pytest.fixture(scope="session")
def authorities() -> ssl.SSLContext:
    """The authorities of the system, read once: that takes longer than most of these tests."""
    return ssl.create_default_context()


@pytest.fixture
def open_web(site: Site, clock: Clock, authorities: ssl.SSLContext) -> Iterator[Callable[..., Web]]:
    """Make a Web that reaches the site, with the options that the test gives."""
    with contextlib.ExitStack() as stack:

        def opened(**options: Any) -> Web:
            time = options.pop("clock", clock)
            given = {
                "resolve": site.resolve,
                "dial": site.dial,
                "clock": time,
                "sleep": time.sleep,
                "ssl_context": authorities,
            }
            return stack.enter_context(Web(**(given | options)))

        yield opened


@pytest.fixture
def web(open_web: Callable[..., Web]) -> Web:
    """A Web as it comes."""
    return open_web()
