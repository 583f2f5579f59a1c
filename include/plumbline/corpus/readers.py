"""
Read the files of a page, several at once where their kinds are read by worker processes.

What comes back is in the order of the files, whichever was read first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from plumbline.corpus.extraction import Extracted, Unreadable, extract
from plumbline.corpus.extraction.pool import SHARED
from plumbline.corpus.extraction.reading import is_read_here
from plumbline.corpus.intake import Moved
from plumbline.corpus.origins import Origin


class Refused(NamedTuple):
    """Why a file cannot be taken in, as a code and in a sentence."""

    code: str
    reason: str


def read_files(
    origin: Origin, files: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], Extracted | Refused]]:
    """Yield each file (`path`, `sha256`, `kind`, `bytes`) with what was read, or why nothing was."""
    read = partial(_read, origin)
    if sum(not is_read_here(file["kind"], file["bytes"]) for file in files) < 2:  # noqa: PLR2004 - one needs no company
        yield from zip(files, map(read, files), strict=True)
        return
    with ThreadPoolExecutor(SHARED.size) as readers:
        yield from zip(files, readers.map(read, files), strict=True)


def _read(origin: Origin, file: Mapping[str, Any]) -> Extracted | Refused:
    path = file["path"]
    try:
        content = origin.fetch(path, file["sha256"])
        return extract(content, file["kind"], path)
    except Moved as moved:
        return Refused("changing", str(moved))
    except Unreadable as unreadable:
        return Refused(unreadable.code, unreadable.reason)
