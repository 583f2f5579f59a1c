"""
Walk an inbox folder without trusting it.

Anybody may put anything into an inbox.  Four promises follow.

- Every visible file comes out exactly once, as `Found` or as `Refusal`; nothing is skipped in silence.
  A folder that cannot be listed to its end is refused as a whole, so that nothing in it is taken for removed.
  Without it, "found = stored + unchanged + refused + removed" could not be checked.
- Every outcome has a path of its own that a database can store and index, the same in every scan of the same folder.
  Without it, two files whose names look alike would stop every ingestion of their source.
- No byte from outside the inbox is read: links are never followed, and a file that is swapped for a link
  while we look is refused.  Without it, a link to `/etc/shadow` would become searchable.
- Memory holds one file and the names of the folders above it, however large the inbox is.

What is ignored, and does not count as a file: names that begin with a dot, and the leavings of editors,
browsers and operating systems (`is_ignored`).  A link is refused even when it points to a file inside the
inbox, because that file is read under its own name and would be stored twice.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from plumbline.core.errors import Fatal, Passing
from plumbline.corpus.filenames import MAX_PATH_BYTES, escaped, nfc, shortened, unused
from plumbline.corpus.kinds import kind_of
from plumbline.corpus.outcomes import Bounds, Found, Refusal, RefusalCode, expired, oversized, unsupported

MAX_DEPTH = 64

_IGNORED_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "lost+found"})
_IGNORED_ENDINGS = ("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".swp", ".bak")
_IGNORED_BEGINNINGS = (".", "~$", "#")

_UNDECODED = range(0xDC80, 0xDD00)
"""What Python makes of the bytes of a name that are not UTF-8."""

_SAME_NAME: tuple[RefusalCode, str] = (
    "same_name",
    "Another file has this name, written with other Unicode characters.",
)

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_OPEN_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


class InboxMissing(Fatal):
    """The inbox folder is not there or cannot be opened.  This is never the same as an empty inbox."""


class Moved(Passing):
    """A file is not what it was when the inbox was scanned."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What stands in a folder: its path from there, its name on disk, and why it is refused, if its name says so."""

    path: str
    name: str
    is_folder: bool
    refused: tuple[RefusalCode, str] | None = None


def scan(inbox: Path, bounds: Bounds | None = None) -> Iterator[Found | Refusal]:
    """
    Read every visible file below `inbox`, in the order of their paths.

    Each `Found` carries the bytes that its sha256 was taken over; let go of it before asking for the next
    and memory stays flat.

    Raises:
        InboxMissing: The folder is absent, closed to us, or cannot be listed to its end.
    """
    place, bounds = Path(os.path.realpath(inbox)), bounds or Bounds()
    try:
        root, entries = _open_folder(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise InboxMissing(f"The inbox {inbox} cannot be opened: {_plainly(error)}.") from error
    try:
        yield from _walk(root, entries, "", 0, place, bounds)
    finally:
        os.close(root)


def fetch(inbox: Path, path: str, *, expected_sha256: bytes) -> bytes:
    """
    Read one file again that `scan` has found.

    Raises:
        Moved: It is gone, or its bytes are no longer the ones that were found.
        InboxMissing: The folder is absent or closed to us.
    """
    for outcome in _one(inbox, path):
        if isinstance(outcome, Found) and outcome.sha256 == expected_sha256:
            return outcome.content
    raise Moved(f"{path} has changed since the inbox was scanned; the next run reads it as it is then.")


def is_ignored(name: str) -> bool:
    """Whether a name is hidden or temporary, so that it does not count as a file of the inbox."""
    lower = name.lower()
    return (
        lower.startswith(_IGNORED_BEGINNINGS) or lower.endswith(_IGNORED_ENDINGS) or lower in _IGNORED_NAMES
    )


def _walk(
    folder: int, entries: list[_Entry], prefix: str, depth: int, inbox: Path, bounds: Bounds
) -> Iterator[Found | Refusal]:
    for entry in entries:
        path = prefix + entry.path
        if len(path.encode()) > MAX_PATH_BYTES:
            reason = f"The path is longer than {MAX_PATH_BYTES:,} bytes; shorten the names of the folders."
            yield Refusal(shortened(path), "too_deep", reason)
        elif entry.refused:
            yield Refusal(path, *entry.refused)
        elif not entry.is_folder:
            yield _read(folder, entry.name, path, inbox, bounds)
        elif depth >= MAX_DEPTH:
            yield Refusal(path, "too_deep", f"The folder lies more than {MAX_DEPTH} folders deep.")
        else:
            yield from _descend(folder, entry.name, path, depth, inbox, bounds)


def _descend(
    folder: int, name: str, path: str, depth: int, inbox: Path, bounds: Bounds
) -> Iterator[Found | Refusal]:
    try:
        inner, entries = _open_folder(name, _OPEN_FOLDER, folder)
    except OSError as error:
        yield _unreadable(path, error, "folder")
        return
    try:
        yield from _walk(inner, entries, path + "/", depth + 1, inbox, bounds)
    finally:
        os.close(inner)


def _open_folder(place: Path | str, flags: int, above: int | None = None) -> tuple[int, list[_Entry]]:
    """
    Open a folder and list all of it, or fail with an OSError.

    A disk or a network can fail in the middle of a list: what it had not named yet is never taken for gone.
    """
    folder = os.open(place, flags, dir_fd=above)
    try:
        return folder, _entries(folder)
    except BaseException:
        os.close(folder)
        raise


def _entries(folder: int) -> list[_Entry]:
    """
    The visible entries of a folder, each under a path of its own, in the order of the paths below them.

    A name that is text keeps its path, whatever stands beside it: it is, or may become, a document's.  Of two
    spellings of one name the first on disk has the path.  The others are refused, under their spelling, escaped.
    """
    with os.scandir(folder) as found:
        visible = sorted(
            (entry.name, entry.is_dir(follow_symlinks=False)) for entry in found if not is_ignored(entry.name)
        )
    entries: dict[str, _Entry] = {}
    refused: list[tuple[str, bool, tuple[RefusalCode, str]]] = []
    for name, is_folder in visible:
        if bad := _bad_name(name):
            refused.append((name, is_folder, bad))
        elif (path := nfc(name)) in entries:
            refused.append((name, is_folder, _SAME_NAME))
        else:
            entries[path] = _Entry(path, name, is_folder)
    for name, is_folder, why in refused:
        path = unused(escaped(name, letters=why is not _SAME_NAME), name, entries)
        entries[path] = _Entry(path, name, is_folder, why)
    return sorted(entries.values(), key=_order)


def _order(entry: _Entry) -> str:
    return entry.path + "/" if entry.is_folder else entry.path


def _bad_name(name: str) -> tuple[RefusalCode, str] | None:
    if name.isascii() and name.isprintable():
        return None
    if any(map(_UNDECODED.__contains__, map(ord, name))):
        return "unusable_name", "The name is not valid UTF-8; rename the file."
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        return "unusable_name", "The name holds control characters; rename the file."
    return None


def _read(folder: int, name: str, path: str, inbox: Path, bounds: Bounds) -> Found | Refusal:
    try:
        file = os.open(name, _OPEN_FILE, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return _refuse_link(folder, name, path, inbox)
        if error.errno == errno.ENXIO:  # a socket, or a device without a driver
            return _refuse_special(path)
        return _unreadable(path, error, "file")
    try:
        return _refusal_unread(file, name, path, bounds) or _found(file, name, path)
    except OSError as error:
        return _unreadable(path, error, "file")
    finally:
        os.close(file)


def _refusal_unread(file: int, name: str, path: str, bounds: Bounds) -> Refusal | None:
    """What speaks against a file before a byte of it is read."""
    seen = os.fstat(file)
    if not stat.S_ISREG(seen.st_mode):
        return _refuse_special(path)
    if kind_of(name) is None:
        return Refusal(path, "unsupported", unsupported(name), size=seen.st_size)
    if seen.st_size > bounds.max_bytes:
        return Refusal(path, "oversized", oversized(seen.st_size, bounds.max_bytes), size=seen.st_size)
    if bounds.since is None:
        return None
    return expired(path, datetime.fromtimestamp(seen.st_mtime, UTC), bounds)


def _found(file: int, name: str, path: str) -> Found | Refusal:
    before = os.fstat(file)
    content = _read_all(file, before.st_size)
    after = os.fstat(file)
    unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    if len(content) != before.st_size or not unchanged:
        return Refusal(
            path, "changing", "The file was being written while it was read; the next run takes it."
        )
    digest = sha256(content).digest()
    kind = kind_of(name)
    if not content or kind is None:
        return Refusal(path, "empty", "The file is empty (0 bytes).", digest, 0)
    return Found(path, digest, len(content), kind, content)


def _read_all(file: int, size: int) -> bytes:
    """Read `size` bytes and one more, so that a file that grows is noticed; large reads come in parts."""
    content = os.read(file, size + 1)
    if len(content) >= size or not content:
        return content
    parts = [content]
    while part := os.read(file, size + 1 - sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def _one(inbox: Path, path: str) -> Iterator[Found | Refusal]:
    """The outcome for one path: its folders are opened one below the other, none of them through a link."""
    try:
        folder = os.open(inbox, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise InboxMissing(f"The inbox {inbox} cannot be opened: {_plainly(error)}.") from error
    try:
        *above, last = path.split("/")
        for part in above:
            inner = os.open(_on_disk(folder, part), _OPEN_FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield _read(folder, _on_disk(folder, last), path, inbox, Bounds())
    except OSError:
        return
    finally:
        os.close(folder)


def _on_disk(folder: int, name: str) -> str:
    """The name as the file system spells it: `path` is NFC, some systems and archives write NFD."""
    if name in ("", ".", ".."):
        raise FileNotFoundError(errno.ENOENT, "not a name", name)
    if name.isascii():
        return name
    spelled = (entry.name for entry in _entries(folder) if entry.path == name and not entry.refused)
    return next(spelled, name)


def _refuse_link(folder: int, name: str, path: str, inbox: Path) -> Refusal:
    try:
        target = (Path(f"/proc/self/fd/{folder}").resolve() / name).resolve(strict=True)
    except (OSError, RuntimeError):  # missing, gone again, or a link to itself
        return Refusal(path, "link", "The link leads nowhere.")
    if not target.is_relative_to(inbox):
        reason = "The link leads out of the inbox; put a copy of the file here instead."
        return Refusal(path, "outside_inbox", reason)
    inside = target.relative_to(inbox)
    if any(map(is_ignored, inside.parts)):
        return Refusal(path, "link", "A link to a hidden file; put a copy of the file here instead.")
    shown = nfc(escaped(str(inside), letters=True))
    return Refusal(path, "link", f"A link to {shown}, which is read under its own name.")


def _refuse_special(path: str) -> Refusal:
    return Refusal(path, "special_file", "Not a regular file (a pipe, a socket or a device).")


def _unreadable(path: str, error: OSError, what: str) -> Refusal:
    if error.errno in (errno.ELOOP, errno.ENOTDIR) and what == "folder":
        return Refusal(
            path, "changing", "The folder was replaced while it was read; the next run looks again."
        )
    return Refusal(path, "unreadable", f"The {what} cannot be opened: {_plainly(error)}.")


def _plainly(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied"
    return (error.strerror or type(error).__name__).lower()
