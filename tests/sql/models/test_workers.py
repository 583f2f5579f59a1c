"""Several workers, some of which die: a key is bought once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.sql.models.conftest import release

from plumbline.core import db
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Door, Endpoint, MayHaveBeenBilled, Usage, list_unknown, transport
from plumbline.models.calls import About, Call
from plumbline.models.embeddings import Embedding
from plumbline.models.identity import Keys
from plumbline.models.ledger import Ledger
from plumbline.models.policy import History, Policy
from plumbline.models.prices import price_list
from plumbline.models.requests import Input
from plumbline.models.sessions import HeldSession
from plumbline.models.unfinished import NotUnfinished

if TYPE_CHECKING:
    from conftest import Book
    from psycopg.rows import DictRow

QUICK = Policy(patience=2, attempts=3, first_pause=0.01, longest_pause=0.02, default_wait=0.05)
TEXTS = [f"Sentence number {number} about boats and harbours." for number in range(12)]


def buy(door: Door, texts: list[str]) -> Usage:
    """Embed texts at ten tokens each."""
    with door.embedding("embed_chunk") as stream:
        for text in texts:
            stream.add(text, 10)
    return stream.usage


class Worker(HeldSession):
    """Another worker that has written down a call; it lives until it is closed."""

    def __init__(self, tools: Tools, endpoint: Endpoint, texts: list[str]) -> None:
        super().__init__(tools.db, "main")
        keys = Keys("main", "embed_chunk", endpoint.model, {"dimensions": endpoint.dimensions})
        self.service = Embedding(endpoint, "main", self)
        self.book = Ledger(self, Run(tenant="main", job="worker"), endpoint, self.service, "internal")
        claim = self.book.claim(
            "embed_chunk",
            [Input(keys.of(text), text, 10) for text in texts],
            price_list(tools.db, endpoint.model),
            About(),
        )
        assert claim.call is not None
        self.call: Call = claim.call

    def send(self, endpoint: Endpoint) -> None:
        """Send the request and die before the answer is kept."""
        transport.post(endpoint, "/embeddings", self.call.request, str(self.call.call_id))

    def settle(self, endpoint: Endpoint) -> None:
        """Send the request and keep its answer."""
        outcome = transport.post(endpoint, "/embeddings", self.call.request, str(self.call.call_id))
        bought = self.service.read(self.call, outcome.content)
        self.book.settle(self.call, bought, outcome, History())


def test_two_streams_that_want_the_same_buy_it_once(
    tools: Tools, more_tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint],
    model_server: RunningServer,
) -> None:  # fmt: skip
    """One buys, the other waits for it and uses what was bought."""
    model_server.fault("slow", times=1, seconds=0.3)
    doors = [Door(each, run, endpoint=provider(), policy=QUICK) for each in (tools, more_tools)]
    used: list[Usage] = []
    threads = [threading.Thread(target=lambda door=door: used.append(buy(door, TEXTS))) for door in doors]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted((each.bought, each.reused) for each in used) == [(0, 12), (12, 0)]
    assert model_server.meter()["inputs"] == 12
    assert (book.answers, book.intents, book.states()) == (12, 0, {"settled": 1})


def test_what_a_living_worker_is_buying_is_waited_for_and_the_rest_is_bought(
    tools: Tools, more_tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint],
    model_server: RunningServer,
) -> None:  # fmt: skip
    """Nobody waits for what nobody is buying."""
    worker = Worker(more_tools, provider(idempotent=True), TEXTS[:4])
    door = Door(tools, run, endpoint=provider(idempotent=True), policy=QUICK)
    used: list[Usage] = []
    waiting = threading.Thread(target=lambda: used.append(buy(door, TEXTS)))

    waiting.start()
    assert wait_until(lambda: book.answers == 8, 30)
    assert (waiting.is_alive(), list_unknown(tools)) == (True, [])
    with pytest.raises(NotUnfinished):
        release(tools, worker.call.call_id, billed=False)
    worker.close()
    waiting.join()

    assert [(each.bought, each.reused, each.recovered) for each in used] == [(8, 4, 1)]
    assert model_server.meter()["inputs"] == 12
    assert (book.answers, book.intents, book.states()) == (12, 0, {"settled": 2})


@pytest.mark.parametrize("was_sent", [True, False])
def test_the_call_of_a_dead_worker_is_repeated_where_that_is_safe(
    safe: Door, more_tools: Tools, book: Book, model_server: RunningServer, was_sent: bool
) -> None:
    """Byte for byte, under its own key: billed once, whether or not it had arrived."""
    with Worker(more_tools, safe.endpoint, TEXTS[:4]) as worker:
        if was_sent:
            worker.send(safe.endpoint)

    used = buy(safe, TEXTS)

    meter = model_server.meter()
    assert (used.bought, used.reused, used.recovered, used.requests) == (8, 4, 1, 2)
    assert (meter["inputs"], meter["answered_from_memory"]) == (12, int(was_sent))
    assert meter["by_key"][str(worker.call.call_id)] == 1
    assert book.rows("select sum(tokens_in), count(*) from ledger.call") == [(meter["tokens"], 2)]
    assert (book.answers, book.intents, used.tokens) == (12, 0, meter["tokens"])


def test_a_stream_ends_what_a_crash_has_left_even_if_it_wants_something_else(
    safe: Door, more_tools: Tools, book: Book
) -> None:
    """A crash is mended by the next run, whatever it does."""
    Worker(more_tools, safe.endpoint, TEXTS[:4]).close()

    buy(safe, [])

    assert (book.answers, book.intents, book.states()) == (4, 0, {"settled": 1})


def test_the_call_of_a_dead_worker_needs_a_person_where_a_repetition_is_billed(
    live: Door, tools: Tools, more_tools: Tools, book: Book, model_server: RunningServer
) -> None:
    """Wanting one of its texts names it; wanting others does not."""
    with Worker(more_tools, live.endpoint, TEXTS[:4]) as worker:
        pass

    assert [call.state for call in list_unknown(tools)] == ["sent"]
    buy(live, TEXTS[4:])
    assert [call.state for call in list_unknown(tools)] == ["unknown"]
    with pytest.raises(MayHaveBeenBilled) as held:
        buy(live, TEXTS[3:])

    assert held.value.call_ids == (worker.call.call_id,)
    assert model_server.meter()["inputs"] == 8
    assert book.intents == 1


def test_a_provider_that_is_gone_keeps_its_open_calls(
    safe: Door, tools: Tools, more_tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]
) -> None:
    """After a change of provider, the calls at the old one are not repeated at the new one."""
    Worker(more_tools, safe.endpoint, TEXTS[:4]).close()
    other = Door(tools, run, endpoint=provider(idempotent=True), policy=QUICK)
    object.__setattr__(other.endpoint, "name", "https://another.example/v1")

    with pytest.raises(MayHaveBeenBilled):
        buy(other, TEXTS[:1])

    assert book.states() == {"unknown": 1}


def test_a_repetition_that_cannot_reach_the_provider_stays_open(
    safe: Door, more_tools: Tools, book: Book, model_server: RunningServer
) -> None:
    """The next run tries again; nothing is lost and nobody is asked."""
    Worker(more_tools, safe.endpoint, TEXTS[:4]).close()
    model_server.fault("drop_before", times=None)

    with pytest.raises(Exception, match="breaks off"):
        buy(safe, TEXTS)
    assert (book.states(), book.intents) == ({"sent": 1}, 1)

    model_server.clear_faults()
    buy(safe, TEXTS[:4])
    assert (book.states(), book.intents, book.answers) == ({"settled": 1}, 0, 4)


def test_a_rival_that_settles_while_it_is_looked_at_needs_nobody(
    tools: Tools, more_tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A call that has ended was not cut off, even where a repetition would be billed."""
    endpoint = provider(idempotent=False)
    worker = Worker(more_tools, endpoint, TEXTS[:4])
    real = db.rows

    def rows(session: db.Session, name: str, /, **parameters: object) -> list[DictRow]:
        if name == "ledger/select_calls":
            worker.settle(endpoint)
        return real(session, name, **parameters)

    monkeypatch.setattr(db, "rows", rows)
    with worker:
        used = buy(Door(tools, run, endpoint=endpoint, policy=QUICK), TEXTS)

    assert (used.bought, used.reused, list_unknown(tools)) == (8, 4, [])
    assert (book.answers, book.states()) == (12, {"settled": 2})


def test_a_settled_call_is_not_settled_twice(
    safe: Door, more_tools: Tools, book: Book, model_server: RunningServer
) -> None:
    """A worker that was taken for dead, and was not, meets the end that another has written."""
    worker = Worker(more_tools, safe.endpoint, TEXTS[:4])
    worker.close()
    buy(safe, TEXTS[:4])
    before = book.calls("*")

    with worker:
        late = Ledger(worker, Run(tenant="main", job="late"), safe.endpoint, worker.service, "internal")
        assert late.request_of(worker.call) is None

    assert (book.calls("*"), model_server.meter()["billed_requests"]) == (before, 1)


def test_a_connection_that_breaks_while_the_provider_is_at_work_loses_nothing(
    live: Door, book: Book, scratch: Scratch, database: str, model_server: RunningServer
) -> None:
    """An answer that is paid for is kept over a new connection."""
    model_server.fault("slow", times=1, seconds=0.3)
    buying = threading.Thread(target=buy, args=(live, TEXTS))

    buying.start()
    assert wait_until(lambda: book.intents == 1, 30)
    with psycopg.connect(scratch.server.admin_url(database)) as administrator:
        administrator.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where usename = 'plumbline_app' and datname = current_database()"
        )
    buying.join()

    assert (book.answers, book.intents, book.states()) == (12, 0, {"settled": 1})
    assert model_server.meter()["billed_requests"] == 1


def test_workers_share_one_bucket(
    tools: Tools, more_tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint],
    model_server: RunningServer,
) -> None:  # fmt: skip
    """What one has used up, the other waits for: the provider never has to say no."""
    model_server.limit(tokens_per_minute=6000)
    limited = provider(tokens_per_minute=6000, inputs_per_request=2)
    texts = [[f"{word} {number}" for number in range(6)] for word in ("boat", "ship")]
    threads = [
        threading.Thread(target=buy, args=(Door(each, run, endpoint=limited, policy=QUICK), wanted))
        for each, wanted in zip((tools, more_tools), texts, strict=True)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert model_server.meter()["refused"] == {}
    [(left,)] = book.rows("select (tokens).room from ledger.bucket")
    assert left <= 6000 - 12 * 10 + 100


def test_the_bucket_learns_from_the_provider(live: Door, book: Book, model_server: RunningServer) -> None:
    """Its headers know better than our settings."""
    model_server.limit(requests_per_minute=77, tokens_per_minute=88_000)

    buy(live, TEXTS)

    assert book.rows("select requests_per_minute, tokens_per_minute from ledger.bucket") == [(77, 88_000)]
