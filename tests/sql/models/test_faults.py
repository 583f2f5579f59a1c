"""What the network and the provider do on a bad day, and what is in the book afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar
from urllib.request import Request, urlopen

import pytest
from tests.sql.models.conftest import release

from plumbline.core.errors import PlumblineError
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, Endpoint, MayHaveBeenBilled, RetryLater, list_unknown
from plumbline.models.errors import (
    AnswerUnusable,
    CallRefused,
    CreditUsedUp,
    KeyRejected,
    ProviderFailing,
    ProviderUnreachable,
    StillUnusable,
)
from plumbline.models.policy import Policy
from plumbline.models.unfinished import NotUnfinished

if TYPE_CHECKING:
    from conftest import Book

QUICK = Policy(patience=2, attempts=3, first_pause=0.01, longest_pause=0.02, default_wait=0.05)
TEXTS = ["The harbour is closed in winter.", "Boats are taken out of the water."]
NOTHING = [(Decimal(0), 0)]


def buy(door: Door, texts: list[str] | None = None) -> None:
    """Embed two texts."""
    with door.embedding("embed_chunk") as stream:
        for text in texts or TEXTS:
            stream.add(text, 10)


def course(book: Book) -> list[tuple[str, int, dict[str, int]]]:
    """Return how each call went."""
    return book.calls("state, attempts, status_counts")  # type: ignore[return-value]


def test_a_throttled_request_waits_and_is_bought(live: Door, book: Book, model_server: RunningServer) -> None:
    """429 is not a failure; everybody is told to wait as long as the provider says."""
    model_server.fault("429", times=2, retry_after=0.1)

    buy(live)

    assert course(book) == [("settled", 3, {"429": 2, "200": 1})]
    assert model_server.meter()["billed_requests"] == 1
    [(closed_for,)] = book.rows("select closed_until - refilled_at from ledger.bucket")
    assert closed_for.total_seconds() >= 0.1


def test_a_wait_beyond_patience_gives_the_worker_back(
    live: Door, book: Book, model_server: RunningServer
) -> None:
    """The error says for how long; nobody else knocks until then, and nothing is left under way."""
    model_server.fault("429", times=1, retry_after=90)

    with pytest.raises(RetryLater) as first:
        buy(live)
    with pytest.raises(RetryLater) as second:
        buy(live)

    assert first.value.seconds == 90
    assert 80 < second.value.seconds <= 90
    assert course(book) == [("refused", 1, {"429": 1})]
    assert book.calls("cost_usd, tokens_in") == NOTHING
    assert (book.intents, model_server.meter()["requests"]) == (0, 1)


def test_an_account_without_credit_is_not_asked_again(
    live: Door, book: Book, model_server: RunningServer
) -> None:
    """The same status as a rate limit, but waiting does not help."""
    model_server.fault("429", times=1, code="insufficient_quota")

    with pytest.raises(CreditUsedUp, match="no credit left"):
        buy(live)

    assert course(book) == [("refused", 1, {"429": 1})]


def test_a_failing_provider_is_asked_again(live: Door, book: Book, model_server: RunningServer) -> None:
    """By 500 the provider itself says that it failed: that is not billed."""
    model_server.fault("500", times=2)

    buy(live)

    assert course(book) == [("settled", 3, {"500": 2, "200": 1})]
    assert model_server.meter()["billed_requests"] == 1


@pytest.fixture
def gateway(model_server: RunningServer) -> Iterator[str]:
    """Return the address of a gateway that passes every request on, and loses the first answer: 502."""

    class Gateway(BaseHTTPRequestHandler):
        statuses: ClassVar[list[int]] = [502]

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            names = ("Content-Type", "Authorization", "Idempotency-Key")
            passed_on = {name: self.headers[name] for name in names}
            address = model_server.base_url + self.path.removeprefix("/v1")
            with urlopen(Request(address, body, passed_on)) as answer:  # noqa: S310 - our own server
                content = answer.read()
            status = self.statuses.pop() if self.statuses else 200
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content if status == 200 else b"<h1>Bad Gateway</h1>")

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - named by its base
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_what_a_gateway_loses_needs_a_person_where_a_repetition_is_billed(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], gateway: str,
    model_server: RunningServer,
) -> None:  # fmt: skip
    """502 says nothing of the provider behind the gateway: here it had done the work, and billed it."""
    door = Door(tools, run, endpoint=replace(provider(), base_url=gateway), policy=QUICK)

    with pytest.raises(MayHaveBeenBilled):
        buy(door)

    assert course(book) == [("unknown", 1, {"502": 1})]
    assert book.calls("error") == [("The last attempt ended with HTTP 502. It may have been billed.",)]
    assert (book.intents, model_server.meter()["billed_requests"]) == (1, 1)


def test_what_a_gateway_loses_is_asked_for_again_where_that_is_safe(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], gateway: str,
    model_server: RunningServer,
) -> None:  # fmt: skip
    """Under the same key it is answered from memory, and billed once."""
    door = Door(tools, run, endpoint=replace(provider(idempotent=True), base_url=gateway), policy=QUICK)

    buy(door)

    meter = model_server.meter()
    assert course(book) == [("settled", 2, {"502": 1, "200": 1})]
    assert (meter["billed_requests"], meter["answered_from_memory"]) == (1, 1)


def test_a_provider_that_keeps_failing_is_left_alone(
    live: Door, book: Book, model_server: RunningServer
) -> None:
    """Nothing was billed, and the next run may buy."""
    model_server.fault("500", times=None)
    with pytest.raises(ProviderFailing, match="again and again"):
        buy(live)

    assert course(book) == [("failed", 3, {"500": 3})]
    assert (book.intents, book.calls("cost_usd, tokens_in")) == (0, NOTHING)
    model_server.clear_faults()
    buy(live)
    assert book.states() == {"failed": 1, "settled": 1}


@pytest.mark.parametrize(("kind", "billed_before"), [("drop_before", 0), ("drop_after", 1), ("truncate", 1)])
def test_a_lost_request_is_repeated_where_that_is_safe(
    safe: Door, book: Book, model_server: RunningServer, kind: str, billed_before: int
) -> None:
    """Under the same key: what was done is answered from memory, and billed once."""
    model_server.fault(kind, times=1)

    buy(safe)

    meter = model_server.meter()
    assert course(book) == [("settled", 2, {"connection lost": 1, "200": 1})]
    assert (meter["billed_requests"], meter["answered_from_memory"]) == (1, billed_before)
    assert book.calls("tokens_in") == [(meter["tokens"],)]


def test_a_slow_answer_is_asked_for_again_where_that_is_safe(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """A timeout on our side stops nothing on theirs."""
    model_server.fault("slow", times=1, seconds=1)
    door = Door(tools, run, endpoint=provider(idempotent=True, timeout=0.3), policy=QUICK)

    buy(door)

    assert [(state, counts["200"]) for state, _, counts in course(book)] == [("settled", 1)]
    assert model_server.meter()["billed_requests"] == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate", "slow"])
def test_a_lost_request_needs_a_person_where_a_repetition_is_billed(
    tools: Tools,
    run: Run,
    book: Book,
    provider: Callable[..., Endpoint],
    model_server: RunningServer,
    kind: str,
) -> None:
    """It is never silently paid again; other texts are not held up."""
    model_server.fault(kind, times=1, seconds=1)
    door = Door(tools, run, endpoint=provider(timeout=0.3), policy=QUICK)

    with pytest.raises(MayHaveBeenBilled) as cut_off:
        buy(door)
    requests = model_server.meter()["requests"]
    with pytest.raises(MayHaveBeenBilled) as wanted_again:
        buy(door, [TEXTS[1], "Another one."])
    buy(door, ["Something else."])

    [unknown] = list_unknown(tools)
    assert cut_off.value.call_ids == wanted_again.value.call_ids == (unknown.call_id,)
    assert (unknown.state, unknown.inputs, unknown.tokens) == ("unknown", 2, 20)
    assert unknown.cost_usd == Decimal("0.0000004")
    assert model_server.meter()["requests"] == requests + 1
    assert book.states() == {"unknown": 1, "settled": 1}


@pytest.mark.parametrize(("billed", "booked"), [(True, (20, Decimal("0.0000004"))), (False, (0, Decimal(0)))])
def test_a_person_decides_and_the_texts_are_bought_anew(
    live: Door,
    tools: Tools,
    book: Book,
    model_server: RunningServer,
    billed: bool,
    booked: tuple[int, Decimal],
) -> None:
    """The decision and its money are in the book; who made it is in the queue."""
    model_server.fault("drop_after", times=1)
    with pytest.raises(MayHaveBeenBilled):
        buy(live)
    [unknown] = list_unknown(tools)

    cost = release(tools, str(unknown.call_id), billed)
    buy(live)

    assert cost == booked[1]
    [(state, tokens, cost_usd, error), (again, *_)] = book.calls("state, tokens_in, cost_usd, error")
    assert (state, tokens, cost_usd, again) == ("failed", *booked, "settled")
    assert "decided: it was " + ("billed" if billed else "not billed") in error
    assert list_unknown(tools) == []
    with pytest.raises(NotUnfinished):
        release(tools, unknown.call_id, billed)


@pytest.mark.parametrize("call_id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_only_a_call_that_was_cut_off_can_be_decided(tools: Tools, book: Book, call_id: str) -> None:
    """A slip of the hand changes nothing."""
    with pytest.raises(NotUnfinished, match="plumbline calls unknown"):
        release(tools, call_id, billed=True)


def test_an_answer_of_the_wrong_length_is_booked_and_not_used(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """It was billed; asking again would be billed again."""
    door = Door(tools, run, endpoint=replace(provider(), dimensions=128))

    with pytest.raises(AnswerUnusable, match="128 dimensions"):
        buy(door)

    tokens = model_server.meter()["tokens"]
    assert book.states() == {"failed": 1}
    assert book.calls("tokens_in, cost_usd") == [(tokens, tokens * Decimal("0.00000002"))]
    assert (book.answers, book.intents) == (0, 0)


def test_what_could_not_be_used_is_not_bought_again_until_a_proof_succeeds(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], model_server: RunningServer
) -> None:
    """A run by the hour would pay for it by the hour; one small call proves that it is mended."""
    broken = Door(tools, run, endpoint=replace(provider(), dimensions=128))
    mended = Door(tools, run, endpoint=provider())
    with pytest.raises(AnswerUnusable):
        buy(broken)

    for door in (broken, mended):
        with pytest.raises(StillUnusable, match="doctor --live"):
            buy(door)
    assert model_server.meter()["requests"] == 1
    with pytest.raises(AnswerUnusable):
        broken.verify()
    with pytest.raises(StillUnusable):
        buy(mended)
    mended.verify()
    buy(mended)

    assert book.states() == {"failed": 2, "settled": 2}


@pytest.mark.parametrize("released", [True, False])
def test_only_an_answer_that_could_not_be_used_stops_buying(
    live: Door, tools: Tools, book: Book, model_server: RunningServer, released: bool
) -> None:
    """Neither a call that a person released, nor one that is a day old, stands in the way."""
    if released:
        model_server.fault("drop_after", times=1)
        with pytest.raises(MayHaveBeenBilled):
            buy(live)
        release(tools, list_unknown(tools)[0].call_id, billed=True)
    else:
        with pytest.raises(AnswerUnusable):
            buy(Door(tools, Run(tenant="main", job="t"), endpoint=replace(live.endpoint, dimensions=128)))
        book.change("update ledger.call set at = at - interval '25 hours'")

    buy(live)

    assert book.states() == {"failed": 1, "settled": 1}


def test_an_answer_by_another_model_is_not_used(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]
) -> None:
    """Vectors of two models in one index find nothing."""
    with pytest.raises(AnswerUnusable, match="another model"):
        buy(Door(tools, run, endpoint=provider(answers_as="text-embedding-3-small")))

    assert book.answers == 0


@pytest.mark.parametrize(
    ("embedded", "said"), [(False, "the provider cannot be reached"), (True, "`make demo` starts it")]
)
def test_a_provider_that_is_not_there_is_said_so(
    tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint], embedded: bool, said: str
) -> None:
    """It never arrived: nothing was billed, and nobody has to decide; what is ours can be started."""
    nowhere = replace(provider(), base_url="http://127.0.0.1:9/v1", embedded=embedded)

    with pytest.raises(ProviderUnreachable, match=said):
        buy(Door(tools, run, endpoint=nowhere, policy=QUICK))

    assert course(book) == [("failed", 3, {"connection unreached": 3})]
    assert (book.intents, book.calls("cost_usd, tokens_in")) == (0, NOTHING)


@pytest.mark.parametrize(
    ("model", "error", "status"), [("nobody", CallRefused, 404), ("local-extractive", KeyRejected, 403)]
)
def test_a_refusal_ends_the_call_unbilled(
    tools: Tools,
    run: Run,
    book: Book,
    provider: Callable[..., Endpoint],
    model: str,
    error: type[PlumblineError],
    status: int,
) -> None:
    """The message says what to look at, and holds neither the key nor a text."""
    book.change(
        "insert into ledger.price values (%s, 'standard', 'input', '2026-01-02', 1, 'the tests')", model
    )
    door = Door(tools, run, endpoint=provider(embedding_model=model, dimensions=256), policy=QUICK)

    with pytest.raises(error, match=f"HTTP {status}") as refused:
        buy(door)

    written = f"{refused.value} {book.calls('error')}"
    assert not any(secret in written for secret in ("sk-the-key-of-tests", *TEXTS))
    assert course(book) == [("refused", 1, {str(status): 1})]
    assert (book.intents, book.calls("cost_usd, tokens_in")) == (0, NOTHING)


def test_after_an_error_the_stream_takes_nothing_more(live: Door, model_server: RunningServer) -> None:
    """The caller hears of it at the next text, not at the end of a long run."""
    model_server.fault("429", times=None, code="insufficient_quota")

    def work() -> None:
        with live.embedding("embed_chunk") as stream:
            stream.add(TEXTS[0], 10)
            with pytest.raises(CreditUsedUp):
                stream.flush()
            stream.add(TEXTS[1], 10)

    with pytest.raises(CreditUsedUp):
        work()
    assert model_server.meter()["requests"] == 1
