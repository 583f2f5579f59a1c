"""What becomes of a request, and how a request that ends early says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

RefusedCode = Literal[
    "forbidden_address",
    "forbidden_scheme",
    "robots",
    "oversized",
    "denied",
    "too_many_redirects",
    "unreadable",
]


@dataclass(frozen=True, slots=True)
class Page:
    """What a site gave; `url` is the address that it was finally read from, after all redirects."""

    url: str
    content: bytes = field(repr=False)
    content_type: str | None
    """In lower case, without parameters."""
    charset: str | None
    etag: str | None
    last_modified: str | None
    """The header as it came: it goes back to the site with the next request."""
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Same:
    """The page has not changed since it was last read."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The page is no longer there."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """
    The page is not read, and asking again will not change that.

    `of_list`: what is refused is no page but a sitemap, so that nobody knows what it lists.
    """

    code: RefusedCode
    reason: str
    of_list: bool = False


@dataclass(frozen=True, slots=True)
class Away:
    """The page cannot be read now; `retry_after` is in seconds, where it is known."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One page that a sitemap lists."""

    url: str
    last_modified: datetime | None


class Ended(Exception):
    """A request has ended without an answer that could be used; `outcome` is what its caller is told."""

    def __init__(self, outcome: Gone | Refused | Away) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def refusal(code: RefusedCode, reason: str) -> Ended:
    """Make the exception that ends a request for good."""
    return Ended(Refused(code, reason))
