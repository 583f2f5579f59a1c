"""
The service of moderation, and what is done about a text that is flagged.

What the model says is kept like any answer.  What follows is a rule of ours, in `moderation.toml`: a flagged text is
blocked, or waits for a person; a use can be stricter than others, or more lenient, never silent.  The same file says
what is done where the moderation does not answer, and where a model refuses to.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from plumbline.core.errors import Misconfigured
from plumbline.models.answers import Answer, keep_answers
from plumbline.models.calls import Billed, Call, Unusable
from plumbline.models.endpoints import Endpoint
from plumbline.models.requests import Input
from plumbline.models.wire import json_object

if TYPE_CHECKING:
    from plumbline.core.db import Session
    from plumbline.models.sessions import HeldSession

_RULES = Path(__file__).parent / "moderation.toml"


class Action(StrEnum):
    """What to do with a text, from the mildest on."""

    ALLOW = "allow"
    REVIEW = "review"
    """A person looks at it before a model does."""
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the moderation said of a text, and what follows: the categories that were flagged, the surest first."""

    key: bytes
    action: Action
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """`results`: one an input: the score of each category that was flagged."""

    results: Sequence[Mapping[str, float]]
    answered_by: str
    billed: Billed = field(default_factory=lambda: Billed(None))
    outcome: None = None


class Moderation:
    """How judgements are asked for, read and kept."""

    path = "/moderations"
    dimensions: int | None = None

    def __init__(self, endpoint: Endpoint, tenant: str, _: HeldSession) -> None:
        self._endpoint, self._tenant = endpoint, tenant

    @staticmethod
    def parameters(_: Endpoint) -> dict[str, object]:
        """Return what belongs to the keys of the answers besides model and text."""
        return {}

    def body(self, inputs: Sequence[Input]) -> bytes:
        """Return the request."""
        return orjson.dumps({"model": self._endpoint.model, "input": [item.text for item in inputs]})

    def read(self, call: Call, content: bytes) -> Judged:
        """Return the judgements in the order of the inputs."""
        return read_judgements(content, len(call.keys), self._endpoint.answers_as)

    def billed(self, content: bytes) -> Billed:  # noqa: ARG002 - judgements bill nothing
        """Return what an answer bills: providers give this away, and its price says so."""
        return Billed(None)

    def keep(self, session: Session, bought: Sequence[tuple[Call, Judged]]) -> None:
        """Write the judgements, one a key."""
        answers = [
            Answer(call, key, tokens, {"flagged": dict(result)})
            for call, judged in bought
            for key, tokens, result in zip(call.keys, call.tokens, judged.results, strict=True)
        ]
        keep_answers(session, self._tenant, self._endpoint.model, answers)


def read_judgements(content: bytes, inputs: int, answers_as: str) -> Judged:
    """
    Return what an answer says of so many texts.

    Raises:
        Unusable: It is not what was asked for.
    """
    body = json_object(content)
    answered_by, results = body.get("model"), body.get("results")
    if not isinstance(answered_by, str) or not answered_by.startswith(answers_as):
        raise Unusable("another model answered")
    if not isinstance(results, list) or len(results) != inputs:
        raise Unusable(
            f"{len(results) if isinstance(results, list) else 'no'} judgements for {inputs} inputs"
        )
    return Judged([_flagged(result) for result in results], answered_by)


def judge(key: bytes, use: str, flagged: Mapping[str, float]) -> Judgement:
    """Return what is done about a text of a use; the strictest rule of its categories counts.  Pure."""
    all_rules = rules()
    mine: Mapping[str, str] = {**all_rules["every_use"], **all_rules.get("use", {}).get(use, {})}
    actions = [Action(_rule(mine, category)) for category in flagged]
    categories = sorted(flagged, key=lambda category: (-flagged[category], category))
    return Judgement(key, max(actions, key=list(Action).index, default=Action.ALLOW), tuple(categories))


def judgements(use: str, found: Iterable[Mapping[str, Any]]) -> list[Judgement]:
    """Return what is done about texts whose kept answers (`key`, `body`) these are."""
    return [judge(bytes(row["key"]), use, row["body"]["flagged"]) for row in found]


def action_unmoderated(use: str) -> Action | None:
    """
    Return what is done about a text of a use that the moderation says nothing of; None is to wait until it does.

    Raises:
        Misconfigured: The rules cannot be read.
    """
    said = _by_use("unmoderated", use)
    return None if said == "wait" else Action(said)


def asks_about_refusals(use: str) -> bool:
    """Return whether a person is asked about answers of a use that were refused; raises Misconfigured as above."""
    return _by_use("refusals", use) == "review"


def _by_use(table: str, use: str) -> str:
    said_of = rules()[table]
    return str(said_of.get(use, said_of["every_use"]))


def _rule(mine: Mapping[str, str], category: str) -> str:
    """The rule of a category, else of the wider one it belongs to, else of any."""
    return mine.get(category) or mine.get(category.partition("/")[0]) or mine["any"]


def _flagged(result: object) -> dict[str, float]:
    fields = result if isinstance(result, dict) else {}
    flags, scores = fields.get("categories"), fields.get("category_scores")
    if (
        not isinstance(flags, dict)
        or not isinstance(scores, dict)
        or not isinstance(fields.get("flagged"), bool)
    ):
        raise Unusable("a judgement cannot be read")
    found = {name: float(scores.get(name) or 0) for name, flag in flags.items() if flag is True}
    if fields["flagged"] and not found:
        raise Unusable("a text is flagged and no category says why")
    return found


@cache
def rules() -> Mapping[str, Any]:
    """Return the rules of moderation.toml, read once a process.  Raises Misconfigured as `read_rules` does."""
    return read_rules(_RULES.read_text(encoding="utf-8"))


def read_rules(text: str) -> Mapping[str, Any]:
    """
    Return rules, all of them checked before the first text is judged by one.  Pure.

    Raises:
        Misconfigured: It is no TOML, says something that nobody knows, or leaves something out; the place is named.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"moderation.toml is no TOML: {error}.") from None
    if unknown := sorted(said.keys() - {"every_use", "use", *_BY_USE}):
        raise Misconfigured(f"moderation.toml: nobody knows [{unknown[0]}].")
    _check(said.get("every_use"), "every_use", tuple(Action), "any")
    uses = said.get("use", {})
    if not isinstance(uses, dict):
        raise Misconfigured("moderation.toml: use must be a table of uses.")
    for use, mine in uses.items():
        _check(mine, f"use.{use}", tuple(Action))
    for table, known in _BY_USE.items():
        _check(said.get(table), table, known, "every_use")
    return said


_BY_USE: Mapping[str, Sequence[str]] = {"unmoderated": ("wait", *Action), "refusals": ("keep", "review")}


def _check(table: object, name: str, known: Sequence[str], needed: str | None = None) -> None:
    if not isinstance(table, dict) or (needed and needed not in table):
        raise Misconfigured(
            f"moderation.toml: [{name}] must be a table{(needed and f' and say {needed}') or ''}."
        )
    for place, rule in table.items():
        if rule not in known:
            raise Misconfigured(
                f"moderation.toml: {place} of [{name}] is one of {', '.join(known)}, and not {rule!r}."
            )
