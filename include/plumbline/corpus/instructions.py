"""
Text that tries to instruct a model: found, flagged and shown, never obeyed.

Documents are written by strangers, and what a search finds ends up in front of a model.  The rules are data
(`instructions.toml`), in several languages, and look for what is said to a model rather than to a reader: to ignore
its instructions, to become somebody else, to give away its prompt, to keep something from the user.

A flag is a remark, not a verdict: a text about such attacks is flagged as the attacks are, and stays searchable.  Who
means to hide an instruction can word it so that no rule finds it; nothing may rest on a text having no flag.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, KeysView, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from plumbline.corpus.terms import Terms, analyse

_RULES = Path(__file__).with_name("instructions.toml")
_LANGUAGES = ("en", "de", "es", "fr", "und")


@dataclass(frozen=True, slots=True)
class Rule:
    """
    What to look for, and how to call it.

    Of each group of `words`, which are terms, one must occur; the patterns are tried where one of `starts` stands.
    """

    name: str
    says: str
    words: tuple[frozenset[bytes], ...]
    starts: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]

    def finds(self, lower: str) -> bool:
        """Whether a pattern fits anywhere in a text in lower case."""
        return any(pattern.match(lower, at) for at in self._places(lower) for pattern in self.patterns)

    def _places(self, lower: str) -> Iterator[int]:
        for start in self.starts:
            at = lower.find(start)
            while at >= 0:
                yield at
                at = lower.find(start, at + 1)


@dataclass(frozen=True, slots=True)
class Mark:
    """Characters that are looked for as they are; `holds` are parts of which one must occur."""

    name: str
    says: str
    holds: tuple[str, ...]
    pattern: re.Pattern[str]

    def finds(self, text: str) -> bool:
        """Whether the pattern fits anywhere; single characters, then parts, are looked for first, being far cheaper."""
        within = text.__contains__
        return (
            any(map(within, {part[0] for part in self.holds}))
            and any(map(within, self.holds))
            and self.pattern.search(text) is not None
        )


def flags(text: str, terms: Terms) -> list[str]:
    """Return the names of the rules that find something in a text with these terms, in their order.  Pure."""
    present = terms.occurrences.keys()
    tried = [] if present.isdisjoint(_first_words()) else _tried(present)
    lower = text.lower() if tried else ""
    found = [rule.name for rule in tried if rule.finds(lower)]
    found += [mark.name for mark in marks() if mark.finds(text)]
    return found


def _tried(present: KeysView[bytes]) -> list[Rule]:
    return [rule for rule in rules() if not any(map(present.isdisjoint, rule.words))]


@cache
def _first_words() -> frozenset[bytes]:
    """The smallest group of words of each rule: a text that holds none of them needs no rule tried."""
    return frozenset().union(*(min(rule.words, key=len) for rule in rules()))


def said(name: str) -> str:
    """Return what a flag says, in words for people; the name itself for one that is no longer known."""
    known = {rule.name: rule.says for rule in rules()} | {mark.name: mark.says for mark in marks()}
    return known.get(name, name)


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules."""
    declared = _declared()
    gap = declared["gap"]["pattern"]
    return tuple(
        Rule(
            rule["name"],
            rule["says"],
            tuple(
                frozenset(
                    term for word in group for language in _LANGUAGES for term in _terms(word, language)
                )
                for group in rule["words"]
            ),
            tuple(rule["starts"]),
            tuple(re.compile(pattern.replace("{gap}", gap)) for pattern in rule["patterns"]),
        )
        for rule in declared["rule"]
    )


@cache
def marks() -> tuple[Mark, ...]:
    """Return the marks."""
    return tuple(
        Mark(mark["name"], mark["says"], tuple(mark["holds"]), re.compile(mark["pattern"], re.MULTILINE))
        for mark in _declared()["mark"]
    )


def _terms(word: str, language: str) -> list[bytes]:
    return [term for term in analyse(word, language).occurrences if isinstance(term, bytes)]


@cache
def _declared() -> Mapping[str, Any]:
    return tomllib.loads(_RULES.read_text(encoding="utf-8"))
