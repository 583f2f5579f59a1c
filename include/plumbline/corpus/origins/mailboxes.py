"""
Exports of mailboxes: mbox files, as mail programs and Google Takeout write them.

Each message is a document of its own, read as a mail file is, with its attachments.  Its path is made of its date and
of what it says it is called (Message-ID), not of its subject: paths are shown to people who may not read mails.
A message keeps its path however the export grows or shrinks around it; only where several have one name, what they are
called depends on which comes first.

A message begins at a line with "From " at the beginning of the file or after an empty line; exporters quote such lines
inside a message (">From ").  We cut the file ourselves, for it may be of many gigabytes: the standard library reads all
of it to give one message, and we read that one.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from plumbline.core.errors import Fatal
from plumbline.corpus.origins.changes import Change, Known, Problem, Same, Taken
from plumbline.corpus.outcomes import Bounds, oversized

_HEADERS = 256 * 1024
"""Bytes of a message in which its headers are looked for."""
_LINE = 1024 * 1024


class MailboxUnusable(Fatal):
    """A mailbox export is not there, cannot be read, or has a form that is not known."""


def fingerprint(place: Path) -> str:
    """
    Return what tells one state of a mailbox from another.

    Raises:
        MailboxUnusable: It is not there, or is no mailbox.
    """
    try:
        seen = place.stat()
    except OSError as error:
        raise MailboxUnusable(f"The mailbox {place} cannot be read: {error.strerror or error}.") from error
    if stat.S_ISDIR(seen.st_mode):
        raise MailboxUnusable(
            f"{place} is a folder: name the mbox file itself. A folder of .eml files is a source of the kind folder."
        )
    if not stat.S_ISREG(seen.st_mode):
        raise MailboxUnusable(f"The mailbox {place} is not a regular file.")
    if seen.st_size and not _begins_as_mbox(place):
        raise MailboxUnusable(f"{place} is no mbox file: its first line does not begin with `From `.")
    return f"{seen.st_size}-{seen.st_mtime_ns}"


def changes_of_mailbox(place: Path, known: Mapping[str, Known], bounds: Bounds) -> Iterator[Change]:
    """
    Say of every message whether it is new or as it was; `known` by path.  Memory holds one message.

    Raises:
        MailboxUnusable: It is not there, or is no mailbox.
    """
    fingerprint(place)
    used: set[str] = set()
    try:
        with place.open("rb") as file, place.open("rb") as read:
            for start, end in _messages(file):
                read.seek(start)
                content = read.read(min(end - start, bounds.max_bytes + 1))
                path, written = _named(content)
                path = _free(path, content, used)
                used.add(path)
                yield _change(path, f"{start}-{end}", content, end - start, written, known, bounds)
    except OSError as error:
        raise MailboxUnusable(f"The mailbox {place} cannot be read: {error.strerror or error}.") from error


def _change(
    path: str,
    address: str,
    content: bytes,
    size: int,
    written: datetime | None,
    known: Mapping[str, Known],
    bounds: Bounds,
) -> Change:
    if size > bounds.max_bytes:
        return Problem(path, address, "oversized", oversized(size, bounds.max_bytes))
    if not content.strip():
        return Problem(path, address, "empty", "The message is empty.")
    taken, before = Taken.of(path, address, "eml", content, modified_at=written), known.get(path)
    as_before = before is not None and (before["sha256"], before["address"]) == (taken.sha256, address)
    return Same(path) if as_before else taken


def read_message(place: Path, address: str) -> bytes | None:
    """Return a message by its place, or None where nothing can be read there.  Threads may ask at once."""
    start, _, end = address.partition("-")
    try:
        with place.open("rb") as file:
            file.seek(int(start))
            return file.read(int(end) - int(start))
    except (OSError, ValueError):
        return None


def _messages(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Where each message begins, after its "From " line, and where it ends."""
    at, begun, after_empty = 0, None, True
    for line in _bounded_lines(file):
        if after_empty and line.startswith(b"From "):
            if begun is not None:
                yield begun, at
            begun = at + len(line)
        at += len(line)
        after_empty = line in (b"\n", b"\r\n")
    if begun is not None:
        yield begun, at


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; a very long one comes in parts, of which only the first can begin a message."""
    while line := file.readline(_LINE):
        yield line


def _begins_as_mbox(place: Path) -> bool:
    try:
        with place.open("rb") as file:
            return file.read(5) == b"From "
    except OSError as error:
        raise MailboxUnusable(f"The mailbox {place} cannot be read: {error.strerror or error}.") from error


def _named(content: bytes) -> tuple[str, datetime | None]:
    """The path of a message, and when it was written, by what it says of itself."""
    headers = BytesHeaderParser().parsebytes(content[:_HEADERS])
    written = _date(str(headers.get("Date", "")))
    named = str(headers.get("Message-ID", "")).strip()
    mark = sha256(named.encode("utf-8", "surrogateescape") if named else content).hexdigest()[:16]
    day = f"{written:%Y/%m/%d}" if written else "undated"
    return f"{day}/{mark}.eml", written


def _date(said: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(said)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _free(path: str, content: bytes, used: set[str]) -> str:
    """Of two messages with one name, the second is called by its content; and if that is the same, by its number."""
    if path not in used:
        return path
    stem = f"{path.removesuffix('.eml')}-{sha256(content).hexdigest()[:8]}"
    free, number = f"{stem}.eml", 1
    while free in used:
        number += 1
        free = f"{stem}-{number}.eml"
    return free
