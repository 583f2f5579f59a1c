"""
The one place that speaks to a provider, and the only importer of `openai`.

The client's own retries are off: it would repeat a request that may have been billed.  What went wrong is
told apart by one question, whether the request can have arrived, because that decides if it may be sent
again.

The body goes out as the bytes that the ledger has recorded, so a repetition after a crash is the very same
request. Threads with the synchronous client need half the CPU of the asynchronous one for the same calls.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from plumbline.models.endpoints import Endpoint
from plumbline.models.policy import Happened, Outcome, meaning, safe_code, wait_asked_for

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import APIConnectionError, APIStatusError, OpenAI

_CONNECT_SECONDS = 10.0
_PIECE = 1 << 16
"""Bytes of a file that are read at once."""


class BrokenOff(Exception):
    """The connection ended within a file."""


def post(endpoint: Endpoint, path: str, body: bytes, idempotency_key: str) -> Outcome:
    """Send one request once and say what became of it."""
    from httpx2 import Response

    client = _client(endpoint)
    headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
    return _attempt(lambda: client.post(path, cast_to=Response, content=body, options={"headers": headers}))


def get(endpoint: Endpoint, path: str, **asked: str | int | Sequence[str]) -> Outcome:
    """Ask once and say what became of it; a list is asked for as `name[]`, once a value."""
    from httpx2 import Response

    client = _client(endpoint)
    return _attempt(lambda: client.get(path, cast_to=Response, options={"params": asked}))


def delete(endpoint: Endpoint, path: str) -> Outcome:
    """Delete once and say what became of it."""
    from httpx2 import Response

    client = _client(endpoint)
    return _attempt(lambda: client.delete(path, cast_to=Response))


def upload(endpoint: Endpoint, file: BinaryIO, filename: str) -> Outcome:
    """Send a file for a batch once, piece by piece, and say what became of it."""
    client = _client(endpoint)
    file.seek(0)
    sending = client.files.with_raw_response
    named = (filename, file, "application/jsonl")
    return _attempt(lambda: sending.create(file=named, purpose="batch").http_response)


@contextlib.contextmanager
def streamed(endpoint: Endpoint, file_id: str) -> Iterator[Outcome | Iterator[bytes]]:
    """Yield the lines of a file at the provider, one at a time; or what became of the request, where there are none."""
    from openai import APIConnectionError, APIStatusError

    client = _client(endpoint)
    began = time.monotonic()
    with contextlib.ExitStack() as opened:
        given: Outcome | Iterator[bytes]
        try:
            asking = client.files.with_streaming_response.content(file_id)
            given = _whole_lines(opened.enter_context(asking).iter_bytes(_PIECE))
        except APIStatusError as error:
            given = _answered_with_error(error, _milliseconds(began))
        except APIConnectionError as error:
            given = _broken_off(error, _milliseconds(began))
        yield given


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Cut at line ends; a piece may end anywhere."""
    import httpx2

    rest: list[bytes] = []
    try:
        for piece in pieces:
            head, end, tail = piece.rpartition(b"\n")
            if end:
                yield from b"".join((*rest, head)).split(b"\n")
                rest = []
            rest.append(tail)
    except httpx2.TransportError:
        raise BrokenOff from None
    if last := b"".join(rest):
        yield last


def _attempt(send: Callable[[], Response]) -> Outcome:
    from openai import APIConnectionError, APIStatusError

    began = time.monotonic()
    try:
        response = send()
    except APIStatusError as error:
        return _answered_with_error(error, _milliseconds(began))
    except APIConnectionError as error:
        return _broken_off(error, _milliseconds(began))
    return Outcome(
        Happened.ANSWERED,
        status=response.status_code,
        content=response.content,
        headers=response.headers,
        latency_ms=_milliseconds(began),
    )


_clients: dict[tuple[int, str, str, float], OpenAI] = {}
_making = threading.Lock()


def _client(endpoint: Endpoint) -> OpenAI:
    """Return the client of this endpoint in this process: a fork must not share its parent's sockets."""
    which = (os.getpid(), endpoint.base_url, endpoint.api_key, endpoint.timeout)
    with _making:
        if which not in _clients:
            _clients[which] = _new_client(endpoint)
        return _clients[which]


@atexit.register
def _close_clients() -> None:
    for (process, *_), client in _clients.items():
        if process == os.getpid():
            client.close()


def _new_client(endpoint: Endpoint) -> OpenAI:
    from httpx2 import Timeout
    from openai import DefaultHttpxClient, OpenAI

    timeout = Timeout(endpoint.timeout, connect=_CONNECT_SECONDS, pool=None)
    # A proxy of the environment has no business between us and a server on this machine.
    address = urlsplit(endpoint.base_url)
    local = address.hostname in ("127.0.0.1", "localhost", "::1")
    plain = local and address.scheme == "http"
    return OpenAI(
        api_key=endpoint.api_key,
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=timeout,
        # Without TLS, loading the certificates of all the world's authorities would be most of a short run's work.
        http_client=DefaultHttpxClient(timeout=timeout, trust_env=not local, verify=not plain),
    )


def _answered_with_error(error: APIStatusError, latency_ms: int) -> Outcome:
    status, headers = error.status_code, error.response.headers
    code = safe_code(error.code) or safe_code(error.type)
    return Outcome(
        meaning(status, code),
        status=status,
        code=code,
        retry_after=wait_asked_for(headers),
        headers=headers,
        latency_ms=latency_ms,
    )


def _broken_off(error: APIConnectionError, latency_ms: int) -> Outcome:
    import httpx2

    cause = error.__cause__
    never_sent = (
        httpx2.ConnectError,
        httpx2.ConnectTimeout,
        httpx2.PoolTimeout,
        httpx2.ProxyError,
        httpx2.UnsupportedProtocol,
    )
    happened = Happened.UNREACHED if isinstance(cause, never_sent) else Happened.LOST
    name = "timeout" if isinstance(cause, httpx2.TimeoutException) else "connection"
    return Outcome(happened, code=f"{name} {happened.value}", latency_ms=latency_ms)


def _milliseconds(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
