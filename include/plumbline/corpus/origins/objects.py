"""
The objects of a store: listed, and read where they are new or another version.

An object's path is its key below the address of the source.  Its bytes are not kept: the store has them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from plumbline.core.stores import Listed, ObjectGone, Store, StoreAway, StoreUnusable
from plumbline.corpus.filenames import MAX_PATH_BYTES, escaped, nfc, shortened, unused
from plumbline.corpus.intake import is_ignored
from plumbline.corpus.kinds import kind_of
from plumbline.corpus.origins.changes import Change, Known, Left, Problem, Same, Taken, asked_again
from plumbline.corpus.outcomes import Bounds, RefusalCode, oversized, unsupported

_FAILURES = 20
"""Objects one after the other that cannot be read: then it is the store that does not answer, and not one of them."""
_NOWHERE = ("", ".", "..")
"""Parts of a key that are no names."""


def changes_of_store(store: Store, known: Mapping[str, Known], bounds: Bounds) -> Iterator[Change]:
    """
    Say of every object whether it is new, changed or as it was; `known` by address.

    Raises:
        StoreUnusable, StoreAway: The store cannot be opened, not be listed to its end, or nothing in it be read.
    """
    used: set[str] = set()
    failures = 0
    for listed in store.list():
        if any(part not in _NOWHERE and is_ignored(part) for part in listed.key.split("/")):
            continue
        path, refused = _path(listed.key, used)
        used.add(path)
        before = known.get(listed.key)
        if refused := refused or _refused(listed, bounds):
            yield Problem(path, escaped(_told(listed.key), letters=True), *refused)
        elif before is not None and _is_same(listed, before, bounds):
            yield Same(path)
        else:
            try:
                yield _taken(store, listed, path, bounds)
                failures = 0
            except (StoreUnusable, StoreAway) as error:
                failures += 1
                if failures == _FAILURES:
                    raise
                yield Problem(path, listed.key, "unreadable", str(error))


def _is_same(listed: Listed, before: Known, bounds: Bounds) -> bool:
    return (
        listed.version is not None
        and listed.version == before["etag"]
        and asked_again(before, bounds, kept=False)
    )


def _taken(store: Store, listed: Listed, path: str, bounds: Bounds) -> Change:
    kind = kind_of(listed.key.rsplit("/", 1)[-1])
    assert kind is not None  # noqa: S101 - others were refused before
    try:
        content = store.read(listed.key, bounds.max_bytes + 1)
    except ObjectGone:
        return Left(path)
    if not content:
        return Problem(path, listed.key, "empty", "The file is empty (0 bytes).")
    if len(content) > bounds.max_bytes:
        return Problem(path, listed.key, "oversized", oversized(len(content), bounds.max_bytes))
    return Taken.of(path, listed.key, kind, content, etag=listed.version, modified_at=listed.modified_at)


def _refused(listed: Listed, bounds: Bounds) -> tuple[RefusalCode, str] | None:
    name = listed.key.rsplit("/", 1)[-1]
    if kind_of(name) is None:
        return "unsupported", unsupported(name)
    if listed.size > bounds.max_bytes:
        return "oversized", oversized(listed.size, bounds.max_bytes)
    return None


def _path(key: str, used: set[str]) -> tuple[str, tuple[RefusalCode, str] | None]:
    """The path of an object, and why it is refused where its key can be none."""
    path, told = nfc(key), _told(key)
    if len(told.encode()) > MAX_PATH_BYTES:
        reason = f"The key is longer than {MAX_PATH_BYTES:,} bytes."
        return shortened(escaped(told, letters=True)), ("too_deep", reason)
    if any(part in _NOWHERE for part in path.split("/")):
        reason = "The key has an empty part, or one that is `.` or `..`; rename the object."
    elif any(unicodedata.category(letter) in ("Cc", "Cs") for letter in key):
        reason = "The key holds control characters, or is not valid UTF-8; rename the object."
    elif path in used:
        return unused(escaped(told, letters=False), told, used), (
            "same_name",
            "Another object has this key, written with other Unicode characters.",
        )
    else:
        return path, None
    return unused(escaped(told, letters=False), told, used), ("unusable_name", reason)


def _told(key: str) -> str:
    """A key as text that can be stored, whatever it holds."""
    return key.encode("utf-8", "backslashreplace").decode()
