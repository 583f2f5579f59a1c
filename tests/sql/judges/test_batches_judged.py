"""
Files and batches, as another's imitation of the provider has them: the whole life of a plan, and what goes wrong.

`aimock` is that other; `llmock` has neither files nor batches.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.models import ChatRequest, Door, Message, Schema, list_unknown
from plumbline.models.batches import BatchPlan, Progress, Work, advance, cancel, sweep
from plumbline.models.batches.provider import Provider
from plumbline.models.batches.submitting import submit
from plumbline.models.errors import ProviderUnreachable
from plumbline.review import release_lines

Booked = Callable[[str], list[tuple[Any, ...]]]
SAYS = "Mock batch completion"


@pytest.fixture
def door(batch_aimock: Any, door_to: Callable[..., Door]) -> Door:
    """Return the door to it; parts of two lines."""
    return door_to(batch_aimock, batch_requests=2)


@pytest.fixture
def work(tools: Tools, door: Door) -> Work:
    """Return whoever works on the batches."""
    return Work.of(tools, "main", door.endpoint)


def plan(door: Door, count: int, schema: Schema | None = None) -> BatchPlan:
    """Plan so many questions that any words answer, or, with a schema, none of this server."""
    with door.chat_batch("classify") as planned:
        for number in range(count):
            planned.ask(ChatRequest((Message("user", f"Question {number}"),), 50, schema))
    return planned


def finish(work: Work, planned: BatchPlan) -> Progress:
    """Take turns until the plan is done."""
    for _ in range(20):
        found = advance(work, planned.plan_id)
        if found.done:
            return found
    raise AssertionError(f"the plan does not end: {found}")


def test_a_plan_is_uploaded_submitted_landed_and_cleaned_up(
    batch_aimock: Any, door: Door, work: Work, booked: Booked
) -> None:
    """Three lines in two batches, at the tokens that the server bills; no file is left there."""
    found = finish(work, plan(door, 3))

    assert ({"settled": 3}, 2) == (found.lines, found.batches)
    assert [("settled", "answered", 1, 1)] * 3 == booked("state, outcome, tokens_in, tokens_out")
    assert ["completed"] * 2 == [card["status"] for card in batch_aimock.call("GET", "/v1/batches")["data"]]
    assert [] == batch_aimock.call("GET", "/v1/files")["data"]
    answer = door.chat("classify", ChatRequest((Message("user", "Question 0"),), max_output_tokens=50))
    assert SAYS == answer.content
    assert 3 == len(booked("call_id"))


def test_answers_that_do_not_fit_are_put_right_by_one_batch_more_and_by_no_third(
    batch_aimock: Any, door: Door, work: Work, booked: Booked
) -> None:
    """This server answers every line of a batch with the same words, which fit no schema."""
    anything = Schema("anything", {"type": "object", "properties": {}, "additionalProperties": False})

    assert {"settled": 2} == finish(work, plan(door, 2, anything)).lines

    assert [("invalid", False)] * 2 + [("invalid", True)] * 2 == booked("outcome, mends is not null")
    assert 2 == len(batch_aimock.call("GET", "/v1/batches")["data"])
    assert 0 == plan(door, 2, anything).lines


def test_a_batch_whose_making_was_not_answered_is_found_by_its_metadata(
    batch_aimock: Any, door: Door, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the server's own list, page by page, below those of others: it is made once."""
    monkeypatch.setattr("plumbline.models.batches.provider._PAGE", 1)
    planned = plan(door, 2)
    create = Provider.create

    def lost(self: Provider, *given: Any) -> Any:
        create(self, *given)
        for _ in range(3):
            theirs = {"input_file_id": "file-none", "endpoint": "/v1/embeddings", "completion_window": "24h"}
            batch_aimock.call("POST", "/v1/batches", theirs)
        raise ProviderUnreachable("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(Provider, "create", lost)
        with pytest.raises(ProviderUnreachable):
            submit(work, planned.parts[0].batch_id)

    assert {"settled": 2} == finish(work, planned).lines
    listed = batch_aimock.call("GET", "/v1/batches?limit=100")["data"]
    assert 1 == sum(card.get("metadata") is not None for card in listed)


def test_what_a_crashed_upload_left_is_swept(batch_aimock: Any, door: Door, work: Work) -> None:
    """By its name, among files of others."""
    planned = plan(door, 1)
    other = {"purpose": "batch", "filename": "theirs.jsonl", "content": "{}"}
    theirs = batch_aimock.call("POST", "/v1/files", other)["id"]
    provider, batch_id = Provider(door.endpoint, work.policy, work.database), planned.parts[0].batch_id
    left = [provider.upload(io.BytesIO(b"{}\n"), batch_id) for _ in range(2)]
    assert {theirs, *left} <= {card["id"] for card in provider.files()}

    assert {"settled": 1} == finish(work, planned).lines
    sweep(work)

    assert [theirs] == [card["id"] for card in batch_aimock.call("GET", "/v1/files")["data"]]


def test_a_cancelled_batch_leaves_its_lines_in_doubt_and_a_person_decides_them_at_once(
    batch_aimock: Any, door: Door, work: Work, tools: Tools, booked: Booked
) -> None:
    """This server ends it without a file that says what became of the lines."""
    planned = plan(door, 2)
    batch_id = planned.parts[0].batch_id
    submit(work, batch_id)
    assert cancel(work, batch_id)

    assert {"unknown": 2} == finish(work, planned).lines
    assert ["cancelled"] == [card["status"] for card in batch_aimock.call("GET", "/v1/batches")["data"]]
    assert [str(batch_id)] * 2 == [call.batch_id for call in list_unknown(tools)]

    assert (2, 0) == release_lines(tools, Run(tenant="main", job="tests"), batch_id, billed=False, by="ada")
    assert [("failed", 0)] * 2 == booked("state, cost_usd")
    assert 2 == plan(door, 2).lines
