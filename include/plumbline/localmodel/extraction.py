"""
A JSON answer that fits a schema, each value taken from the text that came with the request.

Two promises.  The answer always conforms to the schema.  And it never makes anything up: where the
text is silent the answer is null, empty, false, or the middle of a scale that has two ends; if the
schema allows none of these the request is refused, in the provider's way, with a sentence that says
which field the text is silent on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from plumbline.localmodel.finding import (
    ALONE,
    CONFIDENCES,
    Found,
    Slot,
    find_boolean,
    find_number,
    find_string,
    find_strings,
    has_known_format,
)
from plumbline.localmodel.labels import LINE as NEAR
from plumbline.localmodel.labels import choose, find_definitions, label_scores
from plumbline.localmodel.prompts import Prompt
from plumbline.localmodel.schemas import Schema, options, resolve
from plumbline.localmodel.sentences import readable, words
from plumbline.localmodel.support import Evidence, confidence
from plumbline.localmodel.values import numbers

DEEPEST = 12
"""Levels to which a schema that contains itself is followed."""
MOST_ITEMS = 5
MOST_VALUES = 50
ROUNDING = 1e-9
"""How far from a multiple a number may be: binary fractions are not exact."""
ALSO, ALSO_BESIDE = 0.3, 0.45
"""A second label of several needs this score, and this share of the best one's."""

COMMON_LABELS = {
    "low": "no hurry, a question, whenever you have time",
    "medium": "please look into it soon",
    "normal": "please look into it soon",
    "high": "urgent, as soon as possible, cannot work, blocked, deadline today",
    "urgent": "urgent, immediately, as soon as possible, cannot work",
    "critical": "everything is down, outage, data loss, security breach, everyone is affected",
    "positive": "thank you, great, happy, love it, excellent",
    "negative": "angry, disappointed, terrible, broken, complaint, unacceptable",
    "neutral": "a plain question or statement of fact",
}
"""What labels that are hardly words of their own usually mean, when nobody defines them."""


class TextIsSilent(Exception):
    """The schema demands a value that the text does not hold; the message names the field."""


@dataclass(slots=True)
class Extraction:
    """One schema and one prompt."""

    root: Schema
    prompt: Prompt

    def answer(self) -> dict[str, Any]:
        """
        The whole answer.

        Raises:
            TextIsSilent: A required value is not in the text, and the schema allows no absence.
        """
        filled, _ = self._object(resolve(self.root, self.root), Slot(), Evidence.of(self.prompt.passages), 0)
        return filled

    def supported(self) -> dict[str, Any] | None:
        """
        The whole answer if the text supports every value that the schema demands, otherwise None.

        A demanded value that may be null demands nothing.
        """
        schema = resolve(self.root, self.root)
        evidence = Evidence.of(self.prompt.passages)
        for key in schema.get("required", ()):
            part = resolve(schema.get("properties", {}).get(key, {}), self.root)
            if "const" in part or any(_kind(option) == "null" for option in options(part, self.root)):
                continue
            found = self._find(part, Slot().inside(key, part), evidence, 1)
            if found is None or not self._stands(found, part, evidence):
                return None
        try:
            return self.answer()
        except TextIsSilent:
            return None

    def _stands(self, found: Found, schema: Schema, evidence: Evidence) -> bool:
        """Whether the text says a value, or a label of a closed list is near enough to it."""
        if "enum" not in schema:
            return found.score > 0
        said = set(words(readable(str(found.value))))
        return found.score > NEAR or (bool(said) and said <= set(words(evidence.text)))

    def _required(self, schema: Schema, slot: Slot, evidence: Evidence, depth: int) -> Found:
        """A value that conforms, with or without support."""
        found = self._find(schema, slot, evidence, depth)
        return found if found is not None else self._absence(schema, slot)

    def _find(self, schema: Schema, slot: Slot, evidence: Evidence, depth: int) -> Found | None:
        """The best supported value among the alternatives of a schema, or None."""
        best: Found | None = None
        for option in options(schema, self.root) if depth <= DEEPEST else ():
            found = self._find_one(option, slot, evidence, depth)
            if found is not None and found.value is not None and (best is None or found.score > best.score):
                best = found
        return best

    def _find_one(self, schema: Schema, slot: Slot, evidence: Evidence, depth: int) -> Found | None:
        """A value of a schema without alternatives."""
        found: Found | None = None
        if "const" in schema:
            found = Found(schema["const"], 0.0)
        elif isinstance(schema.get("enum"), list):
            found = self._enum(schema["enum"], slot, evidence)
        else:
            match _kind(schema):
                case "string":
                    found = find_string(slot, schema, evidence, self.prompt)
                case "number" | "integer":
                    found = self._number(schema, slot, evidence)
                case "boolean":
                    found = find_boolean(slot, evidence, self.prompt)
                case "array":
                    found = self._array(schema, slot, evidence, depth)
                case "object":
                    found = self._supported_object(schema, slot, evidence, depth)
        return found

    def _number(self, schema: Schema, slot: Slot, evidence: Evidence) -> Found | None:
        found = find_number(slot, evidence, lambda number: _allows(schema, number))
        return Found(_as(schema, found.value), found.score) if found else None

    # -- closed lists ------------------------------------------------------------------------

    def _enum(self, allowed: list[Any], slot: Slot, evidence: Evidence) -> Found | None:
        labels = [value for value in allowed if isinstance(value, str)]
        if labels:
            choice = choose(
                self._subject(evidence), labels, self._definitions(labels, slot), self._examples(slot)
            )
            if not choice.supported and None in allowed:
                return None
            return Found(choice.label, max(choice.score, 0.0))
        figures = [
            value for value in allowed if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        if figures:
            return find_number(slot, evidence, lambda number: number in figures)
        if True in allowed or False in allowed:
            found = find_boolean(slot, evidence, self.prompt)
            return found if found and found.value in allowed else None
        return None

    def _subject(self, evidence: Evidence) -> str:
        return evidence.text or self.prompt.question

    def _definitions(self, labels: Sequence[str], slot: Slot) -> dict[str, str]:
        told = find_definitions(labels, slot.description, self.prompt.instructions)
        common = {
            label: COMMON_LABELS[readable(label)] for label in labels if readable(label) in COMMON_LABELS
        }
        return {**common, **told}

    def _examples(self, slot: Slot) -> list[tuple[str, str]]:
        """Texts labelled earlier in the conversation."""
        found = []
        for text, answer in self.prompt.examples:
            value: Any = answer
            for step in slot.path:
                value = value.get(step) if isinstance(value, dict) else None
            if isinstance(value, str):
                found.append((text, value))
        return found

    # -- lists -------------------------------------------------------------------------------

    def _array(self, schema: Schema, slot: Slot, evidence: Evidence, depth: int) -> Found | None:
        found = self._items(schema.get("items", {}), slot, evidence, depth, int(schema.get("maxItems", 0)))
        if schema.get("uniqueItems"):
            found = list({orjson.dumps(one.value): one for one in found}.values())
        found = found[: schema.get("maxItems")]
        if len(found) < max(int(schema.get("minItems", 0)), 1):
            return None
        return Found([one.value for one in found], sum(one.score for one in found) / len(found))

    def _items(self, items: Schema, slot: Slot, evidence: Evidence, depth: int, most: int) -> list[Found]:
        """What a list may hold, of the first kind that its schema names."""
        option = next((one for one in options(items, self.root) if _kind(one) != "null"), {})
        if isinstance(option.get("enum"), list) and any(isinstance(value, str) for value in option["enum"]):
            return self._several_labels(
                [value for value in option["enum"] if isinstance(value, str)], slot, evidence
            )
        if "enum" not in option and "const" not in option:
            match _kind(option):
                case "string":
                    return find_strings(slot, option, evidence, self.prompt, most or MOST_ITEMS)[
                        : most or MOST_VALUES
                    ]
                case "number" | "integer":
                    figures = [
                        number.value for number in numbers(evidence.text) if _allows(option, number.value)
                    ]
                    return [Found(_as(option, figure), ALONE) for figure in figures[: most or MOST_VALUES]]
                case "object":
                    return self._several_objects(option, slot, evidence, depth, most or MOST_ITEMS)
        one = self._find(option, slot, evidence, depth + 1)
        return [one] if one is not None else []

    def _several_labels(self, labels: list[str], slot: Slot, evidence: Evidence) -> list[Found]:
        if not labels:
            return []
        text, definitions, examples = (
            self._subject(evidence),
            self._definitions(labels, slot),
            self._examples(slot),
        )
        scores = label_scores(text, labels, definitions, examples)
        best = choose(text, labels, definitions, examples)
        line = max(ALSO, ALSO_BESIDE * best.score)
        chosen = {label for label, score in scores.items() if score >= line}
        chosen |= {best.label} if best.supported else set()
        return [Found(label, max(scores[label], 0.0)) for label in labels if label in chosen]

    def _several_objects(
        self, schema: Schema, slot: Slot, evidence: Evidence, depth: int, most: int
    ) -> list[Found]:
        """One object for each sentence that has something to fill it with."""
        fields = " ".join(readable(key) for key in schema.get("properties", {}))
        chosen = sorted(one.index for one in evidence.best(f"{slot.query} {fields}", most))
        found = []
        for index in chosen:
            one = self._supported_object(schema, slot, evidence.only(index), depth)
            if one is not None:
                found.append(one)
        return found

    # -- objects -----------------------------------------------------------------------------

    def _supported_object(self, schema: Schema, slot: Slot, evidence: Evidence, depth: int) -> Found | None:
        """An object with at least one value that the text supports."""
        try:
            filled, score = self._object(schema, slot, evidence, depth)
        except TextIsSilent:
            return None
        return Found(filled, score) if score > 0 else None

    def _object(
        self, schema: Schema, slot: Slot, evidence: Evidence, depth: int
    ) -> tuple[dict[str, Any], float]:
        """The fields of an object in the schema's order, and the mean support of those that have any."""
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        found: dict[str, Found] = {}
        for key, part in properties.items():
            field = slot.inside(key, resolve(part, self.root))
            if field.says(CONFIDENCES):
                continue
            if key in required:
                found[key] = self._required(part, field, evidence, depth + 1)
            elif (one := self._find(part, field, evidence, depth + 1)) is not None:
                found[key] = one
        scores = [one.score for one in found.values() if one.score > 0]
        mean = sum(scores) / len(scores) if scores else 0.0
        for key, part in properties.items():
            field = slot.inside(key, resolve(part, self.root))
            if field.says(CONFIDENCES):
                found[key] = self._confidence(part, field, evidence, mean)
        for key in required:
            found.setdefault(key, Found(None, 0.0))
        return {
            key: found[key].value for key in dict.fromkeys((*properties, *required)) if key in found
        }, mean

    def _confidence(self, schema: Schema, slot: Slot, evidence: Evidence, mean: float) -> Found:
        """How well the other fields are supported, on the scale that the schema gives."""
        for option in options(resolve(schema, self.root), self.root):
            if _kind(option) in ("number", "integer"):
                top = option.get("maximum", 1 if _kind(option) == "number" else 100)
                value = confidence(mean) * top
                figure = round(value) if _kind(option) == "integer" else value
                if _allows(option, figure):
                    return Found(figure, 0.0)
        return self._required(schema, slot, evidence, DEEPEST)

    # -- absence -----------------------------------------------------------------------------

    def _absence(self, schema: Schema, slot: Slot) -> Found:
        """
        What says "nothing was found" and still conforms.

        Raises:
            TextIsSilent: The schema leaves no way to say it.
        """
        schema = resolve(schema, self.root)
        alternatives = options(schema, self.root)
        if None in schema.get("enum", ()) or any(_kind(option) == "null" for option in alternatives):
            return Found(None, 0.0)
        for option in alternatives:
            absent = self._absent(option, slot)
            if absent is not None:
                return absent
        where = ".".join(slot.path)
        raise TextIsSilent(
            f"The text says nothing for '{where}', and the schema does not allow null there. "
            "This model only extracts; it does not make values up."
        )

    def _absent(self, schema: Schema, slot: Slot) -> Found | None:
        if "const" in schema:
            return Found(schema["const"], 0.0)
        if schema.get("enum"):
            return Found(_middle_of(schema["enum"]), 0.0)
        absent: Found | None = None
        match _kind(schema):
            case "string" if not (
                schema.get("pattern") or has_known_format(schema) or schema.get("minLength")
            ):
                absent = Found("", 0.0)
            case "boolean":
                absent = Found(value=False, score=0.0)
            case "array" if not schema.get("minItems"):
                absent = Found([], 0.0)
            case "number" | "integer":
                absent = _middle(schema)
            case "object" if len(slot.path) <= DEEPEST:
                absent = Found(self._object(schema, slot, Evidence.of([]), len(slot.path))[0], 0.0)
        return absent


def _kind(schema: Schema) -> str:
    """The type of a schema without alternatives; one that only has properties is an object."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _allows(schema: Schema, number: float) -> bool:
    """Whether a number keeps every bound of its schema."""
    step = schema.get("multipleOf")
    return (
        (_kind(schema) != "integer" or float(number).is_integer())
        and number >= schema.get("minimum", number)
        and number <= schema.get("maximum", number)
        and ("exclusiveMinimum" not in schema or number > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or number < schema["exclusiveMaximum"])
        and (not step or abs(number / step - round(number / step)) < ROUNDING)
    )


def _as(schema: Schema, number: float) -> float | int:
    return int(number) if _kind(schema) == "integer" or float(number).is_integer() else number


def _middle_of(allowed: list[Any]) -> Any:
    """What of a closed list claims least: false, the middle of figures, or the first."""
    if any(value is False for value in allowed):
        return False
    figures = sorted(value for value in allowed if isinstance(value, int | float))
    return figures[len(figures) // 2] if figures else allowed[0]


def _middle(schema: Schema) -> Found | None:
    """The middle of a scale with two ends, for a judgement that no word of the text settles."""
    if "minimum" not in schema or "maximum" not in schema:
        return None
    middle = _as(schema, (schema["minimum"] + schema["maximum"]) / 2)
    return Found(middle, 0.0) if _allows(schema, middle) else None
