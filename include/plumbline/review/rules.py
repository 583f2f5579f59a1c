"""
The rules of the queue: data in `rules.toml`, read once a process, refused where they say nothing that can be kept.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plumbline.core.errors import Misconfigured
from plumbline.review.errors import NotInTheRules
from plumbline.review.hours import Business, due_at

_RULES = Path(__file__).with_name("rules.toml")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOCKS = ("business", "around")
_MOST_HOURS = 2_000  # a year of business
NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of question; `reasons` and `decisions` are codes with what they mean."""

    name: str
    says: str
    subject: str
    team: str | None
    business: Business | None
    hours: Mapping[str, float]
    reasons: Mapping[str, str]
    decisions: Mapping[str, str]
    on_decided: str | None

    def check_reason(self, reason: str) -> None:
        """Raise NotInTheRules for a reason that this kind does not know."""
        _among(self.reasons, reason, f"reason of the kind {self.name}")

    def due_at(self, asked_at: datetime, urgency: str) -> datetime:
        """Return by when it is due, in UTC; raises NotInTheRules for an urgency that this kind does not know."""
        _among(self.hours, urgency, f"urgency of the kind {self.name}")
        return due_at(asked_at, self.hours[urgency], self.business)


def kind(name: str) -> Kind:
    """Return a kind by its name; raises NotInTheRules where there is none."""
    known = kinds()
    _among(known, name, "kind of question")
    return known[name]


@cache
def kinds() -> Mapping[str, Kind]:
    """Return all kinds by name."""
    return read_rules(_RULES.read_text(encoding="utf-8"))


def read_rules(text: str) -> dict[str, Kind]:
    """
    Return the kinds that a text in TOML declares.  Pure.

    Raises:
        Misconfigured: It lacks something, or says something that cannot be kept.
    """
    try:
        declared = tomllib.loads(text)
        business = _business(declared["business_hours"])
        return {name: _kind(name, about, business) for name, about in declared["kind"].items()}
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"The rules of the queue are no TOML: {error}.") from error
    except KeyError as error:
        raise Misconfigured(f"The rules of the queue lack {error}.") from error


def _business(about: Mapping[str, Any]) -> Business:
    try:
        zone = ZoneInfo(about["zone"])
        begin, end = time.fromisoformat(about["from"]), time.fromisoformat(about["until"])
        holidays = frozenset(date.fromisoformat(str(day)) for day in about["holidays"])
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise Misconfigured(f"The business hours of the queue: {error}.") from error
    if strange := sorted(set(about["days"]) - set(_DAYS)):
        raise Misconfigured(
            f"The business hours of the queue know no {', '.join(strange)}; days are {', '.join(_DAYS)}."
        )
    if not about["days"] or begin >= end:
        raise Misconfigured("The business hours of the queue leave no hour in a week.")
    return Business(zone, frozenset(_DAYS.index(day) for day in about["days"]), begin, end, holidays)


def _kind(name: str, about: Mapping[str, Any], business: Business) -> Kind:
    clock, hours = about["clock"], about["hours"]
    if clock not in _CLOCKS:
        raise Misconfigured(
            f"The kind {name} of the queue has the clock {clock!r}; it is one of {', '.join(_CLOCKS)}."
        )
    if NORMAL not in hours or not all(0 < value <= _MOST_HOURS for value in hours.values()):
        raise Misconfigured(
            f"The kind {name} of the queue needs hours for {NORMAL!r}, above 0, at most {_MOST_HOURS}."
        )
    if not about["reasons"] or not about["decisions"]:
        raise Misconfigured(f"The kind {name} of the queue needs reasons and decisions.")
    return Kind(
        name=name,
        says=about["says"],
        subject=about["subject"],
        team=about.get("team"),
        business=business if clock == "business" else None,
        hours=hours,
        reasons=about["reasons"],
        decisions=about["decisions"],
        on_decided=about.get("on_decided"),
    )


def _among(known: Iterable[str], name: str, what: str) -> None:
    known = list(known)
    if name not in known:
        raise NotInTheRules(f"{name!r} is no {what}. There are: {', '.join(known)}.")
