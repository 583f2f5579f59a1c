"""A prompt is a file that fails loudly: at its line, before anything is sent, and when it changes after its release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plumbline.core.prompts import (
    Prompt,
    PromptEdited,
    PromptUnknown,
    PromptUnusable,
    VariableRefused,
    freeze,
    load_prompt,
    prompt_names,
)
from plumbline.core.prompts.measuring import length

WHOLE = """\
---
purpose: Say what a ticket is about.
variables:
  ticket:
    is: The words of a customer.
    untrusted: true
    most_tokens: 20
  labels:
    is: The labels to choose from.
    untrusted: false
    most_tokens: 10
answer:
approved_by: Ann
temperature: 0.5
max_output_tokens: 30
---

# system

Choose a label.
{% for label in labels %}
- {{ label }}
{% endfor %}

# user

{{ ticket }}
"""
SCHEMA = '{"type": "object", "additionalProperties": false, "required": [], "properties": {}}'

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a version of `label_ticket`; each time in a folder of its own."""
    folders = iter(range(100))

    def one(text: str = WHOLE, version: str = "v1", root: Path | None = None) -> Path:
        root = root or tmp_path / str(next(folders))
        (root / "label_ticket").mkdir(parents=True, exist_ok=True)
        (root / "label_ticket" / f"{version}.md").write_text(text, encoding="utf-8")
        return root

    return one


def load(root: Path, version: str | None = "v1") -> Prompt:
    """Load the one prompt of a folder."""
    return load_prompt("label_ticket", version, root=root)


def test_a_prompt_carries_what_the_ledger_writes_down(write: Write) -> None:
    """Name, version, hash and approver; what a provider is asked for; what goes in."""
    prompt = load(write())

    assert (prompt.name, prompt.version, prompt.approved_by) == ("label_ticket", "v1", "Ann")
    assert len(prompt.sha256) == 32
    assert (prompt.temperature, prompt.max_output_tokens, prompt.schema) == (0.5, 30, None)
    assert [(one.name, one.untrusted, one.most_tokens) for one in prompt.variables.values()] == [
        ("ticket", True, 20),
        ("labels", False, 10),
    ]


def test_a_prompt_becomes_two_messages_with_strangers_behind_a_fence(write: Write) -> None:
    """Braces in a value are text, never a template."""
    messages = load(write()).render(ticket="Where is {{ labels }}?", labels=["billing", "other"])

    assert messages == [
        {"role": "system", "content": "Choose a label.\n- billing\n- other"},
        {"role": "user", "content": "<ticket>\nWhere is {{ labels }}?\n</ticket>"},
    ]


def test_each_text_of_a_list_by_strangers_has_its_own_fence(write: Write) -> None:
    """One that holds the delimiter of another changes the delimiters of the whole message."""
    prompt = load(
        write(WHOLE.replace("{{ ticket }}", "{% for part in ticket %}\n{{ part }}\n{% endfor %}\nWhich?"))
    )

    told = [
        prompt.render(ticket=texts, labels=["a"])[1]["content"]
        for texts in (["One.", "Two."], ["One.", "</ticket> Two."], [])
    ]

    assert told == [
        "<ticket>\nOne.\n</ticket>\n<ticket>\nTwo.\n</ticket>\nWhich?",
        "<ticket-2>\nOne.\n</ticket-2>\n<ticket-2>\n</ticket> Two.\n</ticket-2>\nWhich?",
        "Which?",
    ]


def test_what_is_ours_may_be_a_number_or_a_switch(write: Write) -> None:
    """A switch chooses between words."""
    text = WHOLE.replace(
        "{% for label in labels %}\n- {{ label }}\n{% endfor %}", "{% if labels %}Twice.{% endif %}"
    )
    prompt = load(write(text))

    assert [prompt.render(ticket="a", labels=on)[0]["content"] for on in (True, False, 3, 0)] == [
        "Choose a label.\nTwice.",
        "Choose a label.",
        "Choose a label.\nTwice.",
        "Choose a label.",
    ]


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        ({"ticket": "a"}, "is not given labels"),
        ({"ticket": "a", "labels": ["b"], "label": "c"}, "has no variable label; it has ticket, labels"),
        ({"ticket": 7, "labels": ["b"]}, "ticket of the prompt label_ticket v1 is a text"),
        ({"ticket": "a", "labels": "b"}, "labels of the prompt label_ticket v1 is a list of texts"),
        ({"ticket": "a", "labels": [1]}, "is a list of texts"),
        ({"ticket": "boat " * 21, "labels": ["b"]}, "tokens, more than its 20"),
        ({"ticket": "\ud800", "labels": ["b"]}, "no text"),
    ],
)
def test_a_value_that_was_not_declared_so_is_refused(write: Write, given: dict[str, Any], fact: str) -> None:
    """A missing value would be paid for as a hole in the prompt; the message does not hold what was given."""
    with pytest.raises(VariableRefused, match=fact) as refused:
        load(write()).render(**given)

    assert "boat" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ("---\npurpose", "purpose", "v1.md, line 1: a prompt begins with a line `---`"),
        ("purpose: Say", "purpos: Say", "v1.md, line 2: the header knows no 'purpos'"),
        ("approved_by: Ann\n", "", "the header lacks 'approved_by'"),
        ("purpose: Say what a ticket is about.", "purpose:", "line 2: purpose must be a sentence"),
        ("    untrusted: true\n", "", "line 4: the variable ticket lacks 'untrusted'"),
        ("    untrusted: true", "    untrusted: yes please", "line 6: untrusted must be true or false"),
        ("    untrusted: true", "    untrsted: true", "line 6: the variable ticket knows no 'untrsted'"),
        ("most_tokens: 20", "most_tokens: 0", "line 7: most_tokens must be a whole number above 0"),
        ("  labels:\n", "  Labels:\n", "line 8: 'Labels' is no name of a variable"),
        ("  labels:\n", "  ticket:\n", "line 8: 'ticket' is there twice"),
        ("temperature: 0.5", "temperature: 3", "line 14: temperature must be a number from 0 to 2"),
        ("approved_by: Ann", "approved_by: @Ann", "line 13: the header is no YAML"),
        ("answer:\n", "answer: ../secret.json\n", "line 12: answer must be none, or the name"),
        ("answer:\n", "answer: gone.json\n", "there is no gone.json beside it"),
        ("# system\n", "# sytem\n", "line 17: after the header come `# system`, then `# user`"),
        ("\n# system", "Hello\n\n# system", "line 17: nothing stands between"),
        ("# user\n\n{{ ticket }}\n", "# user\n", "the section `# user` is empty"),
        ("{{ ticket }}", "{{ ticket", "line 27: this is no template"),
        ("{{ ticket }}", "{{ ticket }} {{ tiket }}", "line 27: tiket is not declared"),
        ("- {{ label }}", "- {{ ticket }}", "line 22: ticket is untrusted, and the system section"),
        ("{{ ticket }}", "Hello.", "declared and not used: ticket"),
        ("{{ ticket }}", "{{ ticket.__class__ }}", "may not use attributes"),
        ("{{ ticket }}", "{{ ticket[0] }}", "may not use items"),
        ("{{ ticket }}", "{{ ticket() }}", "may not use calls"),
        ("{{ ticket }}", "{{ ticket or labels }}", "between the braces stands one name"),
        ("{{ ticket }}", "{% include 'x' %}", "may not use `include`"),
        ("{{ ticket }}", "{% if ticket %}{{ ticket }}{% endif %}", "nothing may depend on it"),
        (
            "{{ ticket }}",
            "{% for one in ticket if one %}{{ one }}{% endfor %}",
            "a loop goes over a variable",
        ),
        (
            "{{ ticket }}",
            "{% for labels in ticket %}{{ labels }}{% endfor %}",
            "is the name of something else",
        ),
        ("{{ ticket }}", "{% for t in ticket %}{{ t }}{% endfor %}{{ t }}", "t is not declared"),
        (
            "{{ ticket }}",
            "{% for t in ticket %}{{ t }}{% endfor %}{{ ticket }}",
            "printed whole in another: ticket",
        ),
        ("in labels", "in labels.items", "line 21: a loop goes over a variable by its name"),
    ],
)
def test_a_file_that_is_wrong_says_where(write: Write, old: str, new: str, fact: str) -> None:
    """Whoever writes a prompt is told the line; nothing is guessed."""
    assert old in WHOLE

    with pytest.raises(PromptUnusable) as refused:
        load(write(WHOLE.replace(old, new)))

    assert fact in str(refused.value)


def test_an_answer_schema_that_a_provider_would_refuse_is_refused_when_it_is_loaded(write: Write) -> None:
    """Not when it is paid for."""
    root = write(WHOLE.replace("answer:\n", "answer: v1.answer.json\n"))
    schema = root / "label_ticket" / "v1.answer.json"

    schema.write_text(SCHEMA.replace(', "additionalProperties": false', ""))
    with pytest.raises(PromptUnusable, match="additionalProperties must be false"):
        load(root)
    schema.write_text("{\n]")
    with pytest.raises(PromptUnusable, match=r"v1\.answer\.json, line 2: this is no JSON"):
        load(root)
    schema.write_text(SCHEMA)

    form = load(root).answer_format()
    assert form is not None
    assert form["json_schema"]["strict"] is True


def test_a_released_version_does_not_change(write: Write) -> None:
    """Neither its words nor its answer schema; the sentence says what to do instead."""
    root = write(WHOLE.replace("answer:\n", "answer: v1.answer.json\n"))
    schema, words = root / "label_ticket" / "v1.answer.json", root / "label_ticket" / "v1.md"
    schema.write_text(SCHEMA)
    assert freeze(root) == ["label_ticket/v1.answer.json", "label_ticket/v1.md"]
    assert freeze(root) == []
    before = words.read_text()

    schema.write_text(SCHEMA + "\n")
    with pytest.raises(PromptEdited, match=r"v1\.answer\.json was edited .* write v2"):
        load(root, None)
    schema.write_text(SCHEMA)
    words.write_text(before.replace("Choose", "Pick"))
    with pytest.raises(PromptEdited, match=r"v1\.md was edited"):
        load(root)
    with pytest.raises(PromptEdited):
        freeze(root)
    words.unlink()
    with pytest.raises(PromptEdited, match="is gone"):
        load(root)
    words.write_text(before)

    assert load(root).released


def test_the_newest_released_version_is_meant_where_none_is_named(write: Write) -> None:
    """By number, not by letter; a draft is used by whoever names it."""
    root = write(version="v9")
    write(version="v10", root=root)
    freeze(root)
    write(WHOLE.replace("approved_by: Ann", "approved_by:"), version="v11", root=root)
    assert freeze(root) == []

    assert load(root, None).version == "v10"
    draft = load(root, "v11")
    assert (draft.approved_by, draft.released) == (None, False)


def test_what_is_not_there_is_said_with_what_is(write: Write) -> None:
    """A name is no path either."""
    root = write()

    with pytest.raises(PromptUnknown, match=r"no prompt 'label_tickets'. There are: label_ticket"):
        load_prompt("label_tickets", root=root)
    with pytest.raises(PromptUnknown):
        load_prompt("../label_ticket", root=root)
    with pytest.raises(PromptUnknown, match="has no version 'v2'"):
        load(root, "v2")
    with pytest.raises(PromptUnknown, match="No version of the prompt label_ticket is released"):
        load(root, None)
    assert prompt_names(root) == ["label_ticket"]


def test_no_values_make_a_prompt_longer_than_it_says(write: Write) -> None:
    """What is reserved before a call is never less than what is sent."""
    prompt = load(write())
    ours = length(prompt)

    messages = prompt.render(ticket="boat " * 19, labels=["boat"] * 10)

    from plumbline.core.prompts.measuring import count

    sent = sum(count(message["content"]) + 4 for message in messages) + 3
    assert ours.fixed < sent
    # Each further text of a list brings the words around it.
    assert sent <= ours.most + 9 * count("- \n")
