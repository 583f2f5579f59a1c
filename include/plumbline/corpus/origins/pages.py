"""
Pages of the web: a list of addresses, or what a sitemap lists.

A page's bytes are kept, for a site may answer otherwise a moment later.  What a site has confirmed within the time in
which the source is looked at is not asked for again, so a look that was cut off goes on where it was.
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from plumbline.core.errors import Passing
from plumbline.corpus.filenames import MAX_PATH_BYTES, escaped, shortened
from plumbline.corpus.kinds import Kind, kind_of
from plumbline.corpus.origins.changes import Change, Known, Left, Problem, Same, Taken, asked_again
from plumbline.corpus.outcomes import Bounds, expired
from plumbline.corpus.sources import Source
from plumbline.web import Away, Entry, Gone, Page, Refused, Web, path_of
from plumbline.web import Same as NotModified

log = logging.getLogger(__name__)

_KINDS: Mapping[str, Kind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "text/markdown": "markdown",
    "text/plain": "text",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "text/x-rst": "rst",
    "text/rtf": "rtf",
    "application/rtf": "rtf",
    "message/rfc822": "eml",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_VAGUE = frozenset({None, "text/plain", "application/octet-stream", "binary/octet-stream"})
"""What servers say of a file that they do not know: its ending says more."""
_SITEMAP_TRUSTED = timedelta(days=7)
# The encodings that browsers know, by Python's names; what is called Latin 1 or ASCII there is read as Windows 1252.
# Python knows others, which are no encodings of text, or take time without bound (punycode).
_ENCODINGS = {
    **{f"cp{number}": f"cp{number}" for number in (866, 874, *range(1250, 1259))},
    **{f"iso8859-{number}": f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"utf-16{order}": f"utf-16{order}" for order in ("", "-le", "-be")},
    **dict.fromkeys(("ascii", "iso8859-1"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030"),
    **{
        name: name
        for name in (
            "big5",
            "big5hkscs",
            "cp932",
            "cp949",
            "euc_jp",
            "euc_kr",
            "iso2022_jp",
            "koi8-r",
            "koi8-u",
            "mac-cyrillic",
            "mac-roman",
            "shift_jis",
        )
    },
}
_UTF8_MARK = b"\xef\xbb\xbf"


class SitemapAway(Passing):
    """A sitemap cannot be had to its end, so nobody knows which pages there are."""


def changes_of_site(
    target: Source, known: Mapping[str, Known], bounds: Bounds, fresh_since: datetime, contact: str | None
) -> Iterator[Change]:
    """
    Ask a site for the pages of a source; `known` by address.  `contact` is where its owner can complain.

    What was confirmed after `fresh_since` was asked for by this look, before it was cut off.

    Raises:
        SitemapAway: The sitemap, or one that it names, cannot be had.
    """
    with Web(delay=float(target.options.get("delay", 1.0)), contact=contact) as web:
        entries = entries_of(web, target.kind, target.location, target.options)
        yield from changes_of_pages(web, entries, known, bounds, fresh_since)


def changes_of_pages(
    web: Web, entries: Iterable[Entry], known: Mapping[str, Known], bounds: Bounds, fresh_since: datetime
) -> Iterator[Change]:
    """
    Ask for each page once; `known` by address.

    A page that was confirmed after `fresh_since` is not asked for, nor for some days one that its sitemap calls older
    than what we have: sitemaps are not always right.
    """
    asked: set[str] = set()
    for entry in entries:
        if entry.url in asked:
            continue
        asked.add(entry.url)
        before = known.get(entry.url)
        if before is not None and _is_fresh(before, entry, bounds, fresh_since):
            yield Same(before["path"], asked=False)
        else:
            yield _asked(web, entry.url, before, bounds)


def entries_of(web: Web, kind: str, location: str, options: Mapping[str, Any]) -> Iterator[Entry]:
    """
    Yield the addresses of a source: its list, or what its sitemap lists and its patterns let through.

    Raises:
        SitemapAway: The sitemap, or one that it names, cannot be had.
    """
    if kind == "urls":
        yield from (Entry(url, None) for url in options.get("urls", ()))
        return
    listed, passed_over = 0, None
    for found in web.sitemap(location):
        if isinstance(found, Entry):
            listed += 1
            if wanted(urlsplit(found.url).path, options.get("take", ()), options.get("leave", ())):
                yield found
        elif isinstance(found, Refused) and not found.of_list:
            passed_over = found
            log.warning("passed over: %s", found.reason)
        else:
            raise SitemapAway(f"The sitemap cannot be read to its end: {found.reason}")
    if passed_over and not listed:
        raise SitemapAway(f"The sitemap lists nothing that can be read: {passed_over.reason}")


def wanted(path: str, take: Sequence[str], leave: Sequence[str]) -> bool:
    """Whether a path is let through by the patterns (`*` and `?`, as in a shell; none: all are taken).  Pure."""
    return (not take or any(fnmatchcase(path, pattern) for pattern in take)) and not any(
        fnmatchcase(path, pattern) for pattern in leave
    )


def _is_fresh(before: Known, entry: Entry, bounds: Bounds, fresh_since: datetime) -> bool:
    if before["problem_code"] is not None or not asked_again(before, bounds, kept=True):
        return False
    older = entry.last_modified is not None and entry.last_modified + timedelta(days=1) < before["fetched_at"]
    trusted = before["confirmed_at"] > datetime.now(UTC) - _SITEMAP_TRUSTED
    return bool(before["confirmed_at"] > fresh_since or (older and trusted))


def _asked(web: Web, url: str, before: Known | None, bounds: Bounds) -> Change:
    said = {}
    if before is not None and asked_again(before, bounds, kept=True):
        said = {"etag": before["etag"], "last_modified": before["last_modified"]}
    answer = web.get(url, **said)
    path = before["path"] if before is not None else _path(url)
    match answer:
        case Page():
            return _taken(url, path, answer, bounds)
        case NotModified():
            return Same(path)
        case Gone():
            return Left(path)
        case Refused(code=code, reason=reason):
            return Problem(path, url, code, reason)
        case Away(reason=reason):  # pragma: no branch - there is no other answer
            return Problem(path, url, "unreachable", reason)


def _path(url: str) -> str:
    """The path of a page; an address that no page can have is shown as it was written."""
    try:
        return path_of(url, None)
    except ValueError:
        shown = escaped(url, letters=False)
        return shortened(shown) if len(shown) > MAX_PATH_BYTES else shown


def _taken(url: str, path: str, page: Page, bounds: Bounds) -> Change:
    kind = kind_of_page(page.content_type, page.url)
    if kind is None:
        return Problem(
            path, url, "unsupported", f"The site calls it {page.content_type}, which is not supported."
        )
    if not page.content:
        return Problem(path, url, "empty", "The page is empty (0 bytes).")
    content = in_utf8(page.content, page.charset) if kind == "html" else page.content
    outlived = expired(path, page.modified_at, bounds) is not None
    return Taken.of(
        path,
        url,
        kind,
        content,
        etag=page.etag,
        last_modified=page.last_modified,
        modified_at=page.modified_at,
        kept=None if outlived else content,
    )


def kind_of_page(content_type: str | None, url: str) -> Kind | None:
    """What a page is, by what its site says of it and, where that says little, by the ending of its address.  Pure."""
    by_ending = kind_of(urlsplit(url).path.rsplit("/", 1)[-1])
    if content_type in _VAGUE:
        return by_ending or _KINDS.get(content_type or "", "html" if content_type is None else None)
    return _KINDS.get(content_type or "")


def in_utf8(content: bytes, charset: str | None) -> bytes:
    """
    Return HTML with the encoding that its site names in the header, which counts more than what stands in it.  Pure.

    It is marked as UTF-8, as a file on a disk would be; where the name is not known, the bytes stay as they are.
    """
    if charset is None or content.startswith(_UTF8_MARK):
        return content
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return content
    if name not in _ENCODINGS:
        return content
    return _UTF8_MARK + content.decode(_ENCODINGS[name], "replace").encode()
