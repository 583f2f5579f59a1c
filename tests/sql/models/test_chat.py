"""Answers in words are bought once, believed only when they fit, and put right once at most."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.sql.models.conftest import release
from tests.sql.models.scripted import Scripted, called, said, scripted

from plumbline.core.connections import Connection
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import (
    ChatAnswer,
    ChatRequest,
    Door,
    Ended,
    MayHaveBeenBilled,
    Message,
    PriceUnknown,
    PromptRef,
    Schema,
    Tool,
    asking,
    uses,
)
from plumbline.models.asked import tokens_of
from plumbline.models.effects import Action, TooManyRounds, converse
from plumbline.models.endpoints import connected
from plumbline.models.errors import AnswerUnusable, InputRefused
from plumbline.models.policy import Policy
from plumbline.privacy.restore import Restorer

if TYPE_CHECKING:
    from conftest import Book

QUICK = Policy(patience=2, attempts=3, first_pause=0.01, longest_pause=0.02, default_wait=0.05)
LABEL = Schema(
    "label",
    {
        "type": "object",
        "properties": {"intent": {"type": "string", "enum": ["billing", "technical"]}},
        "required": ["intent"],
        "additionalProperties": False,
    },
)
QUESTION = ChatRequest(
    (Message("system", "Name the intent."), Message("user", "My invoice is wrong.")),
    max_output_tokens=50,
    schema=LABEL,
)
BILLING = said('{"intent": "billing"}')
REFUND = Tool(
    "refund",
    "Pay an amount back.",
    {
        "type": "object",
        "properties": {"order": {"type": "string"}, "cents": {"type": "integer", "minimum": 1}},
        "required": ["order", "cents"],
        "additionalProperties": False,
    },
)


@pytest.fixture
def priced(book: Book) -> Book:
    """Return the book; a million tokens cost 4 USD in, 1 USD in again, 16 USD out."""
    for kind, usd in (("input", 4), ("cached_input", 1), ("output", 16)):
        book.change(
            "insert into ledger.price values ('local-extractive', 'standard', %s, '2026-02-01', %s, 'the tests')",
            kind,
            usd,
        )
    return book


@pytest.fixture
def door_to(tools: Tools, run: Run, priced: Book) -> Callable[[str], Door]:
    """Return a maker of doors to a provider at an address, which bills a repeated request twice as far as we know."""

    def make(url: str, **extra: object) -> Door:
        named = {"embedding_model": "local-wordllama", **extra}
        endpoint = connected(Connection(kind="openai", host=url, password="sk-tests", extra=named))
        return Door(tools, run, endpoint=endpoint, policy=QUICK)

    return make


@pytest.fixture
def model() -> Iterator[Scripted]:
    """Return a model that answers well until a test gives it other lines."""
    with scripted(BILLING) as running:
        yield running


@pytest.fixture
def door(door_to: Callable[[str], Door], model: Scripted) -> Door:
    """Return the door to it."""
    return door_to(model.url)


def test_an_answer_in_words_is_bought_once_and_found_ever_after(
    door: Door, model: Scripted, priced: Book
) -> None:
    """The book agrees with the bill: 60 tokens in, 40 in again, 10 out."""
    first, second = door.chat("classify", QUESTION), door.chat("classify", QUESTION)

    assert first == second
    assert (first.ended, first.content) == (Ended.ANSWERED, {"intent": "billing"})
    assert len(model.asked) == 1
    assert priced.calls("state, outcome, tokens_in, tokens_cached, tokens_out, cost_usd") == [
        ("settled", "answered", 100, 40, 10, Decimal("0.000440000"))
    ]


def test_the_request_says_what_was_asked_for(door: Door, model: Scripted) -> None:
    """The schema strictly, the most tokens, and nothing that nobody asked for."""
    door.chat("classify", QUESTION)

    (asked,) = model.asked
    assert asked["response_format"]["json_schema"] == {
        "name": "label",
        "strict": True,
        "schema": LABEL.definition,
    }
    assert asked["max_completion_tokens"] == 50
    assert "temperature" not in asked
    assert "tools" not in asked


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, max_output_tokens=51),
        replace(QUESTION, temperature=0.0),
        replace(QUESTION, schema=replace(LABEL, definition={**LABEL.definition, "title": "Label"})),
        replace(QUESTION, tools=(REFUND,)),
        replace(QUESTION, messages=(*QUESTION.messages, Message("user", "Hello?"))),
    ],
    ids=["length", "temperature", "schema", "tools", "messages"],
)
def test_whatever_could_change_the_answer_is_asked_anew(
    door: Door, model: Scripted, other: ChatRequest
) -> None:
    """An answer never outlives what it answered."""
    door.chat("classify", QUESTION)
    door.chat("classify", other)

    assert len(model.asked) == 2


def test_another_version_of_the_prompt_is_asked_anew_and_named_in_the_book(
    door: Door, model: Scripted, priced: Book
) -> None:
    """With who approved it."""
    for version in ("v1", "v2", "v2"):
        prompt = PromptRef("classify_ticket", version, version.encode() * 16, "ada")
        door.chat("classify", QUESTION, prompt=prompt, user="person-1", session="session-1")

    assert len(model.asked) == 2
    assert priced.calls("prompt_name, prompt_version, prompt_approver, user_ref, session_ref") == [
        ("classify_ticket", "v1", "ada", "person-1", "session-1"),
        ("classify_ticket", "v2", "ada", "person-1", "session-1"),
    ]


def test_an_answer_that_does_not_fit_is_put_right_once(door: Door, model: Scripted, priced: Book) -> None:
    """Both calls are booked, and the second says which one it mends."""
    model.lines[:] = [said('{"intent": "weather"}'), BILLING]

    answer = door.chat("classify", QUESTION)

    assert (answer.ended, answer.content) == (Ended.ANSWERED, {"intent": "billing"})
    shown = model.asked[1]["messages"]
    assert shown[-3] == {"role": "assistant", "content": '{"intent": "weather"}'}
    assert "$.intent breaks the rule enum" in shown[-1]["content"]
    (first, second) = priced.calls("call_id, state, outcome, mends, cost_usd")
    assert first[1:] == ("settled", "invalid", None, Decimal("0.000440000"))
    assert second[1:] == ("settled", "answered", first[0], Decimal("0.000440000"))
    assert priced.rows("select outcome, mended from ledger.answer") == [("answered", True)]


def test_a_plan_counts_an_answer_that_is_to_be_put_right_as_the_call_that_does_so(
    door: Door, model: Scripted, priced: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is longer than the first: the answer stands below the question.  What has been put right costs nothing."""
    model.lines = [said('{"intent": "nonsense"}'), BILLING]
    first = door.plan_chats("classify", [QUESTION])
    with monkeypatch.context() as cut_off:
        cut_off.setattr(asking, "mending_within", lambda *_: None)
        door.chat("classify", QUESTION)

    again = door.plan_chats("classify", [QUESTION])
    door.chat("classify", QUESTION)

    planned = priced.calls("tokens_planned, cost_planned_usd")
    assert [(first.tokens_in, first.usd), (again.tokens_in, again.usd)] == planned
    assert again.tokens_in > first.tokens_in
    assert (0, 0) == ((done := door.plan_chats("classify", [QUESTION])).calls, done.usd)


def test_there_is_no_third_try(door: Door, model: Scripted) -> None:
    """Not in the next run either."""
    model.lines[:] = [said("no JSON"), said('{"intent": 7}')]

    answer, again = door.chat("classify", QUESTION), door.chat("classify", QUESTION)

    assert answer == again
    assert (answer.ended, len(model.asked)) == (Ended.INVALID, 2)
    assert answer.problems == ("$.intent breaks the rule enum", "$.intent breaks the rule type")


def test_an_answer_is_not_put_right_where_that_would_pass_the_cap_of_its_use(
    door: Door,
    model: Scripted,
    priced: Book,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The question fits, the question with its answer does not: the answer stays as it is, in this run and the next."""
    cap = tokens_of(QUESTION)
    monkeypatch.setattr(uses, "_uses", lambda: {"classify": uses.Use(most_tokens_in=cap)})
    model.lines[:] = [said("no JSON"), BILLING]

    answer, again = door.chat("classify", QUESTION), door.chat("classify", QUESTION)

    assert answer == again
    assert (answer.ended, len(model.asked)) == (Ended.INVALID, 1)
    assert priced.states() == {"settled": 1}
    assert "an answer for classify that does not fit what was asked for is not put right" in caplog.text
    assert f"include/uses.toml allows {cap}" in caplog.text


def test_a_crash_between_an_answer_and_its_mending_buys_only_the_mending(
    door: Door, model: Scripted, priced: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was settled is never bought again, fit or not."""
    model.lines[:] = [said("no JSON"), BILLING]
    with monkeypatch.context() as dying:
        dying.setattr(asking, "mending", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            door.chat("classify", QUESTION)
    assert priced.rows("select outcome, mended from ledger.answer") == [("invalid", False)]

    answer = door.chat("classify", QUESTION)

    assert (answer.ended, len(model.asked)) == (Ended.ANSWERED, 2)
    assert "does not fit" in model.asked[1]["messages"][-2]["content"]


@pytest.mark.parametrize(
    ("line", "ended", "content"),
    [
        (said(None, refusal="I cannot help with that."), Ended.REFUSAL, "I cannot help with that."),
        (said('{"intent": "bil', reason="length"), Ended.TRUNCATED, '{"intent": "bil'),
        (said(None, reason="content_filter"), Ended.FILTERED, None),
    ],
)
def test_what_is_no_answer_is_a_state_that_was_paid_for(
    door: Door, model: Scripted, priced: Book, line: dict[str, object], ended: Ended, content: object
) -> None:
    """It is not put right, not bought again, and may be asked for again after a day."""
    model.lines[:] = [line]

    answer, again = door.chat("classify", QUESTION), door.chat("classify", QUESTION)

    assert answer == again
    assert (answer.ended, answer.content, len(model.asked)) == (ended, content, 1)
    assert priced.calls("state, outcome, cost_usd") == [("settled", ended, Decimal("0.000440000"))]
    priced.change("update ledger.answer set expires_at = now() - interval '1 second'")
    model.lines[:] = [BILLING]
    assert door.chat("classify", QUESTION).ended is Ended.ANSWERED


@pytest.mark.parametrize(
    "line",
    [
        {**BILLING, "model": "another"},
        {**BILLING, "choices": []},
        {**BILLING, "choices": BILLING["choices"] * 2},
        said('{"intent": "billing"}', reason=None),  # type: ignore[arg-type]
        ["a list"],
        said('{"intent": "bil\x00ling"}'),
        called((["refund"], {})),  # type: ignore[list-item]
    ],
    ids=[
        "another model",
        "no choice",
        "two choices",
        "no reason",
        "no object",
        "a zero",
        "a tool without a name",
    ],
)
def test_what_is_no_answer_to_the_request_is_booked_and_never_believed(
    door: Door, model: Scripted, priced: Book, line: object
) -> None:
    """A cut-off answer says no reason why it ended."""
    model.lines[:] = [line]

    with pytest.raises(AnswerUnusable):
        door.chat("classify", QUESTION)

    ((state, tokens, cost),) = priced.calls("state, tokens_in, cost_usd")
    assert (state, priced.answers, cost > 0, tokens > 0) == ("failed", 0, True, True)


def test_what_the_provider_does_not_say_it_billed_is_booked_at_the_worst_case(
    door: Door, model: Scripted, priced: Book
) -> None:
    """Never less than it may be."""
    model.lines[:] = [{**BILLING, "usage": None}]

    door.chat("classify", QUESTION)

    assert priced.rows("select cost_usd = cost_planned_usd, tokens_out from ledger.call") == [(True, 50)]


def test_a_model_without_a_price_for_its_answers_is_not_asked(
    door: Door, model: Scripted, priced: Book
) -> None:
    """A budget that does not know the price is no wall."""
    priced.change("delete from ledger.price where model = 'local-extractive' and kind = 'output'")

    with pytest.raises(PriceUnknown, match="output"):
        door.chat("classify", QUESTION)

    assert (model.asked, priced.calls("1")) == ([], [])


def test_a_request_that_the_model_cannot_read_is_not_sent(door: Door, model: Scripted, priced: Book) -> None:
    """What it may answer counts too."""
    with pytest.raises(InputRefused, match="128000"):
        door.chat("classify", replace(QUESTION, max_output_tokens=127_990))

    assert (model.asked, priced.calls("1")) == ([], [])


def test_credentials_do_not_go_out(door: Door, model: Scripted, priced: Book) -> None:
    """Whichever message they are in."""
    key = "sk-abcdefghij0123456789abcdefghij"
    door.chat("classify", replace(QUESTION, messages=(Message("user", f"Is {key} mine?"),)))

    assert model.asked[0]["messages"][0]["content"] == "Is [api key] mine?"
    assert priced.rows("select count(*) from ledger.answer where body::text like %s", f"%{key}%") == [(0,)]


def test_an_answer_that_was_lost_may_have_been_billed(
    door_to: Callable[..., Door], model_server: RunningServer, priced: Book, tools: Tools
) -> None:
    """A person decides; until then nothing is bought under this key, and a release at the worst case books that."""
    door = door_to(model_server.base_url)
    model_server.fault("drop_after", times=1)

    with pytest.raises(MayHaveBeenBilled) as lost:
        door.chat("classify", QUESTION)
    with pytest.raises(MayHaveBeenBilled):
        door.chat("classify", QUESTION)

    assert model_server.meter()["billed_requests"] == 1
    (planned,) = priced.calls("cost_planned_usd")
    assert release(tools, lost.value.call_ids[0], billed=True) == planned[0]
    assert priced.calls("state, cost_usd, tokens_out") == [("failed", planned[0], 50)]


def test_an_answer_that_was_lost_is_fetched_again_where_that_is_safe(
    door_to: Callable[..., Door], model_server: RunningServer, priced: Book
) -> None:
    """The server answers a repeated request from its memory and bills it once."""
    door = door_to(model_server.base_url, idempotent=True)
    model_server.fault("drop_after", times=1)

    answer = door.chat("classify", QUESTION)

    assert (answer.ended, answer.content) == (Ended.ANSWERED, {"intent": "billing"})
    assert model_server.meter()["billed_requests"] == 1
    assert priced.calls("state, attempts") == [("settled", 2)]


def test_a_model_proves_that_it_answers_in_words(
    door_to: Callable[..., Door], model_server: RunningServer, priced: Book
) -> None:
    """By a prompt that ships, paid anew each time."""
    door = door_to(model_server.base_url)

    proofs = [door.verify_chat(), door.verify_chat()]

    assert {(proof.model, proof.answered_by, proof.dimensions) for proof in proofs} == {
        ("local-extractive", "local-extractive", None)
    }
    assert all(proof.tokens > 0 and proof.cost_usd > 0 for proof in proofs)
    assert (
        priced.calls("use, prompt_name, prompt_version, prompt_approver, sensitivity")
        == [("verify", "verify_model", "v1", "Plumbline", "public")] * 2
    )


def test_a_model_that_would_not_answer_proves_nothing(door: Door, model: Scripted) -> None:
    """It is said how the answer ended."""
    model.lines[:] = [said(None, refusal="No.")]

    with pytest.raises(AnswerUnusable, match="refusal"):
        door.verify_chat()


def test_many_questions_are_asked_at_once_and_each_is_answered(
    door_to: Callable[..., Door], model_server: RunningServer, priced: Book
) -> None:
    """The bill, the book and what the stream counted are the same, to the token."""
    door = door_to(model_server.base_url)
    questions = [
        replace(QUESTION, messages=(Message("user", f"Invoice {number} is wrong."),)) for number in range(100)
    ]

    with door.chats("classify") as stream:
        keys = [stream.add(question) for question in (*questions, *questions[:10])]

    assert set(stream.answers(keys)) == set(keys)
    assert (stream.usage.bought, stream.usage.reused, stream.usage.requests) == (100, 10, 100)
    meter = model_server.meter()
    booked = priced.rows("select count(*), sum(tokens_in + tokens_out), sum(cost_usd) from ledger.call")
    assert booked == [(100, meter["tokens"], stream.usage.cost_usd)]
    assert stream.usage.tokens == meter["tokens"]


def test_the_worst_case_is_never_below_the_bill(
    door_to: Callable[..., Door], model_server: RunningServer, priced: Book
) -> None:
    """Schemas, tools and the frames of messages count."""
    door = door_to(model_server.base_url)
    for number in range(1, 30, 7):
        messages = tuple(Message("user", f"Line {line}: invoice wrong, größe 大.") for line in range(number))
        door.chat("classify", replace(QUESTION, messages=messages))

    assert priced.rows("select count(*) from ledger.call where cost_usd > cost_planned_usd") == [(0,)]


def test_two_workers_that_ask_the_same_at_once_buy_it_once(
    door_to: Callable[..., Door], model_server: RunningServer, priced: Book
) -> None:
    """The second finds what the first has bought."""
    model_server.fault("slow", times=1, seconds=0.2)
    answers: list[ChatAnswer] = []
    asking_ = [
        threading.Thread(
            target=lambda: answers.append(door_to(model_server.base_url).chat("classify", QUESTION))
        )
        for _ in range(4)
    ]
    for one in asking_:
        one.start()
    for one in asking_:
        one.join()

    assert (len(answers), len({answer.call_id for answer in answers})) == (4, 1)
    assert model_server.meter()["billed_requests"] == 1
    assert priced.states() == {"settled": 1}


class Refunds:
    """An action on a table of ours, which can die half-way."""

    def __init__(self, book: Book, run: Run, tools: Tools) -> None:
        book.change("create table public.refund (order_id text, cents integer)")
        book.change("grant insert, select on public.refund to plumbline_app")
        self.book, self.run, self.tools = book, run, tools
        self.dies = False
        self.says: dict[str, object] = {}

    def act(self, session: psycopg.Connection[object], given: dict[str, object]) -> object:
        """Pay back."""
        session.execute("insert into public.refund values (%s, %s)", (given["order"], given["cents"]))
        if self.dies:
            raise RuntimeError
        return {"paid": given["cents"], **self.says}

    def converse(self, door: Door, **how: int) -> ChatAnswer:
        """Let a model ask for refunds."""
        return converse(
            lambda request: door.chat("refund", request),
            lambda: self.tools.db.transaction("main"),
            self.run,
            ChatRequest((Message("user", "Pay order 7 back."),), max_output_tokens=50),
            [Action(REFUND, self.act)],  # type: ignore[arg-type]
            door.minimise,
            **how,
        )

    @property
    def paid(self) -> list[tuple[object, ...]]:
        """What was paid back."""
        return self.book.rows("select * from public.refund")


@pytest.fixture
def refunds(priced: Book, run: Run, tools: Tools) -> Refunds:
    """Return the action."""
    return Refunds(priced, run, tools)


def test_a_tool_is_called_and_the_model_hears_what_it_gave(
    door: Door, model: Scripted, refunds: Refunds
) -> None:
    """A conversation that is asked for again costs nothing and does nothing."""
    model.lines[:] = [called(("refund", {"order": "7", "cents": 500})), said("Done.")]

    answer, again = refunds.converse(door), refunds.converse(door)

    assert answer == again
    assert (answer.content, refunds.paid, len(model.asked)) == ("Done.", [("7", 500)], 2)
    assert model.asked[1]["messages"][-1] == {
        "role": "tool",
        "content": '{"paid":500}',
        "tool_call_id": "call_0",
    }


def test_what_a_tool_gives_back_is_kept_and_told_without_what_is_personal(
    door: Door, model: Scripted, refunds: Refunds, tools: Tools, run: Run
) -> None:
    """On delivery it comes back; the book never had it."""
    model.lines[:] = [called(("refund", {"order": "7", "cents": 500})), said("Done.")]
    refunds.says = {
        "to": ["Jane, jane@example.org"],
        "by jane@example.org": {"deep": ["+49 30 901820"]},
        "password": "hunter2",
        "ssn": "123456789",
        "phone number": "541 754 3010",
        "card": 4111111111111111,
        "letter": "Call\n541 754 3010\tor write:\r\nbob@example.org\n5555 5555 5555 4444",
    }

    refunds.converse(door)

    ((kept,),) = refunds.book.rows("select result from ledger.effect")
    told = model.asked[1]["messages"][-1]["content"]
    assert kept == {"told": told}
    assert not any(
        word in told
        for word in ("jane@", "901820", "hunter2", "123456789", "541 754", "411111", "5555", "bob@")
    )
    restored = json.loads(Restorer(tools, run, reason="test").restore(told).value)
    assert restored == {"paid": 500, **refunds.says, "password": "[password]"}


def test_a_conversation_that_is_taken_up_is_told_the_very_same_text(
    door: Door, model: Scripted, refunds: Refunds
) -> None:
    """Numbers are not written in another way, so the answer to them is found and not bought anew."""
    model.lines[:] = [called(("refund", {"order": "7", "cents": 500})), said("Done.")]
    refunds.says = {"large": 1e22, "larger": 1e16, "none": -0.0, "whole": 1.0}

    assert refunds.converse(door) == refunds.converse(door)

    assert (len(model.asked), len(refunds.paid)) == (2, 1)
    assert refunds.book.rows("select result from ledger.effect") == [
        ({"told": model.asked[1]["messages"][-1]["content"]},)
    ]


def test_a_result_that_an_earlier_version_kept_is_told_as_it_told_it(
    door: Door, model: Scripted, refunds: Refunds
) -> None:
    """The key of the next answer hangs on it: told otherwise, that would be bought again."""
    model.lines[:] = [called(("refund", {"order": "7", "cents": 500})), said("Done."), said("Done.")]
    refunds.converse(door)
    refunds.book.change("update ledger.effect set result = '\"done\"'")

    refunds.converse(door)

    assert model.asked[2]["messages"][-1]["content"] == '"done"'


def test_an_effect_that_dies_half_way_has_not_happened_and_happens_once(
    door: Door, model: Scripted, refunds: Refunds
) -> None:
    """The effect and the row that says it has happened are one transaction."""
    model.lines[:] = [called(("refund", {"order": "7", "cents": 500})), said("Done.")]
    refunds.dies = True
    with pytest.raises(RuntimeError):
        refunds.converse(door)
    assert refunds.paid == []

    refunds.dies = False
    refunds.converse(door)

    assert (refunds.paid, len(model.asked)) == ([("7", 500)], 2)


def test_two_workers_act_once(door: Door, model: Scripted, refunds: Refunds) -> None:
    """The second waits for the first and finds its row."""
    model.lines[:] = [called(("refund", {"order": "7", "cents": 500})), said("Done.")]
    both = [threading.Thread(target=refunds.converse, args=(door,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert refunds.paid == [("7", 500)]


def test_the_same_call_twice_in_one_answer_is_two_effects(
    door: Door, model: Scripted, refunds: Refunds
) -> None:
    """A place among the calls is part of the key."""
    call = ("refund", {"order": "7", "cents": 500})
    model.lines[:] = [called(call, call), said("Done.")]

    refunds.converse(door)

    assert refunds.paid == [("7", 500)] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        ("drop_tables", {"order": "7", "cents": 5}),
        ("refund", {"order": "7", "cents": -5}),
        ("refund", {"order": "7", "cents": 5, "to": "me"}),
        ("refund", "not JSON"),
    ],
    ids=["undeclared", "out of range", "undeclared argument", "no JSON"],
)
def test_only_declared_tools_with_fitting_arguments_are_called(
    door: Door, model: Scripted, refunds: Refunds, wrong: tuple[str, object]
) -> None:
    """What does not fit is put right once, or comes to nothing."""
    model.lines[:] = [called(wrong), called(wrong)]

    answer = refunds.converse(door)

    assert (answer.ended, answer.tool_calls, refunds.paid) == (Ended.INVALID, (), [])
    assert len(model.asked) == 2


def test_a_model_that_asks_for_tools_for_ever_is_stopped(
    door: Door, model: Scripted, refunds: Refunds
) -> None:
    """After so many rounds."""
    model.lines[:] = [called(("refund", {"order": "7", "cents": 1}))]

    with pytest.raises(TooManyRounds, match="3 times"):
        refunds.converse(door, most_rounds=3)

    assert len(model.asked) == 3
