"""What could be shorter is found, weighed in tokens, and left to a person."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from plumbline.core.prompts import Prompt, load_prompt
from plumbline.core.prompts.measuring import count
from plumbline.core.prompts.shortening import Saving, savings

HEADER = """\
---
purpose: Try the report.
variables:
answer: {answer}
approved_by:
---
"""


def prompt_of(root: Path, system: str, user: str = "Go.", schema: str | None = None) -> Prompt:
    """A draft with these words."""
    folder = root / "try_report"
    folder.mkdir()
    if schema:
        (folder / "v1.json").write_text(schema)
    header = HEADER.format(answer="v1.json" if schema else "")
    (folder / "v1.md").write_text(f"{header}# system\n{system}\n# user\n{user}\n")
    return load_prompt("try_report", "v1", root=root)


@pytest.mark.parametrize(
    ("words", "kind", "shown"),
    [
        ("Please choose a label.", "politeness", "Please"),
        ("Choose a label.\nThank you in advance.", "politeness", "Thank you in advance"),
        ("It is important\nto note that labels are short.", "filler", "It is important to note that"),
        ("Read in order to choose.", "wordiness", "in order to"),
        ("Choose a label.\n\n\n\n\nNow  do   it.", "white space", "6 characters"),
    ],
)
def test_words_that_change_no_answer_are_found(tmp_path: Path, words: str, kind: str, shown: str) -> None:
    """Whatever white space stands between them."""
    found = savings(prompt_of(tmp_path, words))

    assert [(one.kind, one.where, one.words) for one in found] == [(kind, "system", shown)]
    assert found[0].tokens > 0


def test_the_longest_phrase_is_found_once(tmp_path: Path) -> None:
    """A token can be saved one time."""
    found = savings(prompt_of(tmp_path, "Please note that labels are short."))

    assert [one.words for one in found] == ["Please note that"]


def test_what_is_said_twice_is_found_once_as_the_larger_whole(tmp_path: Path) -> None:
    """A paragraph, else a sentence; also when one is the system's and the other the user's."""
    sentence = "Choose one label for the ticket."
    found = savings(
        prompt_of(tmp_path, f"{sentence} Be quick.\n\nA.", f"{sentence} Be quick.\n\nB. {sentence}")
    )

    assert [(one.kind, one.where, one.advice) for one in found] == [
        ("repeated paragraph", "user", "it stands in `system` already"),
        ("repeated sentence", "user", "it stands in `system` already"),
    ]


def test_examples_that_are_nearly_the_same_are_found(tmp_path: Path) -> None:
    """The second teaches nothing."""
    words = (
        "Example: the blue boat lost its mast in a storm -> damage\n\n"
        "Example: the blue boat lost its anchor in a storm -> damage\n\n"
        "Example: I was billed twice -> billing\n"
    )

    assert [one.kind for one in savings(prompt_of(tmp_path, words))] == ["repeated example"]


def test_descriptions_that_say_the_name_or_too_much_are_found(tmp_path: Path) -> None:
    """They are sent with every call, like the words."""
    schema = (
        '{"type": "object", "additionalProperties": false, "required": ["due_date", "label"], "properties": {'
        '"due_date": {"type": "string", "description": "The due date."},'
        f'"label": {{"type": "string", "description": "{"boat " * 40}"}}}}}}'
    )
    found = savings(prompt_of(tmp_path, "Choose.", schema=schema))

    assert [(one.where, one.advice) for one in found] == [
        ("answer/label", "say it in 25 words instead of 40"),
        ("answer/due_date", "its name says the same"),
    ]


def test_a_saving_is_what_the_tokens_say(tmp_path: Path) -> None:
    """Measured on the words without it; worth a thousand calls at a price for a million."""
    words = "Read the ticket. Please choose a label."
    (found,) = savings(prompt_of(tmp_path, words))

    assert found.tokens == count(words) - count("Read the ticket. choose a label.")
    assert Saving("", "", "", "", 3).usd_per_1000_calls(Decimal("0.50")) == Decimal("0.0015")
