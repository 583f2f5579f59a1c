"""Text of people passes the moderation before a model reads it, and a person where that is not enough."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from plumbline import review
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Action, ChatRequest, Door, Ended, Endpoint, Message
from plumbline.models.errors import ProviderFailing
from plumbline.models.moderating import Judgement, rules
from plumbline.models.policy import Policy
from plumbline.review import (
    InputFlagged,
    InputHeld,
    Item,
    ScreenedBatch,
    ScreenedChats,
    once,
    screen,
    screened_chat,
    screening,
)
from plumbline.review.screening import passage

if TYPE_CHECKING:
    from conftest import Book

USE = "triage"
HARMLESS, ANGRY, THREAT = "My invoice is wrong.", "You are an idiot.", "I will kill you."
QUICK = Policy(patience=2, attempts=2, first_pause=0.01, longest_pause=0.02, default_wait=0.05)
DYING = """
from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools
from plumbline.models import Door
from plumbline.review import screen
run = Run(tenant="main", job="test.dying")
with open_tools() as tools:
    screen(tools, run, Door(tools, run), "triage", ["You are an idiot."])
"""


@pytest.fixture
def door(tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]) -> Door:
    """Return the door to a provider whose answers in words cost something."""
    for kind in ("input", "output"):
        book.change(
            "insert into ledger.price values ('local-extractive', 'standard', %s, '2026-02-01', 4, 'the tests')",
            kind,
        )
    return Door(tools, run, endpoint=provider(), policy=QUICK)


@pytest.fixture
def ask(tools: Tools, run: Run, door: Door) -> Callable[..., ScreenedChats]:
    """Return a function that asks about texts by name, and returns the stream when it has ended."""

    def ask(**texts: str) -> ScreenedChats:
        with ScreenedChats(tools, run, door, USE) as chats:
            for name, text in texts.items():
                chats.add(name, question(text), [text])
        return chats

    return ask


def question(text: str) -> ChatRequest:
    """A question about a text."""
    return ChatRequest((Message("system", "Name the intent."), Message("user", text)), max_output_tokens=50)


def items(tools: Tools) -> list[Item]:
    """Everything that was ever asked."""
    with tools.db.transaction("main") as session:
        return review.list_all(session)


def decide(tools: Tools, decision: str) -> None:
    """Decide the one item that waits."""
    with tools.db.transaction("main") as session:
        (item,) = review.list_open(session)
        review.decide(session, item.item_id, decision, "Ada")


def routes(book: Book) -> dict[str, int]:
    """How many calls were made by route."""
    return dict(book.rows("select route, count(*)::int from ledger.call group by route"))  # type: ignore[arg-type]


def test_what_is_flagged_is_held_or_blocked_and_the_others_go_on(
    tools: Tools, book: Book, ask: Callable[..., ScreenedChats]
) -> None:
    """Every request that was asked ends as exactly one of the three; the judgements are one request."""
    chats = ask(a=HARMLESS, b=ANGRY, c=THREAT, d="Where is my bicycle?")

    assert chats.receipt == {"asked": 4, "sent": 2, "held": 1, "blocked": 1}
    (item,) = items(tools)
    assert (chats.sent.keys(), chats.held) == ({"a", "d"}, {"b": (item.item_id,)})
    assert "harassment/threatening" in chats.blocked["c"]
    assert {answer.ended for answer in chats.answers(chats.sent.values()).values()} == {Ended.ANSWERED}
    assert routes(book) == {"/v1/moderations": 1, "/v1/chat/completions": 2}


def test_a_person_sees_what_is_needed_and_nothing_personal(
    tools: Tools, ask: Callable[..., ScreenedChats]
) -> None:
    """Which text, for which use, what was flagged; an address stands there as a pseudonym."""
    ask(**{"ticket-7": f"{ANGRY} Write to jane@example.org."})

    (item,) = items(tools)
    assert (item.kind, item.reason, item.addressed_to) == ("flagged_input", "flagged", "trust")
    assert item.summary == "May this text be sent to a model for triage? Moderation flagged harassment"
    assert (item.context["use"], item.context["about"], item.context["flagged"]) == (
        USE,
        "ticket-7",
        "harassment",
    )
    assert item.context["text"].startswith("You are an idiot. Write to [email-")
    assert "jane" not in str(item)


def test_a_text_is_asked_about_once_however_often_it_comes(
    tools: Tools, book: Book, ask: Callable[..., ScreenedChats]
) -> None:
    """In one stream, in the next run, and under another name."""
    streams = [ask(a=ANGRY, b=ANGRY), ask(a=ANGRY), ask(c=ANGRY)]

    (item,) = items(tools)
    assert [set(stream.held.values()) for stream in streams] == [{(item.item_id,)}] * 3
    assert routes(book) == {"/v1/moderations": 1}


@pytest.mark.parametrize(
    ("decision", "receipt"),
    [
        ("allow", {"asked": 1, "sent": 1, "held": 0, "blocked": 0}),
        ("block", {"asked": 1, "sent": 0, "held": 0, "blocked": 1}),
    ],
)
def test_a_decision_holds_whenever_the_same_text_comes_again(
    tools: Tools, ask: Callable[..., ScreenedChats], decision: str, receipt: dict[str, int]
) -> None:
    """Nobody is asked a second time."""
    ask(a=ANGRY)
    decide(tools, decision)

    assert [ask(a=ANGRY).receipt, ask(b=ANGRY).receipt] == [receipt] * 2
    assert [item.decision for item in items(tools)] == [decision]


def test_a_request_passes_only_when_all_its_texts_do(tools: Tools, run: Run, door: Door) -> None:
    """The strictest counts; an empty text says nothing."""
    with ScreenedChats(tools, run, door, USE) as chats:
        chats.add("held", question("a"), [HARMLESS, ANGRY])
        chats.add("blocked", question("b"), [ANGRY, THREAT])
        chats.add("sent", question("c"), [HARMLESS, ""])

    assert (set(chats.held), set(chats.blocked), set(chats.sent)) == ({"held"}, {"blocked"}, {"sent"})


@pytest.mark.parametrize("rule", [None, *Action])
@pytest.mark.parametrize("decision", [None, "allow", "block"])
@pytest.mark.parametrize("unmoderated", list(Action))
def test_whoever_blocks_is_obeyed_first(
    rule: Action | None, decision: str | None, unmoderated: Action
) -> None:
    """Then a person's `allow`, then the rule; where the moderation says nothing, the rule for that."""
    judgement = None if rule is None else Judgement(b"k", rule, ())

    found = passage(judgement, unmoderated, decision)

    says = {unmoderated if rule is None else rule, decision and Action(decision)}
    if Action.BLOCK in says:
        assert found is Action.BLOCK
    elif decision == "allow":
        assert found is Action.ALLOW
    else:
        assert found is (rule or unmoderated)


def test_a_moderation_that_does_not_answer_holds_everything_back(
    tools: Tools, book: Book, ask: Callable[..., ScreenedChats], model_server: RunningServer
) -> None:
    """That is the rule unless another is set: the error says so, nothing is sent, nobody is asked."""
    model_server.fault("500", times=None, path="/v1/moderations")

    with pytest.raises(ProviderFailing):
        ask(a=HARMLESS)

    assert (items(tools), "/v1/chat/completions" in routes(book)) == ([], False)


@pytest.mark.parametrize(("rule", "ends"), [("review", "held"), ("block", "blocked"), ("allow", "sent")])
def test_a_use_may_have_another_rule_for_a_moderation_that_does_not_answer(
    tools: Tools,
    ask: Callable[..., ScreenedChats],
    model_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    ends: str,
) -> None:
    """What was judged before is judged still."""
    monkeypatch.setitem(rules()["unmoderated"], USE, rule)
    ask(a=THREAT)
    model_server.fault("500", times=None, path="/v1/moderations")

    chats = ask(a=THREAT, b=HARMLESS)

    assert "a" in chats.blocked
    assert "b" in getattr(chats, ends)
    assert [(item.reason, item.context["text"]) for item in items(tools)] == (
        [("unmoderated", HARMLESS)] if rule == "review" else []
    )


def test_a_process_that_is_killed_before_it_asked_leaves_the_question_to_the_next(
    tools: Tools, run: Run, book: Book, door: Door, installation: Path, ask: Callable[..., ScreenedChats]
) -> None:
    """The judgement is kept, nothing was sent, and the next run asks: one item."""
    with psycopg.connect(book.url) as blocking:
        blocking.execute(
            "select pg_advisory_xact_lock(hashtextextended('plumbline.review.ask/main/flagged_input', 0))"
        )
        dying = subprocess.Popen([sys.executable, "-c", DYING])
        assert wait_until(lambda: _waits(book), 60)
        dying.kill()
        dying.wait()
    assert (book.answers, items(tools)) == (1, [])

    screened = [screen(tools, run, Door(tools, run), USE, [ANGRY]) for _ in range(2)]

    (item,) = items(tools)
    assert [(one.action, one.item_id) for (one,) in screened] == [(Action.REVIEW, item.item_id)] * 2
    assert routes(book) == {"/v1/moderations": 1}


def test_who_asks_while_somebody_decides_is_told_the_decision(
    tools: Tools, run: Run, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and asking, another has asked and was answered: there is no second question."""
    asking = once.ask_once

    def ask_late(*given: Any) -> Any:
        monkeypatch.setattr(screening, "ask_once", asking)
        screen(tools, run, door, USE, [ANGRY])
        decide(tools, "allow")
        return asking(*given)

    monkeypatch.setattr(screening, "ask_once", ask_late)

    (screened,) = screen(tools, run, door, USE, [ANGRY])

    assert screened.action is Action.ALLOW
    assert [item.state for item in items(tools)] == ["decided"]


def test_one_question_says_why_it_was_not_sent(tools: Tools, run: Run, door: Door) -> None:
    """With the categories, or with what to type; never with the text."""
    with pytest.raises(InputHeld, match="plumbline review show") as held:
        screened_chat(tools, run, door, USE, question(ANGRY), [ANGRY], name="a")
    with pytest.raises(InputFlagged, match="harassment/threatening") as blocked:
        screened_chat(tools, run, door, USE, question(THREAT), [THREAT], name="b")
    answer = screened_chat(tools, run, door, USE, question(HARMLESS), [HARMLESS], name="c")

    assert held.value.items == (items(tools)[0].item_id,)
    assert "harassment/threatening" in blocked.value.categories
    assert not any(word in f"{held.value} {blocked.value}" for word in ("idiot", "kill"))
    assert answer.ended is Ended.ANSWERED


@pytest.mark.parametrize(("fault", "reason"), [("refusal", "refused"), ("content_filter", "filtered")])
def test_an_answer_that_was_refused_is_asked_about_once_where_the_rules_say_so(
    tools: Tools,
    book: Book,
    ask: Callable[..., ScreenedChats],
    model_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    reason: str,
) -> None:
    """Also when it is bought again on another day, and after a person has decided; without the rule, never."""
    model_server.fault(fault, times=None)
    assert (ask(a=HARMLESS).refused, items(tools)) == ({}, [])
    monkeypatch.setitem(rules()["refusals"], USE, "review")

    first = ask(a=HARMLESS, b=HARMLESS)
    decide(tools, "by_hand")
    book.change("delete from ledger.answer where outcome <> 'answered'")
    again = ask(a=HARMLESS)

    (item,) = items(tools)
    assert first.refused == {"a": item.item_id, "b": item.item_id}
    assert again.refused == {"a": item.item_id}
    assert (item.kind, item.reason, item.subject_id) == ("model_refusal", reason, first.sent["a"].hex())
    assert item.context["about"] == "a"


def test_more_requests_than_are_moderated_at_once_add_up(ask: Callable[..., ScreenedChats]) -> None:
    """None is lost between two rounds."""
    chats = ask(**{f"n{number}": (ANGRY if number % 3 == 0 else HARMLESS) for number in range(600)})

    assert chats.receipt == {"asked": 600, "sent": 400, "held": 200, "blocked": 0}


def test_a_text_that_the_moderation_passes_later_leaves_no_question(
    tools: Tools,
    ask: Callable[..., ScreenedChats],
    model_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is asked whether to send what was sent."""
    monkeypatch.setitem(rules()["unmoderated"], USE, "review")
    model_server.fault("500", times=None, path="/v1/moderations")
    assert ask(a=HARMLESS, b=ANGRY).held.keys() == {"a", "b"}
    model_server.clear_faults()

    again = ask(a=HARMLESS, b=ANGRY)

    assert (again.sent.keys(), again.held.keys()) == ({"a"}, {"b"})
    assert sorted((item.context["text"], item.state) for item in items(tools)) == [
        (HARMLESS, "withdrawn"),
        (ANGRY, "open"),
    ]


def test_a_request_that_names_no_text_is_refused(tools: Tools, run: Run, door: Door, book: Book) -> None:
    """It would be sent unread by the moderation."""
    with ScreenedChats(tools, run, door, USE) as chats, pytest.raises(ValueError, match="names no text"):
        chats.add("a", question(THREAT), [])

    assert (chats.receipt["asked"], routes(book)) == (0, {})


def test_a_batch_is_screened_as_a_stream_is(tools: Tools, run: Run, door: Door, book: Book) -> None:
    """What is held or blocked is not in the plan, and after `allow` in the next one."""

    def plan() -> ScreenedBatch:
        with ScreenedBatch(tools, run, door, USE) as batch:
            for name, text in (("a", HARMLESS), ("b", ANGRY), ("c", THREAT)):
                batch.add(name, question(text), [text])
        return batch

    first = plan()
    decide(tools, "allow")
    second = plan()

    assert (first.sent.keys(), first.held.keys(), first.blocked.keys()) == ({"a"}, {"b"}, {"c"})
    assert (first.plan.lines, first.receipt) == (1, {"asked": 3, "sent": 1, "held": 1, "blocked": 1})
    assert (second.sent.keys(), second.plan.requested, second.plan.lines) == ({"a", "b"}, 2, 1)
    assert routes(book)["/v1/chat/completions"] == 2


def test_a_name_is_given_once(tools: Tools, run: Run, door: Door) -> None:
    """Or the counts would not add up."""
    with ScreenedChats(tools, run, door, USE) as chats:
        chats.add("a", question("a"), [HARMLESS])
        with pytest.raises(ValueError, match="'a'"):
            chats.add("a", question("b"), [HARMLESS])


def _waits(book: Book) -> bool:
    return bool(book.rows("select from pg_locks where locktype = 'advisory' and not granted"))
