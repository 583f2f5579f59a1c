"""
One request, and what came back.

What a browser would add is not there to be turned off: no cookies, no credentials, no proxies, no redirects that are
followed unseen.  Each request has a connection of its own, so each is looked at by the guard, and none is lost to a
connection that the site has closed in the meantime.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from httpcore2 import (
    URL,
    ConnectionPool,
    NetworkError,
    ProtocolError,
    Response,
    TimeoutException,
    default_ssl_context,
)

from plumbline.core.errors import Misconfigured
from plumbline.web.decoding import beginning, decoded, gathered
from plumbline.web.guard import Guard
from plumbline.web.outcomes import Away, Ended, refusal
from plumbline.web.urls import Address

_OK = 200
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,1000}"')
_DATE = re.compile(r"[A-Za-z0-9 ,:+-]{1,60}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by their names in lower case, and the content of a page that was sent whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Line:
    """Sends requests, one at a time, through the guard."""

    def __init__(self, guard: Guard, agent: str, ssl_context: ssl.SSLContext | None) -> None:
        if ssl_context and not (ssl_context.check_hostname and ssl_context.verify_mode == ssl.CERT_REQUIRED):
            raise Misconfigured("The certificates of sites are checked: give a context that does.")
        self._guard = guard
        self._agent = agent
        # Made at the first secure site: reading the certificates of all the world's authorities takes its time.
        self._pool: ConnectionPool | None = None
        self._ssl_context = ssl_context

    def close(self) -> None:
        """Close what is open."""
        if self._pool is not None:
            self._pool.close()

    def ask(self, address: Address, headers: Mapping[str, str], *, most: int, cut: bool = False) -> Answer:
        """
        Ask for an address once.

        Content is read for status 200 alone, at most `most` bytes of it after it was unpacked; with `cut`, a longer
        one ends there.

        Raises:
            Ended: There is no whole answer.
        """
        self._guard.begin()
        url = URL(
            scheme=address.scheme.encode(),
            host=address.host.encode(),
            port=address.port,
            target=address.target.encode(),
        )
        try:
            with self._opened().stream("GET", url, headers=self._headers(address, headers)) as response:
                return _read(response, most, cut=cut)
        except TimeoutException:
            raise Ended(Away(f"{address.host} did not answer in time.")) from None
        except NetworkError:
            raise Ended(Away(f"The connection to {address.host} was cut.")) from None
        except ProtocolError:
            raise Ended(Away(f"The answer of {address.host} is not whole, or no answer of HTTP.")) from None

    def _opened(self) -> ConnectionPool:
        if self._pool is None:
            self._pool = ConnectionPool(
                ssl_context=self._ssl_context or default_ssl_context(),
                max_keepalive_connections=0,
                network_backend=self._guard,
            )
        return self._pool

    def _headers(self, address: Address, more: Mapping[str, str]) -> list[tuple[str, str]]:
        return [
            ("Host", address.authority),
            ("User-Agent", self._agent),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip"),
            ("Connection", "close"),
            *more.items(),
        ]


def conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    """Return the headers by which a site may answer that nothing has changed; pure."""
    asked = {}
    if etag and _ENTITY_TAG.fullmatch(etag):
        asked["If-None-Match"] = etag
    if last_modified and _DATE.fullmatch(last_modified):
        asked["If-Modified-Since"] = last_modified
    return asked


def entity_tag(headers: Mapping[str, str]) -> str | None:
    """Return the tag of this version of the page, if it is one that could go back."""
    found = headers.get("etag", "")
    return found if _ENTITY_TAG.fullmatch(found) else None


def modified(headers: Mapping[str, str]) -> str | None:
    """Return the header `Last-Modified` as it came, if it is one that could go back."""
    found = headers.get("last-modified", "")
    return found if _DATE.fullmatch(found) else None


def _read(response: Response, most: int, *, cut: bool) -> Answer:
    headers = _named(response.headers)
    if response.status != _OK:
        return Answer(response.status, headers, b"")
    length = headers.get("content-length", "")
    if not cut and length.isdecimal() and int(length[:20]) > most:
        raise refusal("oversized", f"The page is larger than the limit of {most:,} bytes.")
    sent = _bounded(response.iter_stream(), most, cut=cut)
    pieces = decoded(sent, headers.get("content-encoding", ""))
    return Answer(_OK, headers, beginning(pieces, most) if cut else gathered(pieces, most))


def _bounded(pieces: Iterable[bytes], most: int, *, cut: bool) -> Iterator[bytes]:
    """Bound what is sent as well: what unpacks to nothing would be endless otherwise."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most and not cut:
            raise refusal("oversized", f"The page is larger than the limit of {most:,} bytes.")
        yield piece
        if size > most:
            return


def _named(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Give headers by name; of those that come twice the first, but all encodings, which would be undone in turn."""
    named: dict[str, str] = {}
    for key, value in headers:
        name, text = key.decode("ascii").lower(), _text(value)
        if name == "content-encoding" and name in named:
            named[name] += f", {text}"
        named.setdefault(name, text)
    return named


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
