"""
Front matter: the lines between two fences at the top of a Markdown file.

It is data from a stranger, read by large parsers in the process of the task.  Three promises follow.

- Nothing that stands there can raise: what cannot be understood stays in the text, and a value that cannot be kept
  is left out.  Without it, one odd file would stop every ingestion of its source.
- The parsers see only what is short and shallow, for their time grows with the square of the nesting.
- YAML aliases are refused, because a few lines of them can stand for gigabytes, and only short plain values are kept.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from plumbline.corpus.extraction.model import Metadata
from plumbline.corpus.extraction.text import tidy

_YAML = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_TOML = re.compile(r"\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
# In YAML, lists in lists can stand on one line, `- - - x`; each level takes an indicator and a blank, or a blank.
_DEEP_YAML = re.compile(r"^(?:[-?:]?[ \t]){200}", re.MULTILINE)
# In TOML, every dot of a key is a level.
_DEEP_TOML = re.compile(r"^(?:[^.\n]*\.){101}", re.MULTILINE)
_LONGEST = 32_000
_BRACKETS = 500
_KEYS = 64
_VALUE = 1_000
_BITS = 3_000
"""Of a whole number: about 900 digits, fewer than Python is willing to write out."""

Value = str | int | float | bool | list[str]


def split_front_matter(source: str) -> tuple[Metadata, str]:
    """The metadata and the rest; what cannot be understood as front matter stays in the text."""
    if not source.startswith(("---", "+++")):
        return {}, source
    fences, too_deep, parse = (_YAML, _DEEP_YAML, _yaml) if source[0] == "-" else (_TOML, _DEEP_TOML, _toml)
    found = fences.match(source[:_LONGEST])
    if not found:
        return {}, source
    declared = _parsed(found[1], too_deep, parse)
    if declared is None:
        return {}, source
    return _plain(declared), source[found.end() :]


def _parsed(
    source: str, too_deep: re.Pattern[str], parse: Callable[[str], object]
) -> Mapping[Any, object] | None:
    """What the front matter declares; None where it is not front matter, or not such as we let a parser see."""
    if not source.strip():
        return {}
    # Every bracket may be a level of nesting: counting them is one look, without understanding the source.
    if source.count("[") + source.count("{") > _BRACKETS or too_deep.search(source):
        return None
    try:
        declared = parse(source)
    except (MemoryError, ImportError):  # these say nothing about the document
        raise
    except Exception:  # noqa: BLE001 - the parsers let much through: OverflowError, KeyError, AttributeError, …
        return None
    return declared if isinstance(declared, dict) else None


def _yaml(source: str) -> object:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source, Loader=loader)):
        return None
    return yaml.load(source, Loader=loader)  # noqa: S506 - a safe loader, the C one where it is built in


def _toml(source: str) -> object:
    import tomllib

    return tomllib.loads(source)


def _plain(declared: Mapping[Any, object]) -> dict[str, Value]:
    """Short values of plain types, lists of them as texts; the rest is not metadata that anybody can search."""
    plain: dict[str, Value] = {}
    for key, value in declared.items():
        name = _single(key)
        kept = _several(value) if isinstance(value, list) else _single(value)
        if name is not None and kept is not None and len(plain) < _KEYS:
            plain[tidy(str(name)[:100])] = kept
    return plain


def _several(values: list[object]) -> list[str] | None:
    """The single values of a list; a list inside it is left out."""
    return [str(word) for word in map(_single, values[:_KEYS]) if word is not None] or None


def _single(value: object) -> str | int | float | bool | None:
    if isinstance(value, bool | int):
        if abs(value) < 2**53:
            return value
        return str(value) if value.bit_length() <= _BITS else None
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    # YAML and TOML can spell characters that the source does not hold, NUL among them.
    return tidy(value[:_VALUE]) or None if isinstance(value, str) else None
