"""What is bought is bought once, written down, and found again."""

from __future__ import annotations

import _thread
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plumbline.core.errors import Misconfigured
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, Endpoint, PriceUnknown, Usage, transport
from plumbline.models.errors import InputRefused
from plumbline.models.policy import Outcome

if TYPE_CHECKING:
    from conftest import Book


TEXTS = [f"Sentence number {number} about boats and harbours." for number in range(20)]


def buy(door: Door, texts: list[str], use: str = "embed_chunk") -> tuple[list[bytes], Usage]:
    """Embed texts at ten tokens each; return their keys and what was used."""
    with door.embedding(use) as stream:
        keys = [stream.add(text, 10) for text in texts]
    return keys, stream.usage


def test_an_answer_is_bought_once_and_found_ever_after(live: Door, model_server: RunningServer) -> None:
    """Across streams, workers and days."""
    keys, first = buy(live, TEXTS)
    again, second = buy(live, TEXTS)

    assert keys == again
    assert (first.bought, first.reused, first.requests) == (20, 0, 1)
    assert (second.bought, second.reused, second.requests) == (0, 20, 0)
    assert model_server.meter()["billed_requests"] == 1


def test_a_text_that_comes_twice_is_bought_once(live: Door, model_server: RunningServer) -> None:
    """Boilerplate is in every document."""
    _, used = buy(live, TEXTS[:3] * 4)

    assert (used.bought, used.reused) == (3, 9)
    assert model_server.meter()["inputs"] == 3


def test_the_book_agrees_with_the_bill(live: Door, book: Book, model_server: RunningServer) -> None:
    """To the token, and the cost is tokens times price."""
    _, used = buy(live, TEXTS)

    billed = model_server.meter()["tokens"]
    assert book.calls("tokens_in, cost_usd") == [(billed, Decimal(billed) * Decimal("0.00000002"))]
    assert (used.tokens, used.cost_usd) == (billed, Decimal(billed) * Decimal("0.00000002"))


def test_a_call_says_who_asked_what_it_cost_and_how_it_went(live: Door, book: Book, run: Run) -> None:
    """Every column that a report or an auditor needs is there from the first row."""
    buy(live, TEXTS)

    columns = "state, tenant, project, team, use, route, endpoint, model, answered_by, inputs, tokens_planned"
    assert book.calls(columns) == [
        (
            "settled", "main", "plumbline", "data", "embed_chunk", "/v1/embeddings", live.endpoint.base_url,
            "local-wordllama", "local-wordllama", 20, 200,
        )
    ]  # fmt: skip
    columns = "attempts, status_counts, usd_per_million_in, cost_planned_usd, sensitivity, dag_run_id, run_id, error"
    assert book.calls(columns) == [
        (1, {"200": 1}, Decimal("0.02"), Decimal("0.000004"), "internal", "test-run", run.run_id, None)
    ]
    [(latency, request_id, began, sent, ended)] = book.calls(
        "latency_ms, provider_request_id, at, sent_at, ended_at"
    )
    assert latency >= 0
    assert request_id
    assert began <= sent <= ended


def test_nothing_is_left_under_way(live: Door, book: Book) -> None:
    """An intent without an end is a question to a person."""
    buy(live, TEXTS)

    assert (book.intents, book.answers, book.states()) == (0, 20, {"settled": 1})


def test_vectors_are_kept_as_the_provider_gave_them(
    live: Door, tools: Tools, model_server: RunningServer
) -> None:
    """At half precision; the one at place n belongs to the text at place n."""
    from openai import OpenAI

    given = OpenAI(base_url=model_server.base_url, api_key="any").embeddings.create(
        input=TEXTS, model="local-wordllama"
    )

    kept = live.embed("search_query", TEXTS)

    assert len(kept) == 20
    for number, item in enumerate(given.data):
        assert kept[number] == pytest.approx(item.embedding, abs=1e-3)


def test_requests_are_full_and_keep_the_limits(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]
) -> None:
    """As few requests as the limits allow, none above them."""
    door = Door(tools, run, endpoint=provider(inputs_per_request=8))

    buy(door, TEXTS)

    assert sorted(inputs for (inputs,) in book.calls("inputs")) == [4, 8, 8]


def test_fewer_dimensions_are_another_answer(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]
) -> None:
    """A shorter vector is asked for, kept apart from the longer one, and as short as asked for."""
    long, short = Door(tools, run, endpoint=provider()), Door(tools, run, endpoint=provider(dimensions=64))

    assert [len(vector) for door in (long, short) for vector in door.embed("search_query", ["boats"])] == [
        256,
        64,
    ]
    assert book.answers == 2


def test_no_credential_is_sent_or_stored(live: Door, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the answer is taken over the minimised text too, so a better detection buys only what it changes."""
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    sent: list[bytes] = []

    def post(endpoint: Endpoint, path: str, body: bytes, key: str) -> Outcome:
        sent.append(body)
        sent.extend(bytes(request) for (request,) in book.rows("select request from ledger.intent"))
        return real(endpoint, path, body, key)

    real = transport.post
    monkeypatch.setattr(transport, "post", post)

    keys, _ = buy(live, [f"The key is {secret}.", "The key is [access key]."])

    assert keys[0] == keys[1]
    assert len(sent) == 2
    assert not any(secret.encode() in body for body in sent)


def test_a_model_without_a_price_is_not_called(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """An unpriced call would be booked at nothing, and no budget would stop it."""
    book.change("delete from ledger.price where model = 'local-wordllama'")
    door = Door(tools, run, endpoint=provider())

    with pytest.raises(PriceUnknown, match=r"local-wordllama.*prices\.csv"):
        buy(door, TEXTS)

    with pytest.raises(PriceUnknown):
        door.estimate(1000)
    assert model_server.meter()["requests"] == 0
    assert book.states() == {}


def test_the_price_is_that_of_the_day(live: Door, book: Book) -> None:
    """A price of tomorrow changes nothing today."""
    book.change(
        "insert into ledger.price values ('local-wordllama', 'standard', 'input', current_date + 1, 9, 'tomorrow')"
    )

    assert live.estimate(1_000_000) == Decimal("0.02")


def test_an_estimate_costs_nothing(live: Door, model_server: RunningServer) -> None:
    """Plans are made before money is spent."""
    assert live.estimate(500_000) == Decimal("0.01")
    assert model_server.meter()["requests"] == 0


@pytest.mark.parametrize(("text", "tokens"), [("", 1), ("long", 8192), ("half a character: \ud83d", 4)])
def test_what_the_provider_would_refuse_is_not_sent(
    live: Door, model_server: RunningServer, text: str, tokens: int
) -> None:
    """One bad input would cost the whole request."""
    with pytest.raises(InputRefused), live.embedding("embed_chunk") as stream:
        stream.add(text, tokens)

    assert model_server.meter()["requests"] == 0


def test_tenants_never_share_an_answer(
    tools: Tools, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """That another tenant knows a text is itself a secret."""
    doors = [Door(tools, Run(tenant=tenant, job="t"), endpoint=provider()) for tenant in ("main", "other")]

    keys = [buy(door, TEXTS)[0] for door in doors]

    assert not set(keys[0]) & set(keys[1])
    assert model_server.meter()["inputs"] == 40
    for tenant in ("main", "other"):
        with tools.db.transaction(tenant) as session:
            seen = session.execute("select distinct tenant from ledger.answer").fetchall()
        assert seen == [{"tenant": tenant}]


def test_a_search_is_paid_once_a_day(live: Door, book: Book, model_server: RunningServer) -> None:
    """The same words again are answered from the book; tomorrow they are bought anew, in place of the old answer."""
    first = live.embed("search_query", ["where is the harbour"])
    again = live.embed("search_query", ["where is the harbour"])
    assert model_server.meter()["billed_requests"] == 1

    book.change("update ledger.answer set expires_at = now() - interval '1 second'")
    anew = live.embed("search_query", ["where is the harbour"])

    assert first == again == anew
    assert model_server.meter()["billed_requests"] == 2
    assert book.rows(
        "select count(*), bool_and(answer.call_id = call.call_id) from ledger.answer "
        "cross join (select call_id from ledger.call order by at desc limit 1) as call"
    ) == [(1, True)]


def test_chunks_keep_their_answers(live: Door, book: Book) -> None:
    """An unchanged document costs nothing, however old it is."""
    buy(live, TEXTS)

    assert book.rows("select distinct expires_at from ledger.answer") == [(None,)]


def test_a_proof_is_paid_anew_each_time(live: Door, model_server: RunningServer) -> None:
    """It must show that the model answers now."""
    live.verify()
    proof = live.verify()

    meter = model_server.meter()
    assert meter["billed_requests"] == 2
    assert (proof.answered_by, proof.dimensions, proof.tokens) == (
        "local-wordllama",
        256,
        meter["tokens"] // 2,
    )
    assert proof.cost_usd > 0
    assert proof.latency_ms >= 0


def test_an_error_in_the_block_stops_the_stream_and_settles_what_is_under_way(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """What is paid for is kept; nothing new is sent."""
    model_server.fault("slow", seconds=0.3, times=1)
    door = Door(tools, run, endpoint=provider(inputs_per_request=5))

    def work() -> None:
        with door.embedding("embed_chunk") as stream:
            for text in TEXTS[:5]:
                stream.add(text, 10)
            stream._look_up()
            stream._send(rest=False)
            assert wait_until(lambda: model_server.meter()["requests"] == 1, 30)
            for text in TEXTS[5:]:
                stream.add(text, 10)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()

    assert model_server.meter()["inputs"] == 5
    assert (book.answers, book.intents, book.states()) == (5, 0, {"settled": 1})


def test_an_interrupt_settles_what_is_under_way(live: Door, book: Book, model_server: RunningServer) -> None:
    """Whoever presses Ctrl-C has paid for the request that is out."""
    model_server.fault("slow", seconds=0.3, times=1)

    def interrupt() -> None:
        assert wait_until(lambda: model_server.meter()["requests"] == 1, 30)
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        buy(live, TEXTS)

    assert (book.answers, book.intents, book.states()) == (20, 0, {"settled": 1})


def test_flush_returns_when_the_answers_are_there(live: Door, book: Book) -> None:
    """Whoever reads after it must not find a gap."""
    with live.embedding("embed_chunk") as stream:
        stream.add(TEXTS[0], 10)
        stream.flush()
        assert book.answers == 1
        stream.add(TEXTS[1], 10)
        stream.flush()
        assert book.answers == 2


def test_a_run_that_buys_nothing_does_not_load_the_client(
    live: Door, scratch: Scratch, database: str, model_server: RunningServer, tmp_path: Path
) -> None:
    """Importing it costs more than the whole run."""
    buy(live, TEXTS)
    script = tmp_path / "again.py"
    script.write_text(
        "import sys\n"
        "from plumbline.core.connections import Connection\n"
        "from plumbline.core.db import Database\n"
        "from plumbline.core.receipts import Run\n"
        "from plumbline.core.settings import Settings\n"
        "from plumbline.core.tools import Tools\n"
        "from plumbline.models import Door\n"
        "host, url = sys.argv[1:3]\n"
        "provider = Connection(kind='openai', host=host, password='k', extra={'embedding_model': 'local-wordllama'})\n"
        "database = Database(url)\n"
        "tools = Tools(Settings.load({}), database, database, provider)\n"
        "with Door(tools, Run(tenant='main', job='t')).embedding('embed_chunk') as stream:\n"
        "    for text in sys.argv[3:]:\n"
        "        stream.add(text, 10)\n"
        "print(stream.usage.reused, 'openai' in sys.modules, 'numpy' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, str(script), model_server.base_url, scratch.url(database, "app"), *TEXTS],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "20 False False\n"


def test_a_door_without_a_model_says_so(scratch: Scratch, database: str, run: Run, tmp_path: Path) -> None:
    """Before any work is done."""
    with scratch.tools(database, home=tmp_path) as tools, pytest.raises(Misconfigured, match="make demo"):
        Door(tools, run)
