"""
What a site says it has (sitemaps.org).

A file is taken in pieces, and of what it lists only a digest is kept, so a million pages need no more memory than one
file and 16 bytes for each.  A sitemap speaks for its own host alone: what it lists elsewhere is refused by the
protocol's own rule, or whoever writes it could send us anywhere in another site's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b

from plumbline.web.decoding import gunzipped
from plumbline.web.listing import Listed, listed
from plumbline.web.outcomes import Away, Ended, Entry, Gone, Refused, refusal
from plumbline.web.urls import Address, parse, shown

LEVELS_AT_MOST = 3
"""How deep an index may name another."""
ENTRIES_AT_MOST = 50_000
"""In one file: what the protocol allows."""
PAGES_AT_MOST = 1_000_000
FILES_AT_MOST = 10_000
_PIECE = 64 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Sitemap:
    """A file as it was read; `hosts` are those it may speak for, `most` is how many bytes it may unpack to."""

    content: bytes
    hosts: frozenset[str]
    most: int


def walk(read: Callable[[str], Sitemap], url: str) -> Iterator[Entry | Refused | Away]:
    """Give what a sitemap lists, and what those list that it names; `read` raises Ended for what cannot be read."""
    return _Walk(read).everything(url)


@dataclass
class _Walk:
    read: Callable[[str], Sitemap]
    seen: set[bytes] = field(default_factory=set)
    pages: int = 0
    files: int = 0

    def everything(self, url: str) -> Iterator[Entry | Refused | Away]:
        """Go through the files in the order in which they are named, without holding more than one."""
        waiting = [(url, 0)]
        try:
            while waiting:
                url, level = waiting.pop()
                named: list[str] = []
                yield from self._file(url, named)
                if named and level == LEVELS_AT_MOST:
                    yield Refused(
                        "unreadable", f"{shown(url)}: sitemaps are nested too deeply.", of_list=True
                    )
                    continue
                waiting += [(one, level + 1) for one in reversed(named)]
        except _Enough as enough:
            yield Refused("oversized", str(enough), of_list=True)

    def _file(self, url: str, named: list[str]) -> Iterator[Entry | Refused | Away]:
        self.files += 1
        if self.files > FILES_AT_MOST:
            raise _Enough(f"There are more than {FILES_AT_MOST:,} sitemaps; no more are read.")
        try:
            sitemap = self.read(url)
            for number, one in enumerate(listed(_pieces(sitemap))):
                if number == ENTRIES_AT_MOST:
                    raise refusal("oversized", f"It lists more than {ENTRIES_AT_MOST:,} addresses.")
                yield from self._entry(one, sitemap.hosts, named)
        except Ended as ended:
            yield _told(url, ended, of_list=True)

    def _entry(
        self, one: Listed, hosts: frozenset[str], named: list[str]
    ) -> Iterator[Entry | Refused | Away]:
        try:
            address = _own(one.location, hosts)
        except Ended as ended:
            if self._is_new(one.location):
                yield _told(one.location, ended, of_list=one.is_sitemap)
            return
        # A file and a page may have the same address; they are listed apart.
        if not self._is_new(f"{one.is_sitemap:d}{address.url}"):
            return
        if one.is_sitemap:
            named.append(address.url)
            return
        self.pages += 1
        if self.pages > PAGES_AT_MOST:
            raise _Enough(f"The sitemaps list more than {PAGES_AT_MOST:,} pages; no more are read.")
        yield Entry(address.url, last_modified(one.last_modified))

    def _is_new(self, text: str) -> bool:
        digest = blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).digest()
        if digest in self.seen:
            return False
        self.seen.add(digest)
        return True


class _Enough(Exception):
    """The walk ends here."""


def last_modified(text: str) -> datetime | None:
    """Read a date of a sitemap: a year, a month, a day or a moment; without a zone it is UTC.  Pure."""
    if text.isdecimal() and len(text) == len("YYYY"):
        text += "-01-01"
    elif len(text) == len("YYYY-MM"):
        text += "-01"
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _own(location: str, hosts: frozenset[str]) -> Address:
    address = parse(location)
    if address.host not in hosts:
        raise refusal("forbidden_address", "The sitemap is of another host, for which it cannot speak.")
    return address


def _told(url: str, ended: Ended, *, of_list: bool) -> Refused | Away:
    match ended.outcome:
        case Away(reason=reason, retry_after=seconds):
            return Away(f"{shown(url)}: {reason}", seconds)
        case Refused(code=code, reason=reason):
            return Refused(code, f"{shown(url)}: {reason}", of_list)
        case Gone(reason=reason):
            return Refused("denied", f"{shown(url)}: {reason}", of_list)


def _pieces(sitemap: Sitemap) -> Iterator[bytes]:
    content = sitemap.content
    cut: Iterable[bytes] = (content[at : at + _PIECE] for at in range(0, len(content), _PIECE))
    size = 0
    # Sites send `.xml.gz` as a file and as a compressed answer; its first bytes tell what is left to unpack.
    for piece in gunzipped(cut) if content.startswith(_GZIP) else cut:
        size += len(piece)
        if size > sitemap.most:
            raise refusal("oversized", f"It unpacks to more than the limit of {sitemap.most:,} bytes.")
        yield piece
