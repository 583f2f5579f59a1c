"""`plumbline review` as a person types it: what is first, what can be decided, and mistakes."""

from __future__ import annotations

import getpass
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plumbline import review
from plumbline.cli.app import app
from plumbline.core.clock import now
from plumbline.core.errors import PlumblineError
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.review import Question

QUESTION = Question("flagged_input", "flagged", "input-7", "May this be sent?", {"category": "violence"})


@pytest.fixture(autouse=True)
def _at_home(installation: Path) -> None:
    """Commands find the database of the test in their environment."""


@pytest.fixture
def short(tools: Tools, run: Run) -> str:
    """The short id of a question that waits."""
    with tools.db.transaction("main") as session:
        return review.ask(session, run, QUESTION).hex[:8]


def typed(*words: str) -> str:
    """What `plumbline review …` prints."""
    done = CliRunner().invoke(app, ["review", *words], catch_exceptions=False)
    assert 0 == done.exit_code, done.output
    return done.output


def test_an_empty_queue_says_so() -> None:
    """Nothing to do is good news."""
    assert "Nothing waits for a person." in typed()
    assert "Nothing was ever asked." in typed("--all")
    assert json.loads(typed("--json"))["items"] == []


def test_a_person_sees_first_what_is_first(tools: Tools, run: Run, short: str) -> None:
    """What is overdue stands on top, marked, and the next thing to type below."""
    with tools.db.transaction("main") as session:
        late = review.ask(
            session, run, replace(QUESTION, subject_id="late", summary="Late?"), at=now() - timedelta(days=3)
        )

    lines = typed().splitlines()

    assert late.hex[:8] in lines[1]
    assert "OVERDUE 48 h" in lines[1] or "OVERDUE 2 d" in lines[1]
    assert short in lines[2]
    assert "in 23 h" in lines[2]
    assert "for trust" in lines[2]
    assert "2 questions waiting, 1 overdue." in lines[3]
    assert lines[4].endswith(f"plumbline review show {late.hex[:8]}")
    assert [item["overdue"] for item in json.loads(typed("--json"))["items"]] == [True, False]


def test_a_question_goes_its_way_from_asked_to_decided(short: str) -> None:
    """Shown, taken, given on, remarked upon, decided; all of it is in its history."""
    shown = typed("show", short)
    assert "an input that moderation flagged: the provider's moderation flagged it" in shown
    assert f"plumbline review decide {short} block   (it is not sent)" in shown

    assert f"{short} assigned to {getpass.getuser()}." in typed("take", short)
    assert f"{short} assigned to Grace." in typed("assign", short, "Grace")
    typed("note", short, "It quotes a film.")
    assert f"{short} decided as allow by Grace at" in typed(
        "decide", short, "allow", "--note", "A film.", "--by", "Grace"
    )

    told = json.loads(typed("show", short, "--json"))
    assert [event["what"] for event in told["events"]] == [
        "asked",
        "assigned",
        "assigned",
        "remarked",
        "decided",
    ]
    assert (told["decision"], told["note"], told["remarks"][0]["words"]) == (
        "allow",
        "A film.",
        "It quotes a film.",
    )
    assert "It quotes a film." in typed("show", short)
    assert "Nothing waits" in typed()
    assert "Grace: allow" in typed("--all")


def test_what_is_not_needed_any_more_is_withdrawn(short: str) -> None:
    """With who did it."""
    assert f"{short} withdrawn by Ada at" in typed("withdraw", short, "--by", "Ada")


def test_mistakes_get_a_sentence(short: str) -> None:
    """A wrong id, a wrong decision, and one that was made already."""
    typed("decide", short, "block", "--by", "Ada")

    for words, sentence in (
        (("show", "zzzz"), "'zzzz' is not the id of an item"),
        (("decide", "00000000", "allow"), "No item of this tenant has an id that begins with 00000000"),
        (("decide", short, "allow"), "was decided as block by Ada at"),
    ):
        with pytest.raises(PlumblineError, match=sentence):
            typed(*words)
    done = CliRunner().invoke(app, ["review", "--json", "show", short])
    assert (2, True) == (done.exit_code, "come after the word show" in done.output)


def test_what_a_shorter_prompt_is_worth_is_said_at_a_models_price() -> None:
    """From the prices in the ledger."""
    done = CliRunner().invoke(
        app, ["prompts", "shorten", "--model", "text-embedding-3-small", "--json"], catch_exceptions=False
    )

    assert json.loads(done.output)["usd_per_million"] == "0.020000"
