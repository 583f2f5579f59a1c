"""
What is to be known of a use, from `include/uses.toml`: how urgent it is, how long its answers live, and what a call of
it may hold.

They are a file and no table: they change with the code that needs them, are read in review, and cost a call nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from plumbline.core.errors import Misconfigured
from plumbline.core.sql import SQL_ROOT

USES = SQL_ROOT.parent / "uses.toml"

_CAPS = ("most_tokens_in", "most_tokens_out")
_KEYS = dict.fromkeys(("class", "lifetime_days", *_CAPS))


class Urgency(StrEnum):
    """Who is served first where the rate limit does not serve all at once."""

    INTERACTIVE = "interactive"
    """A person waits for the answer."""
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Use:
    """A use; `lifetime` None is for good, and without a cap a call may be as long as the model takes."""

    urgency: Urgency = Urgency.BULK
    lifetime: timedelta | None = None
    most_tokens_in: int | None = None
    most_tokens_out: int | None = None


def use_of(name: str) -> Use:
    """
    Return what is known of a use.

    Raises:
        Misconfigured: The file of uses cannot be read.
    """
    return _uses().get(name, Use())


def urgency(use: str) -> Urgency:
    """Return how urgent a use is."""
    return use_of(use).urgency


def lifetime(use: str) -> timedelta | None:
    """Return how long an answer of this use may be used again; None is for good."""
    return use_of(use).lifetime


def parse_uses(text: str) -> dict[str, Use]:
    """
    Return the uses that a file declares, by name.  Pure.

    Raises:
        Misconfigured: It is no TOML, or says something that no use has.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"include/uses.toml cannot be read: {error}.") from None
    return {name: _use(name, table) for name, table in tables.items()}


def _use(name: str, table: Any) -> Use:
    if not isinstance(table, dict) or table.keys() - _KEYS:
        raise Misconfigured(f"include/uses.toml: a use has {', '.join(_KEYS)}; {name} has something else.")
    said, days = table.get("class", Urgency.BULK), table.get("lifetime_days")
    if said not in list(Urgency):
        raise Misconfigured(f"include/uses.toml: the class of {name} must be interactive or bulk.")
    if days is not None and not (type(days) in (int, float) and 0 <= days < float("inf")):
        raise Misconfigured(f"include/uses.toml: the lifetime_days of {name} must be a number, not below 0.")
    most = [table.get(key) for key in _CAPS]
    if not all(tokens is None or (type(tokens) is int and tokens > 0) for tokens in most):
        raise Misconfigured(f"include/uses.toml: the caps of {name} must be whole numbers above 0.")
    return Use(Urgency(said), None if days is None else timedelta(days=days), *most)


@cache
def _uses() -> dict[str, Use]:
    return parse_uses(USES.read_text(encoding="utf-8"))
