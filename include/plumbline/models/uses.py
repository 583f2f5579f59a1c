"""What is to be known of a use, from `include/uses.toml`: how urgent it is, and how long its answers live."""

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


class Urgency(StrEnum):
    """Who is served first where the rate limit does not serve all at once."""

    INTERACTIVE = "interactive"
    """A person waits for the answer."""
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Use:
    """A use; `lifetime` None is for good."""

    urgency: Urgency = Urgency.BULK
    lifetime: timedelta | None = None


def urgency(use: str) -> Urgency:
    """Return how urgent a use is."""
    return _uses().get(use, Use()).urgency


def lifetime(use: str) -> timedelta | None:
    """Return how long an answer of this use may be used again; None is for good."""
    return _uses().get(use, Use()).lifetime


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
    if not isinstance(table, dict) or table.keys() - {"class", "lifetime_days"}:
        raise Misconfigured(f"include/uses.toml: a use has class and lifetime_days; {name} does not.")
    said, days = table.get("class", Urgency.BULK), table.get("lifetime_days")
    if said not in list(Urgency):
        raise Misconfigured(f"include/uses.toml: the class of {name} must be interactive or bulk.")
    if days is not None and not (type(days) in (int, float) and 0 <= days < float("inf")):
        raise Misconfigured(f"include/uses.toml: the lifetime_days of {name} must be a number, not below 0.")
    return Use(Urgency(said), None if days is None else timedelta(days=days))


@cache
def _uses() -> dict[str, Use]:
    return parse_uses(USES.read_text(encoding="utf-8"))
