"""
What of a prompt could be shorter without meaning less: found by rules, weighed in tokens, decided by a person.

Every finding says how many tokens a call would save, measured on the whole section with the change made, because
tokens do not add up word by word.  Nothing is rewritten: a rule cannot know that a repetition was meant.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

from plumbline.core.prompts.loading import Prompt
from plumbline.core.prompts.measuring import count, schema_text

_PHRASES = Path(__file__).with_name("filler.toml")
_SENTENCE = re.compile(r"[^\s.!?][^.!?\n]*[.!?]")
_PARAGRAPH = re.compile(r"(?:.+\n?)+")
_EXAMPLE = re.compile(r"^(?:#+ *)?(?:for example|example|e\.g\.)", re.IGNORECASE)
_SPACES = (
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
    (re.compile(r"(?<=\S) {2,}"), " "),
)
_LONG_DESCRIPTION = 25  # words
_FEW_WORDS = 4  # shorter sentences repeat by chance
_ALIKE = 0.8
_SAYING_NOTHING = frozenset({"a", "an", "the", "of", "is", "this", "value", "field", "property"})
_SHOWN = 70  # characters
_CALLS = 1_000
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Saving:
    """One thing that could be shorter: what kind, where, the words, and the tokens that a call would save."""

    kind: str
    where: str
    words: str
    advice: str
    tokens: int

    def usd_per_1000_calls(self, usd_per_million: Decimal) -> Decimal:
        """Return what it is worth over a thousand calls, in US dollars."""
        return self.tokens * _CALLS * usd_per_million / _MILLION


def savings(prompt: Prompt) -> list[Saving]:
    """Return what could be shorter, the dearest first; what saves no token is left out.  Pure."""
    found: list[Saving] = []
    for where, text in (("system", prompt.system.words), ("user", prompt.user.words)):
        found += [*_phrases(where, text), *_white_space(where, text)]
    found += _repetitions(prompt)
    if prompt.schema:
        found += _descriptions(prompt.schema)
    return sorted(
        (one for one in found if one.tokens > 0), key=lambda one: (-one.tokens, one.where, one.words)
    )


def _phrases(where: str, text: str) -> Iterator[Saving]:
    taken: list[re.Match[str]] = []
    every = [
        (found, kind, instead) for kind, pattern, instead in _filler() for found in pattern.finditer(text)
    ]
    # The longest first: of "please note that", "please" is not found again.
    for found, kind, instead in sorted(every, key=lambda one: -len(one[0][0])):
        if any(found.start() < other.end() and other.start() < found.end() for other in taken):
            continue
        taken.append(found)
        advice = f"say {instead!r}" if instead else "leave it out"
        rest = text[found.end() :].removeprefix("" if instead else " ")
        without = f"{text[: found.start()]}{instead}{rest}"
        yield Saving(kind, where, _shown(found[0]), advice, count(text) - count(without))


@cache
def _filler() -> list[tuple[str, re.Pattern[str], str]]:
    return [
        (one["kind"], _whole_words(pattern), one["instead"])
        for one in tomllib.loads(_PHRASES.read_text(encoding="utf-8"))["phrase"]
        for pattern in one["patterns"]
    ]


def _whole_words(pattern: str) -> re.Pattern[str]:
    spaced = pattern.replace(" ", r"\s+")
    return re.compile(rf"\b(?:{spaced})\b", re.IGNORECASE)


def _white_space(where: str, text: str) -> Iterator[Saving]:
    tidy = text
    for pattern, instead in _SPACES:
        tidy = pattern.sub(instead, tidy)
    advice = "one space between words, one empty line between paragraphs, none at the end of a line"
    yield Saving(
        "white space", where, f"{len(text) - len(tidy)} characters", advice, count(text) - count(tidy)
    )


def _repetitions(prompt: Prompt) -> Iterator[Saving]:
    """Paragraphs, then sentences of paragraphs that are not themselves repeated; of examples also what is nearly so."""
    seen: dict[str, str] = {}
    said: dict[str, str] = {}
    examples: list[tuple[str, set[str]]] = []
    for where, text in (("system", prompt.system.words), ("user", prompt.user.words)):
        for paragraph in _PARAGRAPH.findall(text):
            key = _folded(paragraph)
            if not key:
                continue
            if key in seen:
                yield _again("repeated paragraph", where, seen[key], text, paragraph)
                continue
            seen[key] = where
            words = set(key.split())
            if _EXAMPLE.match(paragraph.strip()):
                like = next((place for place, other in examples if _alike(words, other)), None)
                if like is not None:
                    yield _again("repeated example", where, like, text, paragraph)
                    continue
                examples.append((where, words))
            yield from _sentences(where, text, paragraph, said)


def _sentences(where: str, text: str, paragraph: str, said: dict[str, str]) -> Iterator[Saving]:
    for sentence in _SENTENCE.findall(paragraph):
        key = _folded(sentence)
        if len(key.split()) < _FEW_WORDS:
            continue
        if key in said:
            yield _again("repeated sentence", where, said[key], text, sentence)
        else:
            said[key] = where


def _again(kind: str, where: str, before: str, text: str, part: str) -> Saving:
    at = text.rindex(part)
    without = text[:at] + text[at + len(part) :]
    return Saving(kind, where, _shown(part), f"it stands in `{before}` already", count(text) - count(without))


def _descriptions(schema: Mapping[str, Any]) -> Iterator[Saving]:
    for place, part in _described(schema, ()):
        text, name = part["description"], place[-1] if place else "the answer"
        words = _folded(text).split()
        if place and set(words) - _SAYING_NOTHING <= set(_folded(name.replace("_", " ")).split()):
            saved = _without(schema, place, None)
            yield Saving("schema description", _path(place), _shown(text), "its name says the same", saved)
        elif len(words) > _LONG_DESCRIPTION:
            kept = " ".join(text.split()[:_LONG_DESCRIPTION])
            advice = f"say it in {_LONG_DESCRIPTION} words instead of {len(words)}"
            yield Saving(
                "schema description", _path(place), _shown(text), advice, _without(schema, place, kept)
            )


def _described(schema: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            yield place, schema
        for key, part in schema.items():
            yield from _described(part, (*place, key))
    elif isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from _described(part, (*place, str(number)))


def _without(schema: Any, place: tuple[str, ...], kept: str | None) -> int:
    """The tokens that are saved when the description at a place is another, or none."""
    return count(schema_text(schema)) - count(schema_text(_changed(schema, place, kept)))


def _changed(schema: Any, place: tuple[str, ...], kept: str | None) -> Any:
    if not place:
        rest = {key: value for key, value in schema.items() if key != "description"}
        return rest if kept is None else {**rest, "description": kept}
    if isinstance(schema, list):
        at = int(place[0])
        return [
            _changed(part, place[1:], kept) if number == at else part for number, part in enumerate(schema)
        ]
    return {**schema, place[0]: _changed(schema[place[0]], place[1:], kept)}


def _path(place: tuple[str, ...]) -> str:
    return "/".join(("answer", *(step for step in place if step != "properties")))


def _alike(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= _ALIKE * len(one | other)


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _shown(text: str) -> str:
    return shorten(text, _SHOWN, placeholder="…")
