"""
The way back: pseudonyms become values again, on delivery to someone who is entitled, and only there.

Who asks, for which pseudonym and why is written down and committed before a value can be read; the database refuses
to show one in the same transaction.  Only the role `plumbline_restorer` may ask.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from plumbline.core import db
from plumbline.core.db import Database
from plumbline.core.errors import Fatal
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.privacy.detection import PSEUDONYM
from plumbline.privacy.keys import Keyring

_Value = TypeVar("_Value")
# A model may write a word in other letters than it was given.
_WORD = re.compile(PSEUDONYM.pattern, re.IGNORECASE)
_DEEPEST = 200


class NotEntitled(Fatal):
    """Values cannot be restored here: there is no connection of the restorer."""


@dataclass(frozen=True, slots=True)
class Restored(Generic[_Value]):
    """The value, how many pseudonyms were restored, and which are unknown or erased: those stay as they are."""

    value: _Value
    restored: int
    unknown: tuple[str, ...]


class Restorer:
    """Restores for one reason, which is written down with every use, on behalf of one person or step."""

    def __init__(self, tools: Tools, run: Run, *, reason: str, person: str | None = None) -> None:
        """
        Open the way back; `person` is the step that runs where nobody is named.

        Raises:
            NotEntitled: The step does not deliver, or the connection plumbline_restorer is not set.
        """
        if tools.restorer is None:
            raise NotEntitled(
                "Pseudonyms cannot be turned back here: this step does not deliver (step(…, delivers=True)), or the "
                "connection plumbline_restorer is not set. It belongs to what delivers to people, and to nothing else."
            )
        self._database: Database = tools.restorer
        self._connection = tools.pseudonyms
        self._tenant = run.tenant
        self._reason = reason
        self._person = person or f"{run.job} {run.dag_run_id}"

    def restore(self, text: str) -> Restored[str]:
        """
        Return the text with values in the place of its pseudonyms.

        Raises:
            NoKeys: There is a pseudonym, and no key.
            KeyLost: A value was sealed by a key that is not in the connection any more.
        """
        values, unknown = self._values(_words([text]))
        return Restored(_filled(text, values), len(values), unknown)

    def restore_json(self, value: Any) -> Restored[Any]:
        """
        Return a JSON value with values in the place of pseudonyms, in every text and name in it, at any depth.

        The arguments of a tool call are given parsed: in their text, a value with a quotation mark would break it.
        """
        values, unknown = self._values(_words(_texts(value)))
        return Restored(_filled_json(value, values), len(values), unknown)

    def _values(self, words: list[tuple[str, str]]) -> tuple[dict[tuple[str, str], str], tuple[str, ...]]:
        if not words:
            return {}, ()
        keyring = Keyring.of(self._connection)
        use = {"tenant": self._tenant, "restoration_id": uuid.uuid4()}
        with self._database.transaction(self._tenant) as session:
            db.run(
                session,
                "privacy/ask_to_restore",
                **use,
                kinds=[kind for kind, _ in words],
                ids=[pseudonym_id for _, pseudonym_id in words],
                person=self._person,
                reason=self._reason,
            )
        with self._database.transaction(self._tenant) as session:
            rows = db.rows(session, "privacy/select_restored", **use)
        values = {}
        for row in rows:
            named = (row["kind"], row["pseudonym_id"])
            values[named] = keyring.unseal(bytes(row["sealed"]), bytes(row["key_id"]), self._tenant, *named)
        return values, tuple(f"[{kind}-{number}]" for kind, number in words if (kind, number) not in values)


def _words(texts: Iterable[str]) -> list[tuple[str, str]]:
    found = (match.groups() for text in texts for match in _WORD.finditer(text))
    return list(dict.fromkeys((kind.lower(), number.lower()) for kind, number in found))


def _filled(text: str, values: dict[tuple[str, str], str]) -> str:
    return _WORD.sub(lambda found: values.get((found[1].lower(), found[2].lower()), found[0]), text)


def _texts(value: Any, depth: int = 0) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(name, depth + 1)
            yield from _texts(inner, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, depth + 1)


def _filled_json(value: Any, values: dict[tuple[str, str], str], depth: int = 0) -> Any:
    if isinstance(value, str):
        return _filled(value, values)
    if depth < _DEEPEST and isinstance(value, dict):
        return {
            _filled_json(name, values, depth + 1): _filled_json(inner, values, depth + 1)
            for name, inner in value.items()
        }
    if depth < _DEEPEST and isinstance(value, list | tuple):
        return [_filled_json(inner, values, depth + 1) for inner in value]
    return value
