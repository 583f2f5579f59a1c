"""
HTTP/1.1 on asyncio: requests in, responses out, and control over how a response *ends*.

A rehearsal server must be able to break a connection at a chosen byte: before any answer, after the
work is done, or in the middle of a body.  An ASGI server hides exactly that from its application,
so this one speaks to the socket itself; parsing is left to httptools.

A large upload is handed on while it arrives, to a `Sink`; a large answer is read from a file as it leaves.

If a client goes away while its request is at work, the work is finished and billed, as it would be
at the provider.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import BinaryIO, Protocol, cast
from urllib.parse import parse_qsl, unquote

import httptools

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes of a request body that is held in memory; more is answered with 413."""
LARGEST_UPLOAD = 1024 * 1024 * 1024
"""Bytes of a body that is handed on; its sink has limits of its own, and words for them."""
PIECE = 256 * 1024
"""Bytes of a file that are sent at once."""


class Ending(Enum):
    """How the connection treats an answer."""

    WHOLE = "whole"
    DROPPED = "dropped"
    """Closed without one byte of the answer."""
    TRUNCATED = "truncated"
    """Closed half way through the answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, str] = field(default_factory=dict)
    sink: Sink | None = None
    """Where the body went, when somebody had asked for it; `body` is empty then."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """The query as it came: a name may be there several times."""


class Sink(Protocol):
    """What takes in a body that is too large for memory."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def abandon(self) -> None:
        """Let go of what nobody keeps: the rest will not come, or the request has been answered."""


@dataclass(slots=True)
class Response:
    """One answer: a `body`, or `events` that are sent one after another in chunks, or a `file`, which is closed."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    events: Iterable[bytes] | None = None
    file: BinaryIO | None = None
    ending: Ending = Ending.WHOLE


Handler = Callable[[Request], Awaitable[Response]]
Sinks = Callable[[str, str, dict[str, str]], Sink | None]
"""Called with method, path and headers before a body comes: the sink for it, or None to hold it in memory."""


class Connection(asyncio.Protocol):
    """One client connection: answers its requests in the order they came."""

    def __init__(self, handler: Handler, sinks: Sinks, connections: set[Connection]) -> None:
        self._handler = handler
        self._sinks = sinks
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._writable = asyncio.Event()
        self._writable.set()
        self._worker: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._sink: Sink | None = None

    # -- asyncio's side ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it was lost changes nothing
        """Forget the socket; work that has begun goes on."""
        self._transport = None
        self._writable.set()
        self._connections.discard(self)
        if self._sink is not None:
            self._sink.abandon()
            self._sink = None

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse what came; complete requests are queued."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(HTTPStatus.NOT_IMPLEMENTED)
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST)

    # -- the parser's side -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A new request starts."""
        self._url, self._headers, self._body, self._size, self._sink = b"", {}, [], 0, None

    def on_url(self, url: bytes) -> None:
        """Part of the request line."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body may come now."""
        self._sink = self._sinks(self._method(), self._path(), self._headers)
        if self._headers.get("expect", "").lower() == "100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        self._size += len(data)
        if self._size > (LARGEST_BODY if self._sink is None else LARGEST_UPLOAD):
            self._body = []
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif self._sink is not None:
            self._sink.write(data)
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The request is whole: put it in the queue, and see that somebody works on it."""
        if self._transport is None or self._transport.is_closing():
            return
        asked = parse_qsl((httptools.parse_url(self._url).query or b"").decode("latin-1"))
        body = b"".join(self._body)
        request = Request(self._method(), self._path(), self._headers, body, dict(asked), self._sink, asked)
        self._waiting.append((request, self._parser.should_keep_alive()))
        self._body, self._sink = [], None
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    def _method(self) -> str:
        return self._parser.get_method().decode("ascii")

    def _path(self) -> str:
        return unquote(httptools.parse_url(self._url).path.decode("latin-1"))

    # -- answering ---------------------------------------------------------------------------

    async def _work(self) -> None:
        while self._waiting:
            request, keep_alive = self._waiting.popleft()
            response = await self._handler(request)
            if not keep_alive:
                response.headers["connection"] = "close"
            await self._writable.wait()
            await self._send(response)
            if not keep_alive or response.ending is not Ending.WHOLE:
                self._waiting.clear()
                self.close()

    async def _send(self, response: Response) -> None:
        if response.ending is Ending.DROPPED:
            if response.file is not None:
                response.file.close()
            if self._transport is not None:
                self._transport.abort()
        elif response.file is not None:
            with response.file:
                await self._send_file(response, response.file)
        elif response.events is None:
            self._send_body(response)
        else:
            await self._send_events(response, list(response.events))

    def _send_body(self, response: Response) -> None:
        head = _head(response, f"content-length: {len(response.body)}")
        cut = len(response.body) // 2 if response.ending is Ending.TRUNCATED else len(response.body)
        self._write(head + response.body[:cut])

    async def _send_file(self, response: Response, file: BinaryIO) -> None:
        """Send a file no faster than the client reads it, so that little of it is ever in memory."""
        size = os.fstat(file.fileno()).st_size
        left = size // 2 if response.ending is Ending.TRUNCATED else size
        self._write(_head(response, f"content-length: {size}"))
        while left > 0 and self._transport is not None:
            piece = file.read(min(PIECE, left))
            left -= len(piece)
            self._write(piece)
            await self._writable.wait()

    async def _send_events(self, response: Response, events: list[bytes]) -> None:
        """Send a stream; a truncated one ends cleanly, without its last events, and nothing tells the client."""
        if response.ending is Ending.TRUNCATED:
            events = events[: len(events) // 2]
        self._write(_head(response, "transfer-encoding: chunked"))
        for event in events:
            await self._writable.wait()
            self._write(b"%x\r\n%s\r\n" % (len(event), event))
        self._write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        """Send, if there is still somebody to send to."""
        if self._transport is not None:
            self._transport.write(data)

    def _refuse(self, status: HTTPStatus) -> None:
        self._write(_head(Response(status.value, headers={"connection": "close"}), "content-length: 0"))
        self.close()

    def close(self) -> None:
        """Close when what has been written is sent, even if an answer is still owed."""
        if self._transport is not None:
            self._transport.close()

    async def finished(self) -> None:
        """Return when nothing is at work here."""
        if self._worker is not None:
            await asyncio.wait([self._worker])


def _head(response: Response, length: str) -> bytes:
    status = HTTPStatus(response.status)
    head = [f"HTTP/1.1 {status.value} {status.phrase}", length]
    head += [f"{name}: {value}" for name, value in response.headers.items()]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")


class Listener:
    """A listening socket and its open connections."""

    def __init__(self, handler: Handler, sinks: Sinks = lambda *_: None) -> None:
        self._handler = handler
        self._sinks = sinks
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Listen, and return the port (the one the system picked, when `port` is 0)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._handler, self._sinks, self._connections), host, port, backlog=1024
        )
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def close(self, patience: float) -> None:
        """Accept nothing new, give answers under way `patience` seconds, then close everything."""
        if self._server is not None:
            self._server.close()
        owed = [asyncio.ensure_future(connection.finished()) for connection in self._connections]
        if owed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*owed), patience)
        for connection in list(self._connections):
            connection.close()
