"""Suites as data: every declared suite can be read, and what is not a suite is refused."""

from __future__ import annotations

from typing import Any

import pytest

from plumbline.provenance.checks import checks_of
from plumbline.provenance.expectations import EXPECTATIONS, UnreadableSuite, load_suite, parse_suite

SUITES = sorted(str(path.relative_to(EXPECTATIONS).with_suffix("")) for path in EXPECTATIONS.rglob("*.yaml"))


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_can_be_read(name: str) -> None:
    """Sentences are sentences, gates exist, and no rule is said twice."""
    suite = load_suite(name)

    sentences = [rule.says for rule in suite.expectations]
    assert all(sentence.endswith(".") for sentence in sentences)
    assert len(sentences) == len(set(sentences))
    assert all(checks_of(gate) for gate in suite.gates)


RULE = {"says": "A rule.", "expect": "column_values_to_be_unique", "column": "id"}


@pytest.mark.parametrize(
    "declared",
    [
        {"tables": {"a.b": [RULE]}},
        {"says": "A suite."},
        {"says": "A suite.", "tables": {"b": [RULE]}},
        {"says": "A suite.", "tables": {"a.b": [RULE], "c.d": [RULE]}},
        {"says": "A suite.", "tables": {"a.b": [{**RULE, "severity": "fatal"}]}},
        {"says": "A suite.", "tables": {"a.b": [{"says": "A rule."}]}},
        {"says": "A suite.", "tables": {"a.b": [RULE]}, "gate": []},
    ],
)
def test_what_is_not_a_suite_is_refused(declared: dict[str, Any]) -> None:
    """A misspelt suite must not pass by checking nothing."""
    with pytest.raises((KeyError, ValueError)):
        parse_suite("odd", declared)


def test_a_suite_that_does_not_exist_is_an_error() -> None:
    """The message names the file that is missing."""
    with pytest.raises(UnreadableSuite, match="There is no suite corpus/nowhere"):
        load_suite("corpus/nowhere")
