"""
The one place that opens a socket to a stranger's site.

A name is looked up once, every address that it gives is looked at, and the connection goes to such an address itself:
between the look and the connection nobody is asked again, so a name that changes its answer gains nothing.  The pool
of connections above has no other way to a socket, and what stands here comes before `dial`, so that nobody who
replaces `dial` replaces the look.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from httpcore2 import (
    SOCKET_OPTION,
    NetworkBackend,
    NetworkStream,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
)

from plumbline.web.addresses import demand_public, demand_public_name, is_number
from plumbline.web.outcomes import Away, Ended, Refused, refusal
from plumbline.web.urls import PORTS

Resolve = Callable[[str, int], Sequence[str]]
"""From a name and a port to IP addresses; OSError when there are none."""
Dial = Callable[[str, int, float], socket.socket]
"""From a public IP address, a port and seconds to a connected socket; OSError when there is none."""
Clock = Callable[[], float]
"""Seconds since some moment; never backwards."""

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
REQUEST_SECONDS = 120.0


def look_up(name: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name; its resolver has time limits of its own."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(number: str, port: int, seconds: float) -> socket.socket:
    """Connect to an IP address; a name would not be looked up."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(seconds)
        made.connect((number, port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        made.close()
        raise
    return made


class Guard(NetworkBackend):
    """Opens sockets to public addresses only, and lets no request last longer than its time."""

    def __init__(self, resolve: Resolve, dial: Dial, clock: Clock = time.monotonic) -> None:
        self._resolve = resolve
        self._dial = dial
        self._clock = clock
        self._deadline = clock()
        self._known: dict[str, tuple[str, ...] | Refused] = {}

    def begin(self) -> None:
        """Give the next request its time."""
        self._deadline = self._clock() + REQUEST_SECONDS

    def left(self, most: float) -> float:
        """
        Return how many seconds the request may still wait for its next byte.

        Raises:
            TimeoutError: None are left.
        """
        left = self._deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        return min(left, most)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the limits are ours alone
        local_address: str | None = None,  # noqa: ARG002 - the system chooses
        socket_options: Iterable[SOCKET_OPTION] | None = None,  # noqa: ARG002 - none are set
    ) -> NetworkStream:
        """
        Connect to the host, if all of its addresses are public.

        Raises:
            Ended: One is not (`Refused`), or none answers (`Away`).
        """
        for number in self._vetted(host, port):
            try:
                return _Stream(self._dial(number, port, self.left(CONNECT_SECONDS)), host, self)
            except OSError as error:
                fault = "did not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
        raise Ended(Away(f"{host} {fault}."))

    def _vetted(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses of a host, looked up at most once and all of them public."""
        if port not in PORTS.values():
            raise refusal("forbidden_address", f"Port {port} is not read.")
        if host not in self._known:
            try:
                self._known[host] = self._looked_up(host, port)
            except Ended as ended:
                if not isinstance(ended.outcome, Refused):
                    raise
                self._known[host] = ended.outcome
        known = self._known[host]
        if isinstance(known, Refused):
            raise Ended(known)
        return known

    def _looked_up(self, host: str, port: int) -> tuple[str, ...]:
        demand_public_name(host)
        try:
            numbers = (host,) if is_number(host) else tuple(self._resolve(host, port))
        except (OSError, UnicodeError):
            raise Ended(Away(f"The name {host} cannot be resolved.")) from None
        if not numbers:
            raise Ended(Away(f"The name {host} has no address."))
        demand_public(host, numbers)
        return numbers


class _Stream(NetworkStream):
    """A socket, in the form that the pool of connections reads and writes."""

    def __init__(self, connected: socket.socket, host: str, guard: Guard) -> None:
        self._socket = connected
        self._host = host
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - see connect_tcp
        try:
            self._socket.settimeout(self._guard.left(READ_SECONDS))
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise ReadTimeout from error
        except OSError as error:
            raise ReadError from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - see connect_tcp
        try:
            self._socket.settimeout(self._guard.left(READ_SECONDS))
            self._socket.sendall(buffer)
        except TimeoutError as error:
            raise WriteTimeout from error
        except OSError as error:
            raise WriteError from error

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - see connect_tcp
    ) -> NetworkStream:
        # The name that is shown and checked is the one that was vetted, so the pool is not asked for it.
        if server_hostname != self._host:
            self.close()
            raise refusal("forbidden_address", f"{self._host} was asked for under another name.")
        try:
            # The limit is for the whole handshake, not for each of its packets.
            self._socket.settimeout(self._guard.left(CONNECT_SECONDS))
            wrapped = ssl_context.wrap_socket(self._socket, server_hostname=self._host)
        except (OSError, ValueError) as error:
            self.close()
            raise Ended(Away(_complaint(self._host, error))) from None
        return _Stream(wrapped, self._host, self._guard)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # Asked of idle connections alone, to see whether the site has closed them.
            return self._socket.fileno() < 0 or bool(select.select([self._socket], [], [], 0)[0])
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None


def _complaint(host: str, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {host} is not trusted: {error.verify_message.rstrip('.')}."
    if isinstance(error, TimeoutError):
        return f"{host} did not answer in time."
    return f"No secure connection to {host} could be made."
