"""What was compressed, unpacked within bounds: a few kilobytes can hold gigabytes.  Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from plumbline.web.outcomes import refusal

_PIECE = 64 * 1024
_GZIP = 31  # zlib's number for the largest window, with the headers of gzip
_BROKEN = "The site sent compressed data that is damaged or cut short."


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """
    Undo the encoding that the header `Content-Encoding` names, in pieces that are never large.

    Raises:
        Ended: It is one that we did not ask for, or damaged (`unreadable`).
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        yield from pieces
    elif name in {"gzip", "x-gzip"}:
        yield from gunzipped(pieces)
    else:
        raise refusal("unreadable", "The site compresses the page in a way that was not asked for.")


def gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """
    Unpack gzip, of any number of members, in pieces of at most 64 KiB.

    Raises:
        Ended: It is damaged or cut short (`unreadable`).
    """
    member = None
    for piece in pieces:
        rest = piece
        while rest:
            if member is None:
                rest = rest.lstrip(b"\0")  # some programs fill up the end of a file
                if not rest:
                    break
                member = zlib.decompressobj(_GZIP)
            yield from _inflated(member, rest)
            rest = member.unused_data
            if member.eof:
                member = None
    if member is not None:
        raise refusal("unreadable", _BROKEN)


def _inflated(member: zlib._Decompress, rest: bytes) -> Iterator[bytes]:
    while True:
        try:
            piece = member.decompress(rest, _PIECE)
        except zlib.error:
            raise refusal("unreadable", _BROKEN) from None
        if piece:
            yield piece
        rest = member.unconsumed_tail
        # Without a tail there may still be more to come, as long as pieces come full.
        if member.eof or (not rest and len(piece) < _PIECE):
            return


def gathered(pieces: Iterable[bytes], most: int) -> bytes:
    """
    Join pieces of at most `most` bytes in all.

    Raises:
        Ended: There are more (`oversized`); what comes after is not asked for.
    """
    content = bytearray()
    for piece in pieces:
        if len(content) + len(piece) > most:
            raise refusal("oversized", f"The page is larger than the limit of {most:,} bytes.")
        content += piece
    return bytes(content)


def beginning(pieces: Iterable[bytes], most: int) -> bytes:
    """Join the first `most` bytes and ask for no more."""
    content = bytearray()
    for piece in pieces:
        content += piece[: most - len(content)]
        if len(content) == most:
            break
    return bytes(content)
