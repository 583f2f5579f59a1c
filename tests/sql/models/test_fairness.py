"""
One limit for all workers: calls that a person waits for go first, uses take turns, nobody waits for good, and it is
never exceeded.

Run as a program, this file is a worker that takes from the bucket.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.core.connections import Connection
from plumbline.core.db import Database
from plumbline.core.tools import Tools
from plumbline.embedded.processes import wait_until
from plumbline.embedded.scratch import Scratch
from plumbline.models import ProviderResting, RetryLater
from plumbline.models.endpoints import connected
from plumbline.models.policy import Policy
from plumbline.models.sessions import HeldSession
from plumbline.models.throttle import Throttle
from plumbline.models.uses import Urgency, urgency

if TYPE_CHECKING:
    from conftest import Book

A_MINUTE = 600.0
RATE = A_MINUTE / 60
LEAD = A_MINUTE / 60
SHARES = {True: 0.8, False: 0.2}
SEARCH, VERIFY, INGEST, TRIAGE = "search_query", "verify", "embed_chunk", "classify_ticket"
EPSILON = 0.01
FULL, DRAINED = f"({A_MINUTE},0,0,0,0,{{}})", "(0,0,0,0,0,{})"
JOIN = """
with now as (select ledger.joined(
    ledger.flowed(%(lane)s::ledger.lane, %(most)s, to_timestamp(%(since)s), to_timestamp(%(at)s)),
    %(use)s, %(interactive)s, %(units)s, %(most)s
) as lane), mine as (select lane, ledger.place(lane, %(use)s, %(interactive)s) as place from now)
select lane::text, place, greatest(0, place - (ledger.queue_of(lane, %(use)s, %(interactive)s)).served) as mine,
    ledger.seconds_until(lane, %(use)s, %(interactive)s, place, %(most)s) as seconds
from mine
"""
LOOK = """
select ledger.seconds_until(
    ledger.flowed(%(lane)s::ledger.lane, %(most)s, to_timestamp(%(since)s), to_timestamp(%(at)s)),
    %(use)s, %(interactive)s, %(place)s, %(most)s
)
"""


@dataclass
class Caller:
    """Who wants to send, and when it could; `mine`: what its use waits for when it has come."""

    use: str
    units: float
    came: float
    mine: float = 0.0
    place: float = 0.0
    went: float | None = None
    looks: int = 0

    @property
    def interactive(self) -> bool:
        """Whether a person waits."""
        return urgency(self.use) is Urgency.INTERACTIVE


@dataclass
class Simulation:
    """
    The arithmetic of one lane, as the database does it, at moments of our own.

    Until `busy_until`, whoever has gone asks for as much again, a little later: a worker at work.
    """

    session: psycopg.Connection[Any]
    busy_until: float = 0.0
    lane: str = FULL
    since: float = 0.0
    callers: list[Caller] = field(default_factory=list)

    def run(self, arrivals: list[tuple[float, str, float]]) -> None:
        """Let callers come, wait as long as they are told, look, and go."""
        order, events, at = count(), list[tuple[float, int, Caller]](), 0.0
        for gap, use, units in arrivals:
            at += gap
            heapq.heappush(events, (at, next(order), self._come(use, units, at)))
        while events:
            at, _, caller = heapq.heappop(events)
            seconds = self._look(caller, at) if caller.looks else self._join(caller, at)
            caller.looks += 1
            if seconds > 0.001:
                heapq.heappush(events, (at + seconds, next(order), caller))
                continue
            caller.went = at
            if at < self.busy_until:
                again = self._come(caller.use, caller.units, at + 0.05)
                heapq.heappush(events, (again.came, next(order), again))

    def _come(self, use: str, units: float, at: float) -> Caller:
        self.callers.append(Caller(use, units, at))
        return self.callers[-1]

    def _join(self, caller: Caller, at: float) -> float:
        self.lane, caller.place, caller.mine, seconds = self._ask(JOIN, caller, at)
        self.since = at
        return float(seconds)

    def _look(self, caller: Caller, at: float) -> float:
        [seconds] = self._ask(LOOK, caller, at)
        return float(seconds)

    def _ask(self, query: str, caller: Caller, at: float) -> tuple[Any, ...]:
        about = {"use": caller.use, "interactive": caller.interactive, "place": caller.place}
        now = {"lane": self.lane, "most": A_MINUTE, "since": self.since, "at": at}
        found = self.session.execute(query.encode(), {**about, **now, "units": caller.units}).fetchone()
        assert found is not None
        return found


USES = st.sampled_from([SEARCH, VERIFY, INGEST, TRIAGE])
ARRIVALS = st.lists(st.tuples(st.floats(0, 20), USES, st.integers(1, 300)), min_size=1, max_size=25)


def bound(caller: Caller, callers: list[Caller]) -> float:
    """Return the longest that a caller may wait: its class has its share, and each use in it as much as its own."""
    uses = len({one.use for one in callers if one.interactive is caller.interactive})
    return (caller.mine * uses + LEAD * (uses - 1)) / (SHARES[caller.interactive] * RATE)


def test_no_use_waits_beyond_its_share_and_the_limit_is_never_exceeded(book: Book) -> None:
    """Whoever comes when: in order within a use, by its share at the slowest, never more than there was."""

    @settings(max_examples=40, deadline=None)
    @given(ARRIVALS)
    def hold(arrivals: list[tuple[float, str, int]]) -> None:
        simulation = Simulation(session)
        simulation.run(arrivals)  # type: ignore[arg-type]
        sent = 0.0
        for caller in sorted(simulation.callers, key=lambda one: one.went or 0):
            assert caller.went is not None
            sent += caller.units
            assert caller.went - caller.came <= bound(caller, simulation.callers) + EPSILON
            others = [one for one in simulation.callers if one.use != caller.use]
            assert caller.looks <= 3 + sum(caller.came <= one.came <= caller.went for one in others)
            assert sent <= A_MINUTE + RATE * (caller.went + EPSILON)
        for use in {caller.use for caller in simulation.callers}:
            ours = [caller for caller in simulation.callers if caller.use == use]
            assert all(one.went <= other.went + EPSILON for one, other in pairwise(ours))  # type: ignore[operator]

    with psycopg.connect(book.url, autocommit=True) as session:
        hold()


def test_a_search_goes_ahead_of_an_ingestion_that_came_first(book: Book) -> None:
    """The ingestion goes on meanwhile, at a fifth, and gets all of it when the search is gone."""
    with psycopg.connect(book.url, autocommit=True) as session:
        simulation = Simulation(session)
        simulation.run([(0, INGEST, 600), (0, INGEST, 100), (0, INGEST, 100), (0, SEARCH, 40)])

    drained, first, second, search = (caller.went for caller in simulation.callers)
    assert (drained, search) == (0, pytest.approx(5))
    assert first == pytest.approx(14, abs=EPSILON)
    assert second == pytest.approx(24, abs=EPSILON)


@pytest.mark.parametrize("workers", [1, 10, 30])
def test_two_uses_of_a_class_get_the_same_however_many_workers_each_has(book: Book, workers: int) -> None:
    """A hundred places and more, at a limit that none of them could use up alone; the small one has one worker."""
    with psycopg.connect(book.url, autocommit=True) as session:
        simulation = Simulation(session, busy_until=30, lane=DRAINED)
        simulation.run([*[(0, INGEST, 2)] * workers, (0, TRIAGE, 2)])

    places = Counter(caller.use for caller in simulation.callers if (caller.went or 0) < 30)
    assert places.total() > 100
    assert 0.45 <= places[TRIAGE] / places.total() <= 0.55


def test_who_comes_does_not_wait_for_the_queue_of_another_use(book: Book) -> None:
    """A re-index has asked for an hour's worth; the tickets that come then go at half of what comes."""
    with psycopg.connect(book.url, autocommit=True) as session:
        simulation = Simulation(session, lane=DRAINED)
        simulation.run([*[(0, INGEST, 100)] * 30, (1, TRIAGE, 20), (0, TRIAGE, 20)])

    *_, first, second = simulation.callers
    assert first.went == pytest.approx(first.came + (20 + 20 - LEAD) / RATE, abs=EPSILON)
    assert second.went == pytest.approx(second.came + (40 + 40 - LEAD) / RATE, abs=EPSILON)


def bucket_over(session: HeldSession, use: str, stop: threading.Event) -> Throttle:
    """Return the bucket of a provider with 6,000 tokens a minute, as a stream would see it."""
    extra = {"embedding_model": "local-wordllama", "tokens_per_minute": 6000}
    endpoint = connected(Connection(kind="openai", host="http://127.0.0.1:9/v1", password="any", extra=extra))
    return Throttle(session, endpoint, Policy(), stop, use)


BucketOf = Callable[..., Throttle]


@pytest.fixture
def bucket_of(tools: Tools) -> Iterator[BucketOf]:
    """Return a maker of buckets, each as a stream of its own sees it."""
    with contextlib.ExitStack() as opened:

        def make(use: str, stop: threading.Event | None = None) -> Throttle:
            session = opened.enter_context(HeldSession(tools.db, "main"))
            return bucket_over(session, use, stop or threading.Event())

        yield make


def worker(url: str, use: str, tokens: int) -> subprocess.Popen[str]:
    """Start a process that takes so many tokens, and says so."""
    words = [sys.executable, __file__, url, use, str(tokens)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_a_process_that_answers_a_person_is_served_before_one_that_queued_in_bulk(
    bucket_of: BucketOf, scratch: Scratch, database: str, book: Book
) -> None:
    """One bucket in the database for both: the bulk would have taken the next minutes."""
    url = scratch.url(database, "app")
    assert bucket_of(INGEST).take(6000)
    bulk = worker(url, INGEST, 20_000)
    try:
        assert wait_until(
            lambda: book.rows("select (tokens).bulk_queued from ledger.bucket")[0][0] > 9000, 60
        )
        search = worker(url, SEARCH, 20)
        said, _ = search.communicate(timeout=60)
        assert said == "taken\n"
        assert bulk.poll() is None
    finally:
        bulk.kill()
        bulk.communicate()


def test_ten_workers_of_one_use_do_not_crowd_out_the_one_of_another(bucket_of: BucketOf) -> None:
    """In one bucket, throttled: of sixty places the one worker has near half, and not one of eleven."""
    assert bucket_of(INGEST).take(6000)
    full, places, counting = threading.Event(), Counter[str](), threading.Lock()

    def work(use: str) -> None:
        bucket = bucket_of(use, full)
        while bucket.take(5):
            with counting:
                places[use] += 1
                if places.total() >= 60:
                    full.set()
                    return

    workers = [threading.Thread(target=work, args=[use]) for use in (*[INGEST] * 10, TRIAGE)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)

    assert full.is_set()
    assert places[TRIAGE] >= 20


def test_a_wait_beyond_all_reason_takes_nothing(bucket_of: BucketOf, book: Book) -> None:
    """The queue of the others is no longer for it."""
    assert bucket_of(INGEST).take(6000)

    with pytest.raises(RetryLater):
        bucket_of(INGEST).take(100_000)

    assert book.rows("select (tokens).bulk_queued from ledger.bucket") == [(0,)]


def test_who_stops_waiting_last_in_the_queue_leaves_no_hole(bucket_of: BucketOf, book: Book) -> None:
    """The next is served as if it had never come."""
    stop = threading.Event()
    assert bucket_of(INGEST).take(6000)
    waiting = threading.Thread(target=bucket_of(INGEST, stop).take, args=(20_000,))
    waiting.start()
    assert wait_until(lambda: book.rows("select (tokens).bulk_queued from ledger.bucket")[0][0] > 0, 60)

    stop.set()
    waiting.join(60)

    assert book.rows("select (tokens).bulk_queued, (requests).bulk_queued from ledger.bucket") == [(0, 0)]


def test_who_waits_hears_that_the_provider_is_left_alone(bucket_of: BucketOf, book: Book) -> None:
    """Its place is given up, and nothing is sent when its turn comes."""
    assert bucket_of(INGEST).take(6000)
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            bucket_of(INGEST).take(200)
        except ProviderResting as resting:
            failures.append(resting)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert wait_until(lambda: book.rows("select (tokens).bulk_queued from ledger.bucket")[0][0] > 0, 60)
    book.change(
        "insert into ledger.breaker (endpoint, model, state, failures, failed_at, opened_at, pause, next_probe_at) "
        "select endpoint, model, 'open', 10, now(), now(), 60, now() + interval '60 seconds' from ledger.bucket"
    )
    waiting.join(60)

    assert [ProviderResting] == [type(failure) for failure in failures]


def test_what_is_learned_holds_until_the_connection_says_something_else(
    bucket_of: BucketOf, book: Book
) -> None:
    """A new stream does not forget; a limit that rises again is learned like one that fell."""
    first = bucket_of(INGEST)
    first.take(1)
    for limit in ("3000", "60000"):
        first.learn({"x-ratelimit-limit-tokens": limit})
        later = bucket_of(INGEST)
        later.take(1)
        assert later.tokens_per_minute == float(limit)
        assert book.rows("select tokens_per_minute from ledger.bucket") == [(float(limit),)]

    book.change("update ledger.bucket set tokens_configured = 1")
    again = bucket_of(INGEST)
    again.take(1)

    assert again.tokens_per_minute == 6000


def test_what_is_left_of_both_kinds_and_when_there_is_more_is_learned(
    bucket_of: BucketOf, book: Book
) -> None:
    """Others use the same key, too."""
    throttle = bucket_of(INGEST)
    throttle.take(1)
    headers = {"x-ratelimit-limit-requests": "100", "x-ratelimit-limit-tokens": "6000"}

    throttle.learn({**headers, "x-ratelimit-remaining-requests": "7", "x-ratelimit-remaining-tokens": "900"})
    [(requests, tokens, closed)] = book.rows(
        "select (requests).room, (tokens).room, closed_until from ledger.bucket"
    )
    assert (requests <= 7, tokens <= 900, closed) == (True, True, None)

    throttle.learn(
        {**headers, "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h40m0s"}
    )
    [(seconds,)] = book.rows("select extract(epoch from closed_until - refilled_at)::int from ledger.bucket")
    assert seconds == 60


def test_headers_about_another_model_change_nothing(bucket_of: BucketOf, book: Book) -> None:
    """Behind a gateway, another model may have answered."""
    throttle = bucket_of(INGEST)
    throttle.take(1)

    throttle.learn({"x-ratelimit-limit-tokens": "10", "openai-model": "another-model"})

    assert book.rows("select tokens_per_minute from ledger.bucket") == [(6000,)]


if __name__ == "__main__":
    with HeldSession(Database(sys.argv[1]), "main") as held:
        bucket_over(held, sys.argv[2], threading.Event()).take(int(sys.argv[3]))
    os.write(1, b"taken\n")
