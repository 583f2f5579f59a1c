"""The prompts that ship: frozen, short, and understood by whoever answers."""

from __future__ import annotations

import json
import re

import pytest

from plumbline.core.prompts import PROMPTS, load_prompt, prompt_names, versions
from plumbline.core.prompts.measuring import length
from plumbline.core.prompts.releases import digest_of, frozen, verify_released
from plumbline.core.prompts.shortening import savings
from plumbline.localmodel.testing import RunningServer

EVERY = [(name, version) for name in prompt_names() for version in versions(name)]


def test_released_versions_are_what_they_were() -> None:
    """The list is what a person reads with sha256sum."""
    assert verify_released() == {path: digest_of(PROMPTS / path) for path in frozen()}
    assert frozen()


@pytest.mark.parametrize(("name", "version"), EVERY)
def test_every_version_can_be_used_and_every_approved_one_is_frozen(name: str, version: str) -> None:
    """`plumbline prompts freeze` adds what is approved."""
    prompt = load_prompt(name, version)

    assert prompt.released == bool(prompt.approved_by)
    assert length(prompt).fixed <= length(prompt).most


@pytest.mark.parametrize(("name", "version"), EVERY)
def test_no_prompt_pays_for_words_that_change_nothing(name: str, version: str) -> None:
    """What our own report finds, we do not ship."""
    assert savings(load_prompt(name, version)) == []


@pytest.mark.parametrize("name", prompt_names())
def test_prompts_are_named_as_what_they_do(name: str) -> None:
    """A verb and its object."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", name)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The harbour has 7 berths.", {"count": 7, "thing": "berths"}),
        ("The depot holds 12 bicycles.", {"count": 12, "thing": "bicycles"}),
    ],
)
def test_the_proof_of_a_model_is_answered(
    model_server: RunningServer, text: str, answer: dict[str, object]
) -> None:
    """By the embedded server, over HTTP, in the schema that was asked for."""
    import httpx2

    prompt = load_prompt("verify_model")
    body = {
        "model": "local-extractive",
        "messages": prompt.render(text=text),
        "response_format": prompt.answer_format(),
        "temperature": prompt.temperature,
        "max_completion_tokens": prompt.max_output_tokens,
    }
    answered = httpx2.post(
        f"{model_server.base_url}/chat/completions",
        json=body,
        headers={"Authorization": "Bearer test"},
        timeout=30,
    ).json()

    assert json.loads(answered["choices"][0]["message"]["content"])["count"] == answer["count"]
