"""What an office document says of itself: `docProps/core.xml` of the OOXML formats."""

from __future__ import annotations

import zipfile
from io import BytesIO
from xml.etree import ElementTree as ET

from plumbline.corpus.extraction.text import shorten

_CORE = "docProps/core.xml"
_NAMES = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "category": "category",
    "description": "description",
    "language": "language",
    "created": "created",
    "modified": "modified",
}


def core_properties(content: bytes) -> dict[str, str]:
    """
    Return those properties that hold something, shortened.

    They are read from the file itself: the libraries make some up where it has none, such as the moment of reading.
    """
    with zipfile.ZipFile(BytesIO(content)) as archive:
        if _CORE not in archive.namelist():
            return {}
        try:
            root = ET.fromstring(archive.read(_CORE))  # noqa: S314 - declarations were refused before
        except ET.ParseError:
            return {}
    found = ((_NAMES.get(child.tag.rpartition("}")[2]), child.text or "") for child in root)
    said = {name: shorten(text, 1_000) for name, text in found if name}
    return {name: text for name, text in said.items() if text}
