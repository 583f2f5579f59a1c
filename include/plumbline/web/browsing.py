"""
Reading pages of strangers' sites, safely and politely.

Every request, the first and those that redirects lead to, takes the same way: one spelling of the address, the site's
robots.txt, the pause, the guard.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Self

from plumbline.core import clock as calendar
from plumbline.core.errors import Misconfigured
from plumbline.core.settings import installed_version
from plumbline.web.asking import Answer, Line, conditions, entity_tag, modified
from plumbline.web.guard import Clock, Dial, Guard, Resolve, connect, look_up
from plumbline.web.manners import Manners, Sleep, moment
from plumbline.web.outcomes import Away, Ended, Entry, Gone, Page, Refused, Same, refusal
from plumbline.web.robots import PARSED_AT_MOST, Rules, read_rules
from plumbline.web.sitemaps import Sitemap, walk
from plumbline.web.urls import Address, join, parse

_REDIRECTS_AT_MOST = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
# 408 and 425: the request came too slowly or too early; 429: too often.
_LATER = frozenset({408, 425, 429})
_OK, _NOT_MODIFIED = 200, 304
_DENIALS = range(400, 500)
_FAULTS = range(500, 600)
_AGENT = re.compile(r"[A-Za-z_-]{1,40}")
_CONTACT = re.compile(r"[\x21-\x27\x2a-\x7e]{1,200}")
_TYPE = re.compile(r"[a-z0-9.+_-]{1,80}/[a-z0-9.+_-]{1,80}")
_CHARSET = re.compile(r"[a-z0-9._:+-]{1,40}")


class Web:
    """
    The sites of one refresh of one source; for one thread.

    Robots.txt and the addresses of names are kept for its life.  `delay` is in seconds, between two requests to one
    host; a Crawl-delay that is longer counts instead.  `max_bytes` is of a page after it was unpacked.

    Raises:
        Misconfigured: The name of the agent or the contact cannot stand in a header, or the context would accept any
            certificate.
    """

    def __init__(
        self,
        *,
        agent: str = "Plumbline",
        contact: str | None = None,
        max_bytes: int = 50 * 2**20,
        delay: float = 1.0,
        resolve: Resolve = look_up,
        dial: Dial = connect,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._agent = agent
        self._max_bytes = max_bytes
        self._clock = clock
        self._line = Line(Guard(resolve, dial, clock), _introduction(agent, contact), ssl_context)
        self._manners = Manners(delay, clock, sleep)
        self._rules: dict[str, tuple[Rules | Refused | Away, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def get(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | Same | Gone | Refused | Away:
        """Read a page; with `etag` or `last_modified` of the last time, only if it has changed since."""
        try:
            answer, address = self._followed(parse(url), conditions(etag, last_modified))
            return _page(answer, address)
        except Ended as ended:
            return ended.outcome

    def sitemap(self, url: str) -> Iterator[Entry | Refused | Away]:
        """
        List the pages of a sitemap and of those that it names, each once, in their order.

        What cannot be read is told between them, and the rest is read all the same.  Each file is read whole before
        its pages are given, so that `get` may be called in between.
        """
        return walk(self._sitemap, url)

    def _sitemap(self, url: str) -> Sitemap:
        asked = parse(url)
        answer, address = self._followed(asked, {}, sitemap=True)
        match _page(answer, address):
            case Page(content=content):
                return Sitemap(content, frozenset({asked.host, address.host}), self._max_bytes)
            case Gone(reason=reason):
                raise refusal("denied", reason)
            case Refused() | Away() as outcome:
                raise Ended(outcome)
            case Same():
                raise refusal("unreadable", f"{address.host} says that nothing has changed, unasked.")

    def _followed(
        self, address: Address, headers: Mapping[str, str], *, sitemap: bool = False
    ) -> tuple[Answer, Address]:
        """Ask, and follow redirects; robots.txt is asked about each of them."""
        for _ in range(_REDIRECTS_AT_MOST + 1):
            rules = self._rules_of(address)
            rules.demand_permission(address, sitemap=sitemap)
            answer = self._asked(address, headers, delay=rules.delay)
            following = _following(answer, address)
            if following is None:
                return answer, address
            address = following
        raise _circle(address)

    def _rules_of(self, address: Address) -> Rules:
        known, until = self._rules.get(address.origin, (None, 0.0))
        if known is None or self._clock() >= until:
            known = read_rules(self._agent, self._robots(address))
            # Asked for again only where the site itself has said when.
            again = known.retry_after if isinstance(known, Away) else None
            self._rules[address.origin] = known, float("inf") if again is None else self._clock() + again
        if not isinstance(known, Rules):
            raise Ended(known)
        return known

    def _robots(self, address: Address) -> Page | Same | Gone | Refused | Away:
        address = Address(address.scheme, address.host, "/robots.txt", None)
        try:
            for _ in range(_REDIRECTS_AT_MOST + 1):
                answer = self._asked(address, {}, most=PARSED_AT_MOST, cut=True)
                following = _following(answer, address)
                if following is None:
                    return _page(answer, address)
                address = following
            raise _circle(address)
        except Ended as ended:
            return ended.outcome

    def _asked(
        self,
        address: Address,
        headers: Mapping[str, str],
        *,
        delay: float = 0.0,
        most: int | None = None,
        cut: bool = False,
    ) -> Answer:
        self._manners.wait(address.host, delay)
        try:
            answer = self._line.ask(address, headers, most=most or self._max_bytes, cut=cut)
        finally:
            self._manners.asked(address.host)
        seconds = self._manners.heed(address.host, answer.status, answer.headers, calendar.now())
        if answer.status in _LATER or answer.status in _FAULTS:
            raise Ended(Away(f"{address.host} cannot answer now (status {answer.status}).", seconds))
        if answer.status == _NOT_MODIFIED and not headers:
            raise refusal("unreadable", f"{address.host} says that nothing has changed, unasked.")
        return answer


def _introduction(agent: str, contact: str | None) -> str:
    if not _AGENT.fullmatch(agent):
        raise Misconfigured(
            "The name of the agent has letters, hyphens and underscores, as robots.txt names it."
        )
    if contact is None:
        return f"{agent}/{installed_version()}"
    if not _CONTACT.fullmatch(contact):
        raise Misconfigured("The contact is one web or mail address, without spaces and brackets.")
    return f"{agent}/{installed_version()} (+{contact})"


def _following(answer: Answer, address: Address) -> Address | None:
    """Return where an answer redirects to, or None; pure."""
    location = answer.headers.get("location")
    if answer.status not in _REDIRECTS or location is None:
        return None
    following = join(address, location)
    if (address.scheme, following.scheme) == ("https", "http"):
        raise refusal(
            "forbidden_scheme", f"{address.host} redirects from https to http, which anybody can read."
        )
    return following


def _circle(address: Address) -> Ended:
    return refusal(
        "too_many_redirects",
        f"The page redirects more than {_REDIRECTS_AT_MOST} times, lastly to {address.host}.",
    )


def _page(answer: Answer, address: Address) -> Page | Same | Gone | Refused:
    """Read an answer that redirects nowhere; pure."""
    status, headers = answer.status, answer.headers
    if status == _NOT_MODIFIED:
        return Same()
    if status in _GONE:
        return Gone(f"{address.host} has no such page (status {status}).")
    if status in _DENIALS:
        return Refused("denied", f"{address.host} does not give the page (status {status}).")
    if status != _OK:
        return Refused("unreadable", f"The answer of {address.host} holds no page (status {status}).")
    content_type, charset = _type(headers.get("content-type", ""))
    since = modified(headers)
    return Page(
        url=address.url,
        content=answer.content,
        content_type=content_type,
        charset=charset,
        etag=entity_tag(headers),
        last_modified=since,
        modified_at=moment(since),
    )


def _type(header: str) -> tuple[str | None, str | None]:
    header = header[:1_000]
    message = Message()
    message["content-type"] = header
    content_type = header.partition(";")[0].strip().lower()
    charset = message.get_param("charset")
    named = charset.strip().lower() if isinstance(charset, str) else ""
    return (
        content_type if _TYPE.fullmatch(content_type) else None,
        named if _CHARSET.fullmatch(named) else None,
    )
