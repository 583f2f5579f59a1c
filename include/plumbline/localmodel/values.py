"""
Values found in a text: dates, times, numbers, addresses, references, yes and no, `field: value` lines.

A value is reported only as it was written (a date may be put in ISO form).  Nothing is computed,
completed or guessed: what is not in the text is not found.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from plumbline.localmodel.sentences import words

T = TypeVar("T")

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar januari janvier enero gennaio",
            "february feb februar februari février fevrier febrero febbraio",
            "march mar märz maerz mars marzo maart",
            "april apr avril abril aprile",
            "may mai mayo maggio mei",
            "june jun juni juin junio giugno",
            "july jul juli juillet julio luglio",
            "august aug août aout agosto augustus",
            "september sep sept septembre septiembre settembre",
            "october oct oktober okt octobre octubre ottobre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre decembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
NUMERALS = dict(
    zip(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        range(1, 13),
        strict=True,
    )
)
NEGATIONS = re.compile(
    r"\b(?:no|not|never|none|neither|nor|without|cannot|\w+n['’]t|nicht|kein\w*|nie|niemals|ohne|ne|pas|jamais|sans|"
    r"nunca|jamás|sin|tampoco|non|mai|senza)\b",
    re.IGNORECASE,
)

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b"),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<name>{_MONTH})\.?,?\s+(?:de\s+)?(?P<year>\d{{4}})\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<name>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\b"),
    re.compile(r"\b(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})\b"),
    re.compile(r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日"),
)
_TIME = re.compile(
    r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?\s*(?P<half>[ap]\.?m\b)?",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?<![\w.,/-])[-+−]?(?:\d{1,3}(?:[,.'\u00a0\u202f]\d{3})+|\d+)(?:[.,]\d+)?(?![\d/-])(?!\.\d)"
)
_NUMERAL = re.compile(rf"\b(?:{'|'.join(NUMERALS)})\b", re.IGNORECASE)
_FIELD = re.compile(
    r"^[ \t>|*•\-]{0,12}([^\s:*|][^:\n*|]{0,40}?)\*{0,2}[ \t]*(?::\*{0,2}[ \t]+|\|[ \t]*)(\S[^\n|]*)",
    re.MULTILINE,
)

PATTERNS = {
    "email": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}\.[a-zA-Z]{2,24}\b"),
    "uri": re.compile(r"\bhttps?://[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]"),
    "uuid": re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    "ipv4": re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b(?!\.\d)"),
    "ipv6": re.compile(r"\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b"),
    "duration": re.compile(r"\bP(?=\d|T\d)(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?\b"),
    "hostname": re.compile(r"\b(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.){1,8}[a-zA-Z]{2,24}\b"),
    "phone": re.compile(r"(?<![\w-])\+?\(?\d[\d ()/-]{6,18}\d\b"),
    "reference": re.compile(r"\b(?=[A-Z0-9-]{0,30}\d)[A-Z]{1,6}-?[A-Z0-9-]{1,30}\b|#\d{2,}|\b\d{5,}\b"),
    "name": re.compile(r"\b[A-ZÀ-ÖØ-Þ][\w'’-]{1,40}(?: (?:[a-z]{2,3} )?[A-ZÀ-ÖØ-Þ][\w'’-]{1,40}){1,4}"),
}


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """A value, the place where it stands, and the characters it stands there as."""

    value: T
    start: int
    end: int


def dates(text: str) -> list[Value[dt.date]]:
    """
    The dates of `text` that say a year, in order.

    3/4/2026 is read as the fourth of March, unless only the other order is a date.
    """
    found = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            date = _date(match.groupdict())
            if date is not None:
                found.append(Value(date, *match.span()))
    return sorted(found, key=lambda value: value.start)


def times(text: str) -> list[Value[dt.time]]:
    """The times of day in `text`, in order."""
    found = []
    for match in _TIME.finditer(text):
        hour = int(match["hour"])
        if match["half"]:
            hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
        found.append(Value(dt.time(hour, int(match["minute"]), int(match["second"] or 0)), *match.span()))
    return found


def numbers(text: str) -> list[Value[float]]:
    """The numbers of `text` that are no part of a date, a time or a reference, in order."""
    taken = [(date.start, date.end) for date in dates(text)] + [
        (time.start, time.end) for time in times(text)
    ]
    taken += [
        match.span() for kind in ("uri", "email", "uuid", "ipv4") for match in PATTERNS[kind].finditer(text)
    ]
    taken += [match.span() for match in PATTERNS["phone"].finditer(text) if match[0].startswith("+")]
    found = [Value(_number(match[0]), *match.span()) for match in _NUMBER.finditer(text)]
    found += [Value(float(NUMERALS[match[0].lower()]), *match.span()) for match in _NUMERAL.finditer(text)]
    inside = bytearray(len(text))
    for start, end in taken:
        inside[start:end] = b"\1" * (end - start)
    return sorted((value for value in found if not inside[value.start]), key=lambda value: value.start)


def matches(kind: str, text: str) -> list[Value[str]]:
    """What is written in the form of `kind` (a key of `PATTERNS`), in order."""
    return [Value(match[0].strip(), *match.span()) for match in PATTERNS[kind].finditer(text)]


def fields(text: str) -> Iterator[tuple[str, str]]:
    """The `field: value` lines and two-column table rows of `text`."""
    for match in _FIELD.finditer(text):
        yield match[1].strip(), match[2].strip()


def field_value(name: str, text: str) -> str | None:
    """The value of the line whose field has the words of `name`; the closest one when several do."""
    asked = set(words(name))
    best: tuple[int, str] | None = None
    for field, value in fields(text):
        present = set(words(field))
        if asked and asked <= present and (best is None or len(present) < best[0]):
            best = (len(present), value)
    return best[1] if best else None


def negated(text: str) -> bool:
    """Whether `text` denies something."""
    return NEGATIONS.search(text) is not None


def _date(parts: dict[str, str]) -> dt.date | None:
    year, day = int(parts["year"]), int(parts["day"])
    month = MONTHS[parts["name"].lower()] if parts.get("name") else int(parts["month"])
    for month_of_year, day_of_month in ((month, day), (day, month)):
        try:
            return dt.date(year, month_of_year, day_of_month)
        except ValueError:
            continue
    return None


def _number(written: str) -> float:
    """`1,234.5`, `1.234,5`, `1'234.5`, `1234,5` and `1,234` as the number that is meant."""
    plain = written.replace("−", "-").replace("\u00a0", "").replace("\u202f", "").replace("'", "")
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        thousands = "." if comma > point else ","
    else:
        mark = "," if comma >= 0 else "."
        grouped = re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+", plain)
        # Three digits after a comma are thousands; after a single point they are decimals.
        thousands = mark if grouped and (mark == "," or plain.count(".") > 1) else ""
    if thousands:
        plain = plain.replace(thousands, "")
    return float(plain.replace(",", "."))
