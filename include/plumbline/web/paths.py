"""
Where a page is stored below its source.

The path is the address as a person would write it, and what had to be added stands in brackets after a space, where no
text of an address ever does; so two addresses never meet at one path, whatever else the source holds.  Pure.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from urllib.parse import unquote_to_bytes

from plumbline.web.outcomes import Ended
from plumbline.web.urls import Address, parse

BYTES_AT_MOST = 1_000
_ENDING = re.compile(r"\.?([A-Za-z0-9]{1,16})")
_ESCAPES = re.compile(r"(?:%[89A-F][0-9A-F])+")
# A space stays escaped where it cannot be seen, and where it would begin what only we write.
_SPACE = re.compile(r"(?<=.)%20(?=[^(])")
_INDEX = re.compile(r"index(\.[A-Za-z0-9]{1,16})?", re.IGNORECASE)
_EMPTY = "(empty)"


def path_of(url: str, kind_ending: str | None) -> str:
    """
    Return the path of a page: the same for the same address, never that of another.

    `kind_ending` is the ending of names of its kind, such as `.html`: the path ends with it.

    - `https://docs.example.com/guide/install.html` → `docs.example.com/guide/install.html`
    - `https://docs.example.com/guide/` → `docs.example.com/guide/index.html`
    - `https://docs.example.com/guide/install` → `docs.example.com/guide/install (page).html`
    - `https://docs.example.com/show?id=3` → `docs.example.com/show (?id=3).html`
    - `http://docs.example.com/` → `docs.example.com (http)/index.html`

    Raises:
        ValueError: It is no address that could be fetched, or no ending.
    """
    try:
        address = parse(url)
    except Ended as ended:
        raise ValueError(ended.outcome.reason) from None
    ending = _ending(kind_ending)
    path = _path(address, ending, in_ascii=False)
    if unicodedata.normalize("NFC", path) != path:
        path = _path(address, ending, in_ascii=True)
    return path if len(path.encode()) <= BYTES_AT_MOST else _shortened(path, address, ending)


def _ending(kind_ending: str | None) -> str:
    if not kind_ending:
        return ""
    found = _ENDING.fullmatch(kind_ending)
    if not found:
        raise ValueError(f"{kind_ending!r} is no ending of a name")
    return f".{found[1]}"


def _path(address: Address, ending: str, *, in_ascii: bool) -> str:
    host = address.authority if address.scheme == "https" else f"{address.authority} (http)"
    *folders, name = address.path.split("/")[1:]
    readable = [_readable(folder, in_ascii=in_ascii) for folder in folders]
    parts = [host, *(_EMPTY if not part else _literal(part) for part in readable)]
    query = None if address.query is None else _readable(address.query, in_ascii=in_ascii)
    return "/".join([*parts, _name(_readable(name, in_ascii=in_ascii), query, ending)])


def _name(name: str, query: str | None, ending: str) -> str:
    # A page that only says `index` could be the one that a trailing slash stands for.
    if _INDEX.fullmatch(name):
        stem, dot, rest = name.partition(".")
        name = f"{stem} (file){dot}{rest}"
    name = _literal(name) if name else "index"
    if query is not None:
        # A slash would begin another part.  An address writes its escapes in capitals, so this one is never its own.
        return f"{name} (?{query.replace('/', '%2f')}){ending}"
    if name == "index" or name.lower().endswith(ending.lower()):
        return name if name != "index" else f"index{ending}"
    return f"{name} (page){ending}"


def _literal(part: str) -> str:
    return f"{part} (file)" if part == _EMPTY else part


def _readable(text: str, *, in_ascii: bool) -> str:
    """Write what is escaped as letters, where they can be seen and lead back to the same escapes."""
    text = _SPACE.sub(" ", text)
    return text if in_ascii else _ESCAPES.sub(_letters, text)


def _letters(found: re.Match[str]) -> str:
    try:
        letters = unquote_to_bytes(found[0]).decode()
    except UnicodeDecodeError:
        return found[0]
    return letters if letters.isprintable() and unicodedata.is_normalized("NFC", letters) else found[0]


def _shortened(path: str, address: Address, ending: str) -> str:
    mark = f" (… {sha256(address.url.encode()).hexdigest()[:32]}){ending}"
    kept = path.encode()[: BYTES_AT_MOST - len(mark.encode())].decode(errors="ignore")
    return f"{kept.rstrip('/ ')}{mark}"
