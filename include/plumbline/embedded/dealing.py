"""
What the demo shows of the one door to the models: a plan, a question and its answer, twice; a batch; a budget.

All of it is asked of the embedded stand-in, costs nothing, and is asked once: the next demo finds the answers.  Where a
provider answers, which would be paid, nothing is asked for show.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from plumbline.core.prompts import load_prompt
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.models import (
    ChatAnswer,
    ChatRequest,
    Door,
    PriceUnknown,
    PromptRef,
    Spend,
    Standing,
    Usage,
    list_budgets,
    price_list,
    request_of,
    set_budgets,
    subject,
)
from plumbline.models.asked import tokens_of
from plumbline.models.asking import read_answers
from plumbline.models.batches import Work, turn
from plumbline.models.calls import About
from plumbline.models.errors import usd
from plumbline.models.spending import refusing

USE = PROJECT = "demo"
PAID = "gpt-4.1-mini"
"""A model of the price list, to say what all this would cost there."""

_CAP = Decimal(1)
_ADDRESS = "ada.lovelace@example.com"
_PASSAGES = 7
"""To each question: with three of them, about twenty lines."""
_LONGEST, _LONGEST_QUESTION = 1_500, 150
"""Characters of a passage, and of a question."""
_SENSITIVITY = "confidential"  # it may be anything that was ingested
_BATCH_SECONDS, _LOOK_SECONDS = 20.0, 0.2
_MORE = 1_000
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Material:
    """What is asked: one question with an address in it, and many in a batch, all by one prompt."""

    question: str
    single: ChatRequest
    many: Sequence[ChatRequest]
    prompt: PromptRef

    @property
    def requests(self) -> list[ChatRequest]:
        """All of them."""
        return [self.single, *self.many]


@dataclass(frozen=True, slots=True)
class Dealt:
    """
    What came of it; amounts in US dollars.

    `planned` and `elsewhere` were said before: what was to be bought here, and what all of it would cost on `PAID`, one
    by one and in batches (None without a price).  `sent` is the question as it stands in the body of the request.
    """

    answered_by: str
    material: Material
    planned: Spend
    elsewhere: tuple[Decimal, Decimal] | None
    sent: str
    answer: ChatAnswer
    first: Usage
    again: Usage
    lines: int
    batches: int
    found: int
    landed: bool
    batch_cost_usd: Decimal
    budget: Standing | None
    refuses: bool

    @property
    def cost_usd(self) -> Decimal:
        """What this demo paid."""
        return self.first.cost_usd + self.again.cost_usd + self.batch_cost_usd

    def as_receipt(self) -> Receipt:
        """Return it as `.plumbline/demo.json` keeps it."""
        return {
            "answered_by": self.answered_by,
            "planned_calls": self.planned.calls,
            "planned_usd": float(self.planned.usd),
            "calls": self.first.requests + self.again.requests,
            "reused": self.first.reused + self.again.reused,
            "batch_lines": self.lines,
            "batch_landed": self.landed,
            "cost_usd": float(self.cost_usd),
        }


def material(questions: Sequence[str], passages: Sequence[Sequence[str]]) -> Material | None:
    """Return what is asked, given the best passages for each question; None where there are none.  Pure."""
    asked = [
        (question[:_LONGEST_QUESTION], texts) for question, texts in zip(questions, passages, strict=True)
    ]
    asked = [(question, texts) for question, texts in asked if texts]
    if not asked:
        return None
    prompt = load_prompt("answer_question")
    of = {(question, text[:_LONGEST]): None for question, texts in asked for text in texts[:_PASSAGES]}
    question, texts = asked[len(asked) // 2]
    question = f"{question} ({_ADDRESS})"
    return Material(
        question,
        request_of(prompt, passage=texts[0][:_LONGEST], question=question),
        [request_of(prompt, passage=text, question=about) for about, text in of],
        PromptRef.of(prompt),
    )


def deal(tools: Tools, run: Run, asked: Material) -> Dealt:
    """
    Plan, ask once, ask again, and ask many in a batch, within a budget of the project `demo`.

    Raises:
        PlumblineError: As drawn in `plumbline.models.errors`.
    """
    run = replace(run, project=PROJECT)
    planned = Door(tools, run, planning=True).plan_chats(USE, asked.requests, prompt=asked.prompt)
    elsewhere = _elsewhere(tools, asked.requests)
    _have_a_budget(tools, run)
    door = Door(tools, run)
    key, first, sent = _ask(door, asked)
    _, again, _ = _ask(door, asked)
    keys, lines, done = _in_a_batch(tools, run, door, asked)
    answers = read_answers(tools.db, run.tenant, [key, *keys])
    budget = _budget(tools, run)
    more = elsewhere[0] * _MORE if elsewhere else Decimal(0)
    return Dealt(
        answered_by=door.endpoint.for_chat().label,
        material=asked,
        planned=planned,
        elsewhere=elsewhere,
        sent=sent,
        answer=answers[key],
        first=first,
        again=again,
        lines=lines,
        batches=int(done["batches"]),
        found=sum(_found(answers[key]) for key in keys if key in answers),
        landed=bool(done["done"]),
        batch_cost_usd=Decimal(str(done["batch_cost_usd"])) if lines else Decimal(0),
        budget=budget,
        refuses=bool(budget and refusing([budget], run, USE, more)),
    )


def told(dealt: Dealt) -> Iterator[tuple[str, str]]:
    """Yield what came of it, a word and a line each.  Pure."""
    number = len(dealt.material.requests)
    planned = dealt.planned
    plan = f"nothing to buy: all {number} questions were answered before"
    if planned.calls:
        plan = (
            f"{planned.calls} questions, {planned.tokens_in:,} tokens in and at most {planned.tokens_out:,} out: "
            f"{_usd(planned.usd)}"
        )
    yield "plan", plan
    if dealt.elsewhere and planned.calls:
        single, batch = dealt.elsewhere
        yield "", f"{PAID} would take {_usd(single)} for {number} questions, {_usd(batch)} in batches"
    yield "asked", dealt.material.question
    yield "sent", dealt.sent
    prompt = f"{dealt.material.prompt.name} {dealt.material.prompt.version}"
    yield "answered", _answer(dealt.answer)
    yield "", f"by the schema of the prompt {prompt}; {_bought(dealt.first)}"
    yield "again", f"the same, {_bought(dealt.again)}"
    yield "batch", _batch(dealt)
    if dealt.budget:
        yield "budget", standing(dealt.budget)
    if dealt.refuses and planned.calls:
        yield (
            "",
            f"{_MORE:,} times as much, of {PAID}, would have no room in it: refused before anything is sent",
        )


def _batch(dealt: Dealt) -> str:
    if not dealt.landed:
        return "under way: `plumbline batches` shows it, and the next `make demo` goes on with it"
    if not dealt.lines:
        return f"nothing to send: {dealt.found} answers found, out of the ledger"
    batches = "one batch" if dealt.batches == 1 else f"{dealt.batches} batches"
    landed = f"landed for {_usd(dealt.batch_cost_usd)}, {dealt.found} answers found"
    return f"{dealt.lines} questions in {batches}, at the price of batches: {landed}"


def standing(budget: Standing) -> str:
    """Return how a budget stands, in a line.  Pure."""
    left = f"{_usd(budget.left_usd)} left of {_usd(budget.cap_usd)} this {budget.period}"
    return f"{budget.scope} {budget.name}: {_usd(budget.spent_usd)} spent, {left}"


def _usd(amount: Decimal) -> str:
    return f"${usd(round(amount, 6))}"


def _bought(usage: Usage) -> str:
    if not usage.requests:
        return f"out of the ledger: no call, {_usd(Decimal(0))}"
    calls = "1 call" if usage.requests == 1 else f"{usage.requests} calls"
    return f"{calls}, {usage.tokens:,} tokens, {_usd(usage.cost_usd)}"


def _answer(answer: ChatAnswer) -> str:
    if not isinstance(answer.content, dict):
        return f"{answer.ended}"
    text = answer.content["answer"]
    if isinstance(text, str):
        text = " ".join(text.split())
        text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return json.dumps({"found": answer.content["found"], "answer": text}, ensure_ascii=False)


def _found(answer: ChatAnswer) -> bool:
    return isinstance(answer.content, dict) and bool(answer.content.get("found"))


def _ask(door: Door, asked: Material) -> tuple[bytes, Usage, str]:
    with door.chats(USE, prompt=asked.prompt, sensitivity=_SENSITIVITY) as stream:
        ready = stream.ready(asked.single)
        key = stream.take(ready, About(tokens_out=asked.single.max_output_tokens))
    return key, stream.usage, _question_in(ready.text, asked.question)


def _question_in(body: str, question: str) -> str:
    """Return the line of the body of a request in which a question stands, whatever its address became.  Pure."""
    begins = " ".join(question.split()).partition(f"({_ADDRESS})")[0]
    lines = [line for said in json.loads(body)["messages"] for line in str(said["content"]).splitlines()]
    return next((line for line in reversed(lines) if " ".join(line.split()).startswith(begins.strip())), "")


def _in_a_batch(
    tools: Tools, run: Run, door: Door, asked: Material
) -> tuple[list[bytes], int, dict[str, Any]]:
    """Plan what has no answer as a batch, and take turns until it, and any that has it already, has landed."""
    with door.chat_batch(USE, prompt=asked.prompt, sensitivity=_SENSITIVITY) as plan:
        keys = [plan.ask(request) for request in asked.many]
    work, limit = Work.of(tools, run.tenant), time.monotonic() + _BATCH_SECONDS
    while True:
        done: dict[str, Any] = turn(work, plan.plan_ids)
        if done["done"] or time.monotonic() > limit:
            return keys, sum(done["lines"].values()), done
        time.sleep(_LOOK_SECONDS)


def _elsewhere(tools: Tools, requests: Sequence[ChatRequest]) -> tuple[Decimal, Decimal] | None:
    try:
        single, batch = (price_list(tools.db, PAID, service) for service in ("standard", "batch"))
        sums = [
            sum((prices.most(tokens_of(one), one.max_output_tokens) for one in requests), start=Decimal(0))
            for prices in (single, batch)
        ]
    except PriceUnknown:
        return None
    return sums[0], sums[1]


def _have_a_budget(tools: Tools, run: Run) -> None:
    if _budget(tools, run) is None:
        set_budgets(tools, run.tenant, subject("project", PROJECT), {"month": _CAP}, by="make demo")


def _budget(tools: Tools, run: Run) -> Standing | None:
    found = (one for one in list_budgets(tools, run.tenant) if (one.scope, one.name) == ("project", PROJECT))
    return next(found, None)
