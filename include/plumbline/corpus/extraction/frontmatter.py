"""
Front matter: the lines between two fences at the top of a Markdown file.

It is data from a stranger.  YAML aliases are refused, because a few lines of them can stand for gigabytes, and only
short plain values are kept.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from plumbline.corpus.extraction.model import Metadata
from plumbline.corpus.extraction.text import tidy

_YAML = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_TOML = re.compile(r"\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_LONGEST = 32_000
_KEYS = 64
_VALUE = 1_000

Value = str | int | float | bool | list[str]


def split_front_matter(source: str) -> tuple[Metadata, str]:
    """The metadata and the rest; what cannot be understood as front matter stays in the text."""
    if not source.startswith(("---", "+++")):
        return {}, source
    found = (_YAML if source[0] == "-" else _TOML).match(source[:_LONGEST])
    if not found:
        return {}, source
    declared = _yaml(found[1]) if source[0] == "-" else _toml(found[1])
    if declared is None:
        return {}, source
    return _plain(declared), source[found.end() :]


def _yaml(source: str) -> Mapping[Any, object] | None:
    import yaml

    if not source.strip():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source, Loader=loader)):
            return None
        value = yaml.load(source, Loader=loader)  # noqa: S506 - a safe loader, the C one where it is built in
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _toml(source: str) -> Mapping[Any, object] | None:
    import tomllib

    try:
        return {str(key): value for key, value in tomllib.loads(source).items()}
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _plain(declared: Mapping[Any, object]) -> dict[str, Value]:
    """Short values of plain types, lists of them as texts; the rest is not metadata that anybody can search."""
    plain: dict[str, Value] = {}
    for key, value in declared.items():
        kept = _value(value)
        if kept is not None and len(plain) < _KEYS:
            plain[tidy(str(key)[:100])] = kept
    return plain


def _value(value: object) -> Value | None:
    if isinstance(value, list):
        words = [
            word for word in map(_value, value[:_KEYS]) if word is not None and not isinstance(word, list)
        ]
        return [str(word) for word in words] or None
    if isinstance(value, bool | int):
        return value if abs(value) < 2**53 else str(value)[:_VALUE]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    # YAML and TOML can spell characters that the source does not hold, NUL among them.
    return tidy(value[:_VALUE]) or None if isinstance(value, str) else None
