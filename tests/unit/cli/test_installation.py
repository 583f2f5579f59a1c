"""The doctor speaks to programs in one JSON object, and says when it did not make the call that it was asked for."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from plumbline.cli import installation
from plumbline.cli.app import app
from plumbline.core.errors import Misconfigured
from plumbline.embedded import doctor
from plumbline.embedded.doctor import Finding
from plumbline.models.door import Proof

WELL, ILL = (
    Finding("disk", ok=True, message="room"),
    Finding("disk", ok=False, message="full", remedy="Make room."),
)


@pytest.fixture
def proof() -> Proof:
    """What a paid call showed."""
    return Proof(**dict.fromkeys(Proof.__dataclass_fields__, 1))


def ask(monkeypatch: pytest.MonkeyPatch, finding: Finding, call: object, *words: str):
    """Ask the doctor, who finds this, and whose paid call does that."""
    monkeypatch.setattr(doctor, "examine", lambda _: [finding])
    monkeypatch.setattr(installation, "_prove_live", call)
    return CliRunner().invoke(app, ["doctor", *words])


def test_findings_and_the_live_call_are_one_object(monkeypatch: pytest.MonkeyPatch, proof: Proof):
    """A program that reads the output reads all of it as JSON."""
    done = ask(monkeypatch, WELL, lambda *_, **__: (proof, proof), "--live", "--yes", "--json")

    told = json.loads(done.stdout)
    assert (0, {"ok", "findings", "proof", "chat"}) == (done.exit_code, told.keys())
    assert (True, [WELL.as_json()], 1) == (told["ok"], told["findings"], told["proof"]["tokens"])


def test_a_provider_without_a_model_for_words_is_still_proved(monkeypatch: pytest.MonkeyPatch, proof: Proof):
    """Searches need none; it is said, and what to do about it."""

    def embeds(*_: object, **__: object) -> tuple[Proof, Misconfigured]:
        return proof, Misconfigured("no such model")

    told = json.loads(ask(monkeypatch, WELL, embeds, "--live", "--yes", "--json").stdout)
    shown = ask(monkeypatch, WELL, embeds, "--live", "--yes")

    assert (told["ok"], told["chat"]) == (True, {"error": "no such model"})
    assert (shown.exit_code, "No answers in words: no such model" in shown.stdout) == (0, True)
    assert "chat_model" in shown.stdout


def test_a_call_that_fails_leaves_the_findings(monkeypatch: pytest.MonkeyPatch):
    """The sentence about the call goes to standard error."""

    def refuse(*_: object, **__: object) -> None:
        raise Misconfigured("no key")

    done = ask(monkeypatch, WELL, refuse, "--live", "--yes", "--json")

    assert {"ok": False, "findings": [WELL.as_json()], "proof": None, "chat": None} == json.loads(done.stdout)
    assert isinstance(done.exception, Misconfigured)


@pytest.mark.parametrize("words", [["--live", "--json"], ["--live"]])
def test_a_call_that_a_fault_prevents_is_said_not_to_have_been_made(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
):
    """Nobody takes silence for a proof."""
    said: list[str] = []
    monkeypatch.setattr(installation, "notes", SimpleNamespace(print=said.append))
    done = ask(monkeypatch, ILL, None, *words)

    assert (1, ["The paid call was not made: first mend what is at fault."]) == (done.exit_code, said)
    assert done.stdout.startswith("{" if "--json" in words else "FAULT")
