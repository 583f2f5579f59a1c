"""
Which kinds of documents can be read, and how a file name says which kind it is.  Pure.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["markdown", "text", "html", "pdf", "rst", "docx", "pptx", "xlsx", "csv", "eml", "odt", "rtf"]

KINDS: dict[str, Kind] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".rst": "rst",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".csv": "csv",
    ".tsv": "csv",
    ".eml": "eml",
    ".odt": "odt",
    ".rtf": "rtf",
}
"""File name endings that can be read, in lower case."""

OLDER: dict[str, str] = {".doc": ".docx", ".xls": ".xlsx", ".ppt": ".pptx", ".msg": ".eml"}
"""Endings of formats that came before, each with the one to save a copy as."""


def kind_of(name: str) -> Kind | None:
    """What a file is, by the ending of its name; None where it cannot be read."""
    dot = name.rfind(".")
    return KINDS.get(name[dot:].lower()) if dot > 0 else None
