"""A provider that fails is left alone by batches as well; what fails of files and batches says nothing of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from tests.sql.models.conftest import Book

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import ChatRequest, Door, Endpoint, Message, ProviderResting
from plumbline.models.batches import Work, advance, sweep
from plumbline.models.batches.resting import ROUTES
from plumbline.models.errors import ProviderFailing
from plumbline.models.policy import Policy

POLICY = Policy(
    patience=2, attempts=2, first_pause=0.01, longest_pause=0.02, default_wait=0.05, failures_to_rest=3, first_rest=60
)  # fmt: skip
USE = "classify_ticket"
STANDING = "select model, state, failures from ledger.breaker order by model"


def question(number: int) -> ChatRequest:
    """A question like the others."""
    return ChatRequest((Message("user", f"Invoice number {number} is wrong."),), 50)


@pytest.fixture
def endpoint(provider: Callable[..., Endpoint], book: Book) -> Endpoint:
    """A provider with prices, which is looked at as often as can be."""
    book.change("update ledger.price set usd_per_million = 1 where model = 'local-extractive'")
    return replace(provider(idempotent=True), batches=replace(provider().batches, look_every=0.01))


@pytest.fixture
def work(tools: Tools, endpoint: Endpoint) -> Work:
    """Whoever works on the batches."""
    return Work.of(tools, "main", endpoint, POLICY)


@pytest.fixture
def door(tools: Tools, run: Run, endpoint: Endpoint) -> Door:
    """Whoever asks one by one."""
    return Door(tools, run, endpoint=endpoint, policy=POLICY)


@pytest.fixture
def plan_id(door: Door) -> UUID:
    """A plan of two questions."""
    with door.chat_batch(USE) as planned:
        for number in range(2):
            planned.ask(question(number))
    return planned.plan_id


def rest(book: Book, model: str) -> None:
    """Have a breaker that is open, and its next try in a minute."""
    book.change(
        "insert into ledger.breaker (endpoint, model, state, failures, failed_at, opened_at, pause, next_probe_at) "
        "select endpoint, %s, 'open', 10, now(), now(), 60, now() + interval '1 minute' from ledger.batch_plan",
        model,
    )


def finish(work: Work, plan_id: UUID) -> None:
    """Take turns until a plan is done."""
    for _ in range(1000):
        if advance(work, plan_id).done:
            return
    raise AssertionError("the plan does not end")


def test_nothing_is_submitted_to_a_model_that_is_left_alone(
    work: Work, plan_id: UUID, book: Book, model_server: RunningServer
) -> None:
    """No file, no batch, no intent; the error says when, and after the pause it goes on by itself."""
    rest(book, "local-extractive")

    with pytest.raises(ProviderResting, match=r"is tried again at") as said:
        advance(work, plan_id)

    assert 50 < said.value.seconds <= 60
    assert book.rows("select state, intended_at from ledger.batch") == [("planned", None)]
    assert (book.states(), model_server.meter()["files"]["count"]) == ({"reserved": 2}, 0)
    book.change("update ledger.breaker set next_probe_at = now() - interval '1 second'")

    finish(work, plan_id)

    assert book.states() == {"settled": 2}
    assert book.rows(STANDING) == [("local-extractive", "open", 10)]


def test_a_batch_that_is_with_the_provider_lands_while_its_model_is_left_alone(
    work: Work, plan_id: UUID, book: Book, model_server: RunningServer
) -> None:
    """What was asked is asked; and an answer about a batch does not say that the model is well."""
    model_server.fault("batch_hold")
    assert advance(work, plan_id).lines == {"open": 2}
    rest(book, "local-extractive")
    model_server.clear_faults()

    finish(work, plan_id)

    assert book.states() == {"settled": 2}
    assert book.rows(STANDING) == [("local-extractive", "open", 10)]


def test_failures_of_files_and_batches_do_not_keep_anybody_from_asking_one_by_one(
    work: Work, plan_id: UUID, door: Door, more_tools: Tools, book: Book, model_server: RunningServer
) -> None:
    """They open a breaker of their own, which another worker heeds."""
    model_server.fault("500", path="/v1/files", times=None)
    with pytest.raises(ProviderFailing):
        advance(work, plan_id)
    with pytest.raises(ProviderResting, match="files and batches"):
        advance(work, plan_id)
    assert book.rows(STANDING) == [(ROUTES, "open", 3)]
    model_server.clear_faults()

    theirs = replace(work, database=more_tools.db)
    for ask in (lambda: advance(theirs, plan_id), lambda: sweep(theirs)):
        with pytest.raises(ProviderResting, match="files and batches"):
            ask()
    assert door.chat(USE, question(7)).content

    book.change("update ledger.breaker set next_probe_at = now() - interval '1 second'")
    finish(theirs, plan_id)
    assert book.rows(STANDING) == []
    assert book.states() == {"settled": 3}


def test_a_batch_that_may_not_be_made_is_not_about_to_be_made(
    work: Work, plan_id: UUID, book: Book, monkeypatch: pytest.MonkeyPatch, model_server: RunningServer
) -> None:
    """Its file is there when others find that batches fail: no quarter of an hour is lost to doubt."""
    from plumbline.models.batches.provider import Provider

    upload = Provider.upload

    def and_then_others_fail(*given: object) -> str:
        file_id = upload(*given)  # type: ignore[arg-type]
        rest(book, ROUTES)
        return file_id

    with monkeypatch.context() as patched:
        patched.setattr(Provider, "upload", and_then_others_fail)
        with pytest.raises(ProviderResting):
            advance(work, plan_id)

    assert book.rows("select state, intended_at from ledger.batch") == [("uploading", None)]
    book.change("delete from ledger.breaker")
    finish(work, plan_id)
    assert model_server.meter()["batch"]["local-extractive"]["requests"] == 2


def test_an_answer_about_a_batch_ends_the_count_of_its_own_failures_alone(
    work: Work, plan_id: UUID, book: Book, model_server: RunningServer
) -> None:
    """Two failures of a model in a row stay two."""
    book.change(
        "insert into ledger.breaker (endpoint, model, failures, failed_at) "
        "select endpoint, 'local-extractive', 2, now() from ledger.batch_plan"
    )
    model_server.fault("500", path="/v1/files", times=1)

    finish(work, plan_id)

    assert book.rows(STANDING) == [("local-extractive", "closed", 2)]
