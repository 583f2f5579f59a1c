"""The provider's records release the calls in doubt that they decide, over real HTTP; the others stay with a person."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from plumbline import review
from plumbline.cli.app import app
from plumbline.core.clock import now
from plumbline.core.connections import Connection
from plumbline.core.errors import Misconfigured
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tokenizer import tokenizer
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import ChatRequest, Door, Endpoint, MayHaveBeenBilled, Message, list_unknown
from plumbline.models.errors import ProviderFailing
from plumbline.models.policy import Policy
from plumbline.models.records import Amount, Minute
from plumbline.models.usage import Records
from plumbline.provenance.checks import perform
from plumbline.review import Item, calls, reconcile_calls, reconciling
from plumbline.review.reconciling import THE_RECORDS

if TYPE_CHECKING:
    from conftest import Book

QUICK = Policy(patience=2, attempts=2, first_pause=0.01, longest_pause=0.02, default_wait=0.05)
BOAT, BICYCLE = "Three boats lie in the harbour.", "A bicycle."


@pytest.fixture
def admin(model_server: RunningServer) -> Connection:
    """The connection to the records of the embedded server."""
    return Connection(kind="openai", host=model_server.base_url, password="sk-admin-of-tests")


@pytest.fixture
def lose(live: Door, model_server: RunningServer) -> Callable[..., None]:
    """Lose the answer to a text; `billed` says whether the work was done."""

    def lose(text: str, *, billed: bool, door: Door = live) -> None:
        model_server.fault("drop_after" if billed else "drop_before", times=1, path="/v1/embeddings")
        with pytest.raises(MayHaveBeenBilled), door.embedding("embed_chunk") as stream:
            stream.add(text, count(text))

    return lose


@pytest.fixture
def lost_before(book: Book, lose: Callable[..., None]) -> Callable[..., None]:
    """Lose the answer to a text two hours ago: what is bought now was bought after it."""

    def lost_before(text: str, *, billed: bool) -> None:
        lose(text, billed=billed)
        book.change(
            "with earlier as (update ledger.intent set call_at = call_at - interval '2 hours' returning call_id) "
            "update ledger.call set at = at - interval '2 hours', sent_at = sent_at - interval '2 hours' "
            "from earlier where earlier.call_id = call.call_id"
        )

    return lost_before


@pytest.fixture
def reconcile(tools: Tools, run: Run, admin: Connection) -> Callable[..., Receipt]:
    """Let the records decide, hours later; return how many ended in which way."""

    def reconcile(at: datetime | None = None, by: Connection = admin) -> Receipt:
        receipt = reconcile_calls(tools, run, admin=by, at=at or now() + timedelta(hours=3))
        return {name: value for name, value in receipt.items() if name != "calls"}

    return reconcile


def count(text: str) -> int:
    """How many tokens the provider bills."""
    return tokenizer().count(text)


def buy(door: Door, text: str) -> None:
    """Buy a vector."""
    with door.embedding("embed_chunk") as stream:
        stream.add(text, count(text))


def items(tools: Tools) -> list[Item]:
    """Everything that was ever asked."""
    with tools.db.transaction("main") as session:
        return review.list_all(session)


def remarks(tools: Tools) -> list[dict[str, Any]]:
    """What was written about the one item."""
    with tools.db.transaction("main") as session:
        return review.history(session, items(tools)[0].item_id)[1]


def outcome(billed: int = 0, not_billed: int = 0, left: int = 0) -> Receipt:
    """What a receipt says."""
    return {"in_doubt": billed + not_billed + left, "billed": billed, "not_billed": not_billed, "left": left}


def test_a_call_that_the_records_have_was_billed(
    tools: Tools, book: Book, lose: Callable[..., None], reconcile: Callable[..., Receipt], live: Door
) -> None:
    """It is booked at what they say, its item says why, and its input may be bought anew."""
    lose(BOAT, billed=True)

    assert reconcile() == outcome(billed=1)

    tokens = count(BOAT)
    assert book.calls("state, tokens_in, tokens_out, cost_usd, error") == [
        (
            "failed",
            tokens,
            0,
            Decimal(tokens) * 2 / 10**8,
            "Cut off; decided: it was billed, at the tokens of the provider's records.",
        )
    ]
    (item,) = items(tools)
    assert (item.state, item.decision, item.decided_by) == ("decided", "billed", THE_RECORDS)
    assert "exactly this call is left" in (item.note or "")
    assert (list_unknown(tools), book.intents) == ([], 0)
    with tools.db.transaction("main") as session:
        assert all(result.passed for result in perform(session, "ledger", {}))
    buy(live, BOAT)
    assert reconcile() == outcome()


def test_a_call_that_the_records_do_not_have_was_not_billed(
    book: Book, lost_before: Callable[..., None], reconcile: Callable[..., Receipt], live: Door
) -> None:
    """They are seen to hold a call of ours that was made after it."""
    lost_before(BOAT, billed=False)
    buy(live, BICYCLE)

    assert reconcile() == outcome(not_billed=1)

    assert sorted(book.calls("state, tokens_in, cost_usd")) == [
        ("failed", 0, 0),
        ("settled", count(BICYCLE), Decimal(count(BICYCLE)) * 2 / 10**8),
    ]


def test_records_that_are_late_do_not_have_a_call_bought_twice(
    book: Book,
    lose: Callable[..., None],
    reconcile: Callable[..., Receipt],
    live: Door,
    model_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They show what was bought two hours before, and nothing yet of the call that was billed since."""
    buy(live, BICYCLE)
    book.change(
        "update ledger.call set at = at - interval '2 hours', sent_at = sent_at - interval '2 hours', "
        "ended_at = ended_at - interval '2 hours'"
    )
    earlier = now().replace(second=0, microsecond=0) - timedelta(hours=2)
    monkeypatch.setattr(Records, "minutes", lambda *_: [Minute(earlier, Amount(1, count(BICYCLE)))])
    lose(BOAT, billed=True)

    assert reconcile() == outcome(left=1)

    with pytest.raises(MayHaveBeenBilled):
        buy(live, BOAT)
    assert model_server.meter()["billed_requests"] == 2


def test_records_that_hold_nothing_of_ours_leave_it_to_a_person(
    tools: Tools, book: Book, lose: Callable[..., None], reconcile: Callable[..., Receipt]
) -> None:
    """The item says what they say, once."""
    lose(BOAT, billed=False)

    assert [reconcile(), reconcile()] == [outcome(left=1)] * 2

    (said,) = remarks(tools)
    assert said["who"] == THE_RECORDS
    assert "they show none of our other calls" in said["words"]
    assert (book.states(), book.intents) == ({"unknown": 1}, 1)


def test_others_at_the_same_key_leave_it_to_a_person(
    tools: Tools,
    run: Run,
    lose: Callable[..., None],
    reconcile: Callable[..., Receipt],
    live: Door,
    provider: Callable[..., Endpoint],
) -> None:
    """The records count them too; a tenant of this installation is none of them."""
    stranger = Door(tools, replace(run, tenant="stranger"), endpoint=provider(), policy=QUICK)
    buy(live, BICYCLE)
    lose(BOAT, billed=False)
    buy(stranger, BOAT + BICYCLE)

    assert reconcile() == outcome(left=1)
    assert "their tokens are not those of what is in doubt" in remarks(tools)[-1]["words"]

    known = replace(
        tools,
        settings=replace(tools.settings, values={**tools.settings.values, "PLUMBLINE_TENANTS": "stranger"}),
    )
    receipt = reconcile_calls(known, run, admin=_admin_of(stranger), at=now() + timedelta(hours=3))
    (says,) = [str(call["says"]) for call in receipt["calls"]]  # type: ignore[attr-defined]
    # All is explained; what decides would be a call of ours later on.  Nothing is told of what the other tenant buys.
    assert "our book of several tenants: they show no call of ours that began after" in says
    assert "token" not in says


def test_what_is_too_young_is_left_alone(
    tools: Tools, lose: Callable[..., None], reconcile: Callable[..., Receipt], admin: Connection
) -> None:
    """Records come late; the connection says by how much."""
    lose(BOAT, billed=True)

    assert reconcile(now()) == outcome(left=1)
    assert remarks(tools) == []
    assert reconcile(now() + timedelta(minutes=80)) == outcome(left=1)
    hasty = replace(admin, extra={"records_after_minutes": 10})
    assert reconcile(now() + timedelta(minutes=80), hasty) == outcome(billed=1)


def test_an_answer_in_words_is_booked_at_its_tokens(
    tools: Tools,
    run: Run,
    book: Book,
    provider: Callable[..., Endpoint],
    model_server: RunningServer,
    admin: Connection,
) -> None:
    """Not at the most that it could have been."""
    for kind, usd in (("input", 4), ("output", 16)):
        book.change(
            "insert into ledger.price values ('local-extractive', 'standard', %s, '2026-02-01', %s, 'the tests')",
            kind,
            usd,
        )
    door = Door(tools, run, endpoint=provider(), policy=QUICK)
    model_server.fault("drop_after", times=1, path="/v1/chat")
    with pytest.raises(MayHaveBeenBilled):
        door.chat(
            "classify", ChatRequest((Message("user", "Where is the boat? It lies in the harbour."),), 50)
        )
    later = now() + timedelta(hours=3)
    assert reconcile_calls(tools, run, admin=admin, at=later)["left"] == 1

    alone = replace(admin, extra={"project_ids": ["proj_of_ours"]})
    receipt = reconcile_calls(tools, run, admin=alone, at=later)

    bill = model_server.meter()
    ((tokens_in, tokens_out, cost, planned),) = book.calls(
        "tokens_in, tokens_out, cost_usd, cost_planned_usd"
    )
    assert (receipt["billed"], tokens_in, tokens_out) == (1, bill["prompt_tokens"], bill["completion_tokens"])
    assert cost == (tokens_in * 4 + tokens_out * 16) / Decimal(10**6) < planned


def test_records_that_cannot_be_read_change_nothing(
    book: Book, lose: Callable[..., None], reconcile: Callable[..., Receipt], model_server: RunningServer
) -> None:
    """A person can still decide."""
    lose(BOAT, billed=True)
    model_server.fault("truncate", times=None, path="/v1/organization")

    with pytest.raises(Exception) as failed:  # noqa: PT011 - whichever way it is cut
        reconcile()

    assert isinstance(failed.value, ProviderFailing) or "cannot be reached" in str(failed.value)
    assert book.states() == {"unknown": 1}


def test_a_release_that_dies_in_between_leaves_call_and_item_as_they_were(
    tools: Tools,
    book: Book,
    lose: Callable[..., None],
    reconcile: Callable[..., Receipt],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One transaction holds the money and the decision; the next run decides the same."""
    lose(BOAT, billed=True)
    with monkeypatch.context() as dying:
        dying.setattr(reconciling, "write_decision", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            reconcile()
    assert (book.states(), book.intents, items(tools)[0].state) == ({"unknown": 1}, 1, "open")

    assert reconcile() == outcome(billed=1)


def test_somebody_who_decides_first_is_not_overruled(
    tools: Tools,
    run: Run,
    book: Book,
    lose: Callable[..., None],
    admin: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call ends once, and with one item."""
    lose(BOAT, billed=True)
    deciding = reconciling.decide

    def decide_late(*given: Any, **how: Any) -> Any:
        calls.release_call(tools, run, list_unknown(tools)[0].call_id, billed=False, by="Ada")
        return deciding(*given, **how)

    monkeypatch.setattr(reconciling, "decide", decide_late)

    receipt = reconcile_calls(tools, run, admin=admin, at=now() + timedelta(hours=3))

    assert [call["outcome"] for call in receipt["calls"]] == ["ended"]  # type: ignore[attr-defined]
    assert [(item.decision, item.decided_by) for item in items(tools)] == [("not_billed", "Ada")]


def test_the_command_says_what_became_of_each_call(
    installation: Path,
    monkeypatch: pytest.MonkeyPatch,
    model_server: RunningServer,
    lose: Callable[..., None],
) -> None:
    """In a sentence each, or as JSON; without the connection it says how to get one."""

    def typed(*words: str) -> str:
        return CliRunner().invoke(app, ["calls", "reconcile", *words], catch_exceptions=False).output

    monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_OPENAI_ADMIN", "")
    with pytest.raises(Misconfigured, match="admin key"):
        typed()
    named = {"conn_type": "openai", "host": model_server.base_url, "password": "sk-admin"}
    monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_OPENAI_ADMIN", json.dumps(named))
    assert "No call that was made one by one is in doubt at that provider." in typed()

    lose(BOAT, billed=True)

    assert "is left to a person" in typed()
    assert json.loads(typed("--json"))["left"] == 1


def test_lines_of_batches_are_said_to_be_left_to_a_person(
    installation: Path, monkeypatch: pytest.MonkeyPatch, model_server: RunningServer
) -> None:
    """The records decide nothing about them: nobody is told that all is well."""
    assert installation.is_dir()
    line = SimpleNamespace(batch_id=uuid.uuid4())
    monkeypatch.setattr("plumbline.models.list_unknown", lambda *_, **__: [line, line])
    named = {"conn_type": "openai", "host": model_server.base_url, "password": "sk-admin"}
    monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_OPENAI_ADMIN", json.dumps(named))

    said = CliRunner().invoke(app, ["calls", "reconcile"], catch_exceptions=False).output

    assert "2 lines of batches are in doubt: a person decides them" in " ".join(said.split())


def test_without_the_connection_one_is_told_how_to_get_it(tools: Tools, run: Run) -> None:
    """A key of a project cannot read the records."""
    with pytest.raises(Misconfigured, match="admin key"):
        reconcile_calls(tools, run, admin=None)
    with pytest.raises(Misconfigured, match="records_after_minutes"):
        Records.of(Connection(kind="openai", password="sk", extra={"records_after_minutes": "soon"}))


def _admin_of(door: Door) -> Connection:
    return Connection(kind="openai", host=door.endpoint.base_url, password="sk-admin-of-tests")
