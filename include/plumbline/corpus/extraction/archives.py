"""
Files that are archives inside: DOCX, PPTX, XLSX and ODT.

An archive of 92 KB can hold gigabytes.  What it says it would unpack to is added up before anything is unpacked, and
an entry never gives more than it has declared, so that the sum is a bound.  Nothing is ever written to a disk, so the
names inside can lead nowhere.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import IO
from xml.etree import ElementTree as ET
from xml.parsers import expat

from plumbline.corpus.extraction.model import Unreadable

_ENTRIES_AT_MOST = 10_000
_UNPACKED_AT_MOST = 256 * 2**20
_RATIO_AT_MOST = 100
_RATIO_MATTERS_FROM = 8 * 2**20
_PIECE = 1_024
_COMPOUND = b"\xd0\xcf\x11\xe0"
_PROTECTED = "EncryptedPackage".encode("utf-16-le")
_IS_ENCRYPTED = 0x1
_LOCKED = "The file is protected by a password; save a copy without one."
_MANIFEST = "META-INF/manifest.xml"
_ENCRYPTION = re.compile(rb"<(?:[\w.-]+:)?encryption-data\b")
_TYPES = "[Content_Types].xml"
_XML_NAMES = (".xml", ".rels")
# What begins so is in UTF-32 or EBCDIC: parsers of the formats can read it, and ours cannot.
_FOREIGN = re.compile(
    rb"\xff\xfe\0\0|\0\0\xfe\xff|<\0\0\0|\0\0\0<|\0\0<\0|\0<\0\0|" + re.escape("<?xm".encode("cp037"))
)
_UNKNOWN = expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]


def demand_sound(content: bytes, *, entry: str) -> None:
    """
    Hold an archive to what a document needs; `entry` is the one that makes it what its name says.

    Raises:
        Unreadable: It is protected by a password (`encrypted`), unpacks to too much (`oversized`), declares XML
            entities or holds XML that cannot be looked at for them, lacks the entry, or is no archive (`malformed`).
    """
    if content.startswith(_COMPOUND):
        raise _compound(content)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            _demand_small(entries, len(content))
            if any(one.flag_bits & _IS_ENCRYPTED for one in entries) or _is_locked(archive, entries):
                raise Unreadable("encrypted", _LOCKED)
            if entry not in {one.filename for one in entries}:
                raise Unreadable(
                    "malformed", f"The file is not what its name says: it has no {entry} inside."
                )
            _demand_plain_xml(archive, entries)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError) as error:
        raise Unreadable("malformed", "The file is damaged or cut short: it cannot be unpacked.") from error


def _demand_small(entries: list[zipfile.ZipInfo], size: int) -> None:
    if len(entries) > _ENTRIES_AT_MOST:
        raise Unreadable(
            "oversized", f"The file holds {len(entries):,} files; the limit is {_ENTRIES_AT_MOST:,}."
        )
    unpacked = sum(entry.file_size for entry in entries)
    bomb = unpacked > _RATIO_MATTERS_FROM and unpacked > _RATIO_AT_MOST * size
    if unpacked > _UNPACKED_AT_MOST or bomb:
        raise Unreadable(
            "oversized",
            f"The file would unpack from {size / 1e6:,.1f} to {unpacked / 1e6:,.1f} MB, more than a document needs.",
        )


def _is_locked(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> bool:
    """Whether the manifest of an OpenDocument says that its parts are encrypted: the archive around them never is."""
    manifest = next((one for one in entries if one.filename == _MANIFEST), None)
    return manifest is not None and _ENCRYPTION.search(archive.read(manifest)) is not None


def _demand_plain_xml(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse declarations of entities, of which no office program writes any: they blow up a parser, or lead it out."""
    seen = [entry for entry in entries if entry.filename.lower().endswith(_XML_NAMES)]
    for entry in seen:
        _demand_plain(archive, entry)
    if any(entry.filename == _TYPES for entry in seen):
        declared = set(_declared_xml(archive.read(_TYPES)))
        for entry in entries:
            name = entry.filename.lower()
            if not name.endswith(_XML_NAMES) and (
                name in declared or f"*.{name.rpartition('.')[2]}" in declared
            ):
                _demand_plain(archive, entry)


def _declared_xml(types: bytes) -> Iterator[str]:
    """The names, or `*.` and the extensions, of the parts that are XML whatever they are called; pictures apart."""
    try:
        root = ET.fromstring(types)  # noqa: S314 - declarations were refused before
    except ET.ParseError:
        return
    for one in root:
        kind = (one.get("ContentType") or "").strip().lower()
        if kind.endswith("xml") and not kind.startswith("image/"):
            yield (one.get("PartName") or "").lower().lstrip(
                "/"
            ) or f"*.{(one.get('Extension') or '').lower()}"


def _demand_plain(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    with archive.open(entry) as part:
        if _declares(part):
            raise Unreadable(
                "malformed", f"The file declares XML entities (in {entry.filename}); none are read."
            )


class _Told(Exception):
    """The prologue of an XML file has ended."""


def _declares(part: IO[bytes]) -> bool:
    """
    Whether a document type is declared before the first element, where alone it may be.

    In an encoding that expat does not know it might be, and so it is.
    """
    found: list[str] = []

    def declared(name: str, *_: object) -> None:
        found.append(name)
        raise _Told

    def began(*_: object) -> None:
        raise _Told

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = declared, began
    piece = part.read(_PIECE)
    if _FOREIGN.match(piece):
        return True
    try:
        while piece:
            parser.Parse(piece)
            piece = part.read(_PIECE)
    except _Told:
        pass
    except expat.ExpatError as error:
        return error.code == _UNKNOWN  # of anything else, the parser of the format says what is wrong with it
    except (ValueError, LookupError):  # of the encoding, too
        return True
    return bool(found)


def _compound(content: bytes) -> Unreadable:
    if _PROTECTED in content:
        return Unreadable("encrypted", _LOCKED)
    return Unreadable(
        "malformed", "The file has an older format than its name says; save a copy in the new one."
    )
