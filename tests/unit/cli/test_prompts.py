"""`plumbline prompts` as a person types it: no database, no model."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from plumbline.cli.app import app
from plumbline.core.prompts import PromptUnknown


def typed(*words: str) -> str:
    """What `plumbline …` prints."""
    done = CliRunner().invoke(app, ["prompts", *words], catch_exceptions=False)
    assert 0 == done.exit_code, done.output
    return done.output


def test_prompts_are_listed_with_what_they_cost() -> None:
    """In the provider's tokens, for a person and for a program."""
    listed = {row["name"]: row for row in json.loads(typed("--json"))["prompts"]}

    row = listed["verify_model"]
    assert (row["version"], row["released"], row["approved_by"]) == ("v1", True, "Plumbline")
    assert 0 < row["fixed_tokens"] < row["most_tokens"]
    assert "verify_model" in typed()


def test_a_prompt_is_shown_as_it_is_written() -> None:
    """With the hash that the ledger names."""
    shown = json.loads(typed("show", "verify_model", "--version", "v1", "--json"))

    assert "{{ text }}" in shown["user"]
    assert shown["sha256"] in typed("show", "verify_model")


def test_what_could_be_shorter_is_reported() -> None:
    """What ships has nothing to shorten."""
    told = json.loads(typed("shorten", "--json"))

    assert [] == [row["name"] for row in told["prompts"] if row["savings"]]
    assert "verify_model v1: nothing to shorten." in typed("shorten", "verify_model")


def test_what_is_frozen_stays_so() -> None:
    """Releasing twice releases once."""
    assert "Every approved version was frozen already." in typed("freeze")


def test_mistakes_are_said_in_a_sentence() -> None:
    """A name that is none, and a version of nothing."""
    with pytest.raises(PromptUnknown, match="no prompt 'verify_modell'"):
        typed("show", "verify_modell")

    done = CliRunner().invoke(app, ["prompts", "shorten", "--version", "v1"])
    assert (2, True) == (done.exit_code, "name the prompt" in done.output)
