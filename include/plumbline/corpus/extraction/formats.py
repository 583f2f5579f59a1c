"""Which reader reads which kind of file.  Their parsers are imported where they are used: a worker stays light."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from plumbline.corpus.extraction.model import Limits, Metadata, Part

Read = tuple[str, str | None, list[Part], Metadata]
"""The text of a document, its title if it declares one, its parts, and what it says of itself."""


def read_format(content: bytes, kind: str, limits: Limits) -> Read:
    """
    Read one document, here and now, by `read_<kind>` of the module of that name.

    Raises:
        Unreadable: It cannot be read; the error says why.
        Exception: Its parser stumbled over it.
    """
    module = import_module(f"plumbline.corpus.extraction.{kind}")
    reader = cast("Callable[[bytes, Limits], Read]", getattr(module, f"read_{kind}"))
    return reader(content, limits)
