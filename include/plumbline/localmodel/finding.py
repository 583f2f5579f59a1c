"""
One value for one field: which sentence, number, date or yes it is, and how well the text supports it.

A field is known by its name and description.  Nothing here invents: a finder returns None when the
text does not hold what the field asks for, and its caller decides what an absence looks like.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from plumbline.localmodel import values
from plumbline.localmodel.prompts import Prompt
from plumbline.localmodel.sentences import readable, words
from plumbline.localmodel.support import Evidence
from plumbline.localmodel.values import Value

ANSWERS = frozenset(
    {"answer", "reply", "response", "quote", "quotation", "evidence", "excerpt", "support", "citation"}
)
SUMMARIES = frozenset(
    {"summary", "tldr", "overview", "abstract", "gist", "synopsis", "zusammenfassung", "resumen"}
)
TITLES = frozenset({"title", "headline", "subject", "heading", "topic"})
REASONS = frozenset({"reason", "reasoning", "rationale", "explanation", "justification", "why", "because"})
NAMES_A_PASSAGE = frozenset({"id", "ids", "source", "sources", "citation", "citations", "chunk", "passage"})
CONFIDENCES = frozenset({"confidence", "certainty", "probability", "likelihood"})
PLACES = frozenset({"city", "town", "country", "place", "location", "destination"})
QUERIES = frozenset({"query", "question"})
SUPPORTED = frozenset({"supported", "answerable", "answered", "found", "grounded", "sufficient"})
AUXILIARIES = frozenset(
    {"is", "has", "have", "was", "needs", "need", "wants", "want", "should", "can", "requires", "contains"}
)
MONEY = frozenset({"price", "cost", "costs", "amount", "total", "fee", "charge", "sum", "refund"})
SHARES = frozenset({"percent", "percentage", "rate", "discount", "share", "pct", "interest"})

KINDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("email", frozenset({"email", "mail", "emails"})),
    ("uri", frozenset({"url", "link", "website", "uri", "urls", "links"})),
    ("phone", frozenset({"phone", "telephone", "mobile", "tel"})),
    ("date", frozenset({"date", "dates", "deadline", "due", "birthday"})),
    ("time", frozenset({"time", "times"})),
    ("reference", frozenset({"id", "ids", "number", "reference", "code", "sku", "order", "invoice", "account"})),
    ("name", frozenset({"name", "names", "person", "people", "customer", "author", "company", "sender", "contact"})),
)  # fmt: skip
"""What a string field holds, told by a word in its name; the first that fits counts."""

_CURRENCY = re.compile(
    r"[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|SEK|NOK|DKK|dollars?|euros?|pounds?)\b", re.IGNORECASE
)
_SHARE = re.compile(r"%|\bper ?cent\b|\bprozent\b", re.IGNORECASE)
_YES = re.compile(r"(?:yes|true|y|ja|sí|si|oui)\b", re.IGNORECASE)
_NO = re.compile(r"(?:no|false|n|nein|non|none)\b", re.IGNORECASE)
_INTRODUCED = re.compile(
    r"(?:my name is|i am|i'm|this is|mein name ist|ich bin|je m'appelle|me llamo|(?:kind |best |warm )?regards,?|"
    r"sincerely,?|thanks,|cheers,|grüßen?,?|cordialement,?|saludos,?)\s+"
    r"(?-i:([A-ZÀ-ÖØ-Þ][\w'’-]+(?: [A-ZÀ-ÖØ-Þ][\w'’.-]+){0,2}))",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|to|from|at|for|near|nach|aus|für|en|à|a|para|pour) ([A-ZÀ-ÖØ-Þ][\w'’-]+(?: [A-ZÀ-ÖØ-Þ][\w'’-]+){0,2})"
)
BEFORE, AFTER = 60, 30
"""Characters around a value whose words tell what the value is."""
ALONE = 0.5
"""Support of a value that is the only one of its kind."""
TITLE_LENGTH = 120
PATTERN_TEXT = 20_000
"""Characters in which a pattern from the schema is searched; it may be a slow one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value and its support; about 1 is well supported."""

    value: Any
    score: float


@dataclass(frozen=True, slots=True)
class Slot:
    """A field to be filled: the way to it, and what its schema says about it."""

    path: tuple[str, ...] = ()
    description: str = ""

    @property
    def name(self) -> str:
        """Its own name, in words."""
        return readable(self.path[-1]) if self.path else ""

    @property
    def query(self) -> str:
        """What to look for in the text."""
        parent = readable(self.path[-2]) if len(self.path) > 1 else ""
        return " ".join(part for part in (parent, self.name, self.description) if part)

    def inside(self, key: str, schema: Any) -> Slot:
        """The field `key` of this one."""
        description = schema.get("description") or schema.get("title") if isinstance(schema, dict) else None
        return Slot((*self.path, key), str(description or ""))

    def says(self, vocabulary: frozenset[str]) -> bool:
        """Whether a word of its name is in `vocabulary`."""
        return not vocabulary.isdisjoint(self.name.split())


def find_string(slot: Slot, schema: Any, evidence: Evidence, prompt: Prompt) -> Found | None:
    """The string that the text holds for `slot`, of the schema's format and pattern."""
    if has_known_format(schema):
        return _of_kind(str(schema["format"]), slot, evidence, iso=True)
    if schema.get("pattern"):
        return _of_pattern(str(schema["pattern"]), slot, evidence)
    found = _string(slot, evidence, prompt)
    if found is None:
        return None
    text = str(found.value)[: schema.get("maxLength")]
    return Found(text, found.score) if len(text) >= schema.get("minLength", 0) else None


def has_known_format(schema: Any) -> bool:
    """Whether the schema's format is one that we can find; any other is a remark, as JSON Schema has it."""
    return schema.get("format") in ("date", "time", "date-time", *values.PATTERNS)


def find_strings(slot: Slot, schema: Any, evidence: Evidence, prompt: Prompt, most: int) -> list[Found]:
    """All strings that the text holds for a list called `slot`, in the order of the text."""
    if has_known_format(schema):
        return [Found(value, ALONE) for value in _all_of_kind(str(schema["format"]), evidence.text, iso=True)]
    if schema.get("pattern"):
        return [Found(match[0], ALONE) for match in _search(str(schema["pattern"]), evidence.text)]
    asked = prompt.question or slot.query
    if _names_passages(slot, evidence):
        named = (Found(evidence.name_of(one.index), one.score) for one in evidence.best(asked, most))
        return list({found.value: found for found in named if found.value}.values())
    kind = _kind(slot)
    if kind is not None:
        return [Found(value, ALONE) for value in _all_of_kind(kind, evidence.text, iso=_wants_iso(slot))]
    supported = evidence.best(asked if slot.says(ANSWERS) else slot.query, most)
    if not supported and (
        slot.says(SUMMARIES) or {"key", "main", "highlights", "takeaways"} & set(slot.name.split())
    ):
        return [Found(evidence.found[index].text, ALONE) for index in evidence.central(most)]
    chosen = sorted(supported, key=lambda one: one.index)
    return [Found(evidence.found[one.index].text, one.score) for one in chosen]


def find_number(slot: Slot, evidence: Evidence, fits: Callable[[float], bool]) -> Found | None:
    """The number whose surroundings name it best, among those that the schema allows."""
    text = evidence.text
    candidates = [value for value in values.numbers(text) if fits(value.value)]
    if "year" in slot.name.split():
        years = (Value(float(date.value.year), date.start, date.end) for date in values.dates(text))
        candidates += [year for year in years if fits(year.value)]
    for vocabulary, unit in ((MONEY, _CURRENCY), (SHARES, _SHARE)):
        if slot.says(vocabulary):
            united = [
                value for value in candidates if unit.search(_around(text, value.start, value.end, 5, 12))
            ]
            candidates = united or candidates
    return _nearest(slot, text, candidates)


def find_boolean(slot: Slot, evidence: Evidence, prompt: Prompt) -> Found | None:
    """True when a sentence supports it, false when one denies it, None when nothing is said of it."""
    if slot.says(SUPPORTED):
        best = evidence.best(prompt.question or slot.query)
        return Found(bool(best), best[0].score if best else 0.0)
    topic = " ".join(word for word in slot.name.split() if word not in AUXILIARIES) or slot.name
    written = values.field_value(topic, evidence.text) or ""
    if _YES.match(written) or _NO.match(written):
        return Found(_YES.match(written) is not None, 1.0)
    best = evidence.best(f"{topic} {slot.description}")
    return Found(not values.negated(evidence.found[best[0].index].text), best[0].score) if best else None


def _string(slot: Slot, evidence: Evidence, prompt: Prompt) -> Found | None:
    """What kind of string a field asks for is told by its name; the first kind that fits counts."""
    asked = prompt.question or slot.query
    kind = _kind(slot)
    if slot.says(SUMMARIES) or {"tl", "dr"} <= set(slot.name.split()):
        found = _sentences(evidence, evidence.central(2))
    elif _names_passages(slot, evidence):
        best = evidence.best(asked)
        found = Found(evidence.name_of(best[0].index), best[0].score) if best else None
    elif slot.says(ANSWERS) or (slot.says(REASONS) and prompt.question):
        found = _supporting(asked, evidence)
    elif (written := values.field_value(slot.name, evidence.text)) is not None:
        found = Found(written, 1.0)
    elif slot.says(TITLES):
        found = Found(evidence.found[0].text.lstrip("#*- ")[:TITLE_LENGTH], ALONE) if evidence.found else None
    elif slot.says(PLACES) and (place := _PLACE.search(evidence.text)):
        found = Found(place[1], ALONE)
    elif slot.says(QUERIES) and prompt.question:
        found = Found(prompt.question, ALONE)
    elif kind is not None:
        found = _of_kind(kind, slot, evidence, iso=_wants_iso(slot))
    else:
        found = _supporting(slot.query, evidence)
        if found is None and slot.says(REASONS):
            found = _sentences(evidence, evidence.central(1))
    return found


def _supporting(query: str, evidence: Evidence) -> Found | None:
    best = evidence.best(query)
    return Found(evidence.found[best[0].index].text, best[0].score) if best else None


def _sentences(evidence: Evidence, chosen: Sequence[int]) -> Found | None:
    return Found(" ".join(evidence.found[index].text for index in chosen), ALONE) if chosen else None


def _names_passages(slot: Slot, evidence: Evidence) -> bool:
    named = any(passage.name for passage in evidence.passages)
    return named and bool(slot.name) and slot.name.split()[-1] in NAMES_A_PASSAGE


def _kind(slot: Slot) -> str | None:
    return next((kind for kind, vocabulary in KINDS if slot.says(vocabulary)), None)


def _wants_iso(slot: Slot) -> bool:
    return re.search(r"iso|yyyy", slot.description, re.IGNORECASE) is not None


def _of_kind(kind: str, slot: Slot, evidence: Evidence, *, iso: bool) -> Found | None:
    """The one value of a kind that the field's name stands nearest to."""
    if kind == "name" and (introduced := _INTRODUCED.search(evidence.text)):
        return Found(introduced[1], 1.0)
    return _nearest(slot, evidence.text, _places(kind, evidence.text, iso=iso))


def _all_of_kind(kind: str, text: str, *, iso: bool) -> list[str]:
    """Every value of a kind or format in `text`, each once, in order."""
    return list(dict.fromkeys(place.value for place in _places(kind, text, iso=iso)))


def _places(kind: str, text: str, *, iso: bool) -> list[Value[str]]:
    """The values of a kind or format, and where they stand; dates and times as written, or in ISO form."""
    if kind == "date":
        return [
            Value(date.value.isoformat() if iso else text[date.start : date.end], date.start, date.end)
            for date in values.dates(text)
        ]
    if kind == "time":
        return [
            Value(f"{time.value.isoformat()}Z" if iso else text[time.start : time.end], time.start, time.end)
            for time in values.times(text)
        ]
    return _moments(text) if kind == "date-time" else values.matches(kind, text)


def _moments(text: str) -> list[Value[str]]:
    """Dates with the time that follows within a few words, midnight without one; in UTC, as nothing else is said."""
    clock = values.times(text)
    starts = [time.start for time in clock]
    moments = []
    for date in values.dates(text):
        following = bisect_left(starts, date.end)
        near = following < len(clock) and clock[following].start - date.end <= AFTER
        time = clock[following].value.isoformat() if near else "00:00:00"
        moments.append(Value(f"{date.value.isoformat()}T{time}Z", date.start, date.end))
    return moments


def _of_pattern(pattern: str, slot: Slot, evidence: Evidence) -> Found | None:
    found = [Value(match[0], *match.span()) for match in _search(pattern, evidence.text)]
    return _nearest(slot, evidence.text, found)


def _search(pattern: str, text: str) -> list[re.Match[str]]:
    """Where a pattern that is meant for a whole value stands in a text."""
    try:
        whole = re.compile(pattern)
        inner = re.compile(re.sub(r"^\^|(?<!\\)\$$", "", pattern))
    except re.error:
        return []
    return [match for match in inner.finditer(text[:PATTERN_TEXT]) if match[0] and whole.search(match[0])]


def _nearest(slot: Slot, text: str, candidates: Sequence[Value[Any]]) -> Found | None:
    """
    The candidate with most words of the field around it; the first of equals.

    Without a word of the field nearby a value is believed only if it is the only one.
    """
    name, more = set(words(slot.name)), set(words(slot.description))
    best: Found | None = None
    for candidate in candidates:
        around = set(words(_around(text, candidate.start, candidate.end, BEFORE, AFTER)))
        score = len(name & around) / (len(name) or 1) + 0.3 * len(more & around) / (len(more) or 1)
        if best is None or score > best.score:
            best = Found(candidate.value, score)
    if best is None or (best.score == 0 and len({candidate.value for candidate in candidates}) > 1):
        return None
    return Found(best.value, max(best.score, ALONE))


def _around(text: str, start: int, end: int, before: int, after: int) -> str:
    """The words around a place, within its own sentence."""
    left = re.split(r"\n|[.!?;] ", text[max(0, start - before) : start])[-1]
    right = re.split(r"\n|[.!?;] ", text[end : end + after])[0]
    return f"{left} {text[start:end]} {right}"
