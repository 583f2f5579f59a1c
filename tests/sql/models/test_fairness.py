"""
One limit for all workers: calls that a person waits for go first, nobody waits for good, and it is never exceeded.

Run as a program, this file is a worker that takes from the bucket.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import subprocess
import sys
import threading
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
from plumbline.models.uses import Urgency

if TYPE_CHECKING:
    from conftest import Book

A_MINUTE = 600.0
RATE = A_MINUTE / 60
SHARES = {True: 0.8, False: 0.2}
EPSILON = 0.01
JOIN = """
with now as (select ledger.joined(ledger.flowed(
    row(%(l0)s, %(l1)s, %(l2)s, %(l3)s, %(l4)s)::ledger.lane, %(most)s, to_timestamp(%(since)s), to_timestamp(%(at)s)
), %(interactive)s, %(units)s) as lane)
select (lane).*, ledger.place(lane, %(interactive)s) as place,
    ledger.seconds_until(lane, %(interactive)s, ledger.place(lane, %(interactive)s), %(most)s) as seconds
from now
"""
LOOK = """
select ledger.seconds_until(ledger.flowed(
    row(%(l0)s, %(l1)s, %(l2)s, %(l3)s, %(l4)s)::ledger.lane, %(most)s, to_timestamp(%(since)s), to_timestamp(%(at)s)
), %(interactive)s, %(place)s, %(most)s)
"""


@dataclass
class Caller:
    """Who wants to send, and when it could."""

    interactive: bool
    units: float
    came: float
    bound: float = 0.0
    place: float = 0.0
    went: float | None = None
    looks: int = 0


@dataclass
class Simulation:
    """The arithmetic of one lane, as the database does it, at moments of our own."""

    session: psycopg.Connection[Any]
    lane: tuple[float, ...] = (A_MINUTE, 0, 0, 0, 0)
    since: float = 0.0
    callers: list[Caller] = field(default_factory=list)

    def run(self, arrivals: list[tuple[float, bool, int]]) -> None:
        """Let callers come, wait as long as they are told, look, and go."""
        order, events, at = count(), list[tuple[float, int, Caller]](), 0.0
        for gap, interactive, units in arrivals:
            at += gap
            caller = Caller(interactive, units, at)
            self.callers.append(caller)
            heapq.heappush(events, (at, next(order), caller))
        while events:
            at, _, caller = heapq.heappop(events)
            seconds = self._look(caller, at) if caller.looks else self._join(caller, at)
            caller.looks += 1
            if seconds <= 0.001:
                caller.went = at
            else:
                heapq.heappush(events, (at + seconds, next(order), caller))

    def _join(self, caller: Caller, at: float) -> float:
        *lane, caller.place, seconds = self._ask(JOIN, caller, at)
        self.lane, self.since = tuple(lane), at
        caller.bound = lane[1 if caller.interactive else 2] / (SHARES[caller.interactive] * RATE)
        return float(seconds)

    def _look(self, caller: Caller, at: float) -> float:
        [seconds] = self._ask(LOOK, caller, at)
        return float(seconds)

    def _ask(self, query: str, caller: Caller, at: float) -> tuple[Any, ...]:
        lane = {f"l{number}": value for number, value in enumerate(self.lane)}
        about = {"interactive": caller.interactive, "units": caller.units, "place": caller.place}
        found = self.session.execute(
            query.encode(), {**lane, **about, "most": A_MINUTE, "since": self.since, "at": at}
        ).fetchone()
        assert found is not None
        return found


ARRIVALS = st.lists(st.tuples(st.floats(0, 20), st.booleans(), st.integers(1, 300)), min_size=1, max_size=25)


def test_no_class_waits_beyond_its_share_and_the_limit_is_never_exceeded(book: Book) -> None:
    """Whoever comes when: in order within a class, by its share at the slowest, never more than there was."""

    @settings(max_examples=40, deadline=None)
    @given(ARRIVALS)
    def hold(arrivals: list[tuple[float, bool, int]]) -> None:
        simulation = Simulation(session)
        simulation.run(arrivals)
        sent = 0.0
        for caller in sorted(simulation.callers, key=lambda one: one.went or 0):
            assert caller.went is not None
            sent += caller.units
            assert caller.went - caller.came <= caller.bound + EPSILON
            others = [one for one in simulation.callers if one.interactive is not caller.interactive]
            assert caller.looks <= 3 + sum(caller.came <= one.came <= caller.went for one in others)
            assert sent <= A_MINUTE + RATE * (caller.went + EPSILON)
        for interactive in SHARES:
            ours = [caller for caller in simulation.callers if caller.interactive is interactive]
            assert all(one.went <= other.went + EPSILON for one, other in pairwise(ours))  # type: ignore[operator]

    with psycopg.connect(book.url, autocommit=True) as session:
        hold()


def test_a_search_goes_ahead_of_an_ingestion_that_came_first(book: Book) -> None:
    """The ingestion goes on meanwhile, at a fifth, and gets all of it when the search is gone."""
    with psycopg.connect(book.url, autocommit=True) as session:
        simulation = Simulation(session)
        simulation.run([(0, False, 600), (0, False, 100), (0, False, 100), (0, True, 40)])

    drained, first, second, search = (caller.went for caller in simulation.callers)
    assert (drained, search) == (0, pytest.approx(5))
    assert first == pytest.approx(14, abs=EPSILON)
    assert second == pytest.approx(24, abs=EPSILON)


def bucket_over(session: HeldSession, urgency: Urgency, stop: threading.Event) -> Throttle:
    """Return the bucket of a provider with 6,000 tokens a minute, as a stream would see it."""
    extra = {"embedding_model": "local-wordllama", "tokens_per_minute": 6000}
    endpoint = connected(Connection(kind="openai", host="http://127.0.0.1:9/v1", password="any", extra=extra))
    return Throttle(session, endpoint, Policy(), stop, urgency)


BucketOf = Callable[..., Throttle]


@pytest.fixture
def bucket_of(tools: Tools) -> Iterator[BucketOf]:
    """Return a maker of buckets, each as a stream of its own sees it."""
    with contextlib.ExitStack() as opened:

        def make(urgency: Urgency, stop: threading.Event | None = None) -> Throttle:
            session = opened.enter_context(HeldSession(tools.db, "main"))
            return bucket_over(session, urgency, stop or threading.Event())

        yield make


def worker(url: str, urgency: Urgency, tokens: int) -> subprocess.Popen[str]:
    """Start a process that takes so many tokens, and says so."""
    words = [sys.executable, __file__, url, urgency.value, str(tokens)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_a_process_that_answers_a_person_is_served_before_one_that_queued_in_bulk(
    bucket_of: BucketOf, scratch: Scratch, database: str, book: Book
) -> None:
    """One bucket in the database for both: the bulk would have taken the next minutes."""
    url = scratch.url(database, "app")
    assert bucket_of(Urgency.BULK).take(6000)
    bulk = worker(url, Urgency.BULK, 20_000)
    try:
        assert wait_until(
            lambda: book.rows("select (tokens).bulk_queued from ledger.bucket")[0][0] > 9000, 60
        )
        search = worker(url, Urgency.INTERACTIVE, 20)
        said, _ = search.communicate(timeout=60)
        assert said == "taken\n"
        assert bulk.poll() is None
    finally:
        bulk.kill()
        bulk.communicate()


def test_a_wait_beyond_all_reason_takes_nothing(bucket_of: BucketOf, book: Book) -> None:
    """The queue of the others is no longer for it."""
    assert bucket_of(Urgency.BULK).take(6000)

    with pytest.raises(RetryLater):
        bucket_of(Urgency.BULK).take(100_000)

    assert book.rows("select (tokens).bulk_queued from ledger.bucket") == [(0,)]


def test_who_stops_waiting_last_in_the_queue_leaves_no_hole(bucket_of: BucketOf, book: Book) -> None:
    """The next is served as if it had never come."""
    stop = threading.Event()
    assert bucket_of(Urgency.BULK).take(6000)
    waiting = threading.Thread(target=bucket_of(Urgency.BULK, stop).take, args=(20_000,))
    waiting.start()
    assert wait_until(lambda: book.rows("select (tokens).bulk_queued from ledger.bucket")[0][0] > 0, 60)

    stop.set()
    waiting.join(60)

    assert book.rows("select (tokens).bulk_queued, (requests).bulk_queued from ledger.bucket") == [(0, 0)]


def test_who_waits_hears_that_the_provider_is_left_alone(bucket_of: BucketOf, book: Book) -> None:
    """Its place is given up, and nothing is sent when its turn comes."""
    assert bucket_of(Urgency.BULK).take(6000)
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            bucket_of(Urgency.BULK).take(200)
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
    first = bucket_of(Urgency.BULK)
    first.take(1)
    for limit in ("3000", "60000"):
        first.learn({"x-ratelimit-limit-tokens": limit})
        later = bucket_of(Urgency.BULK)
        later.take(1)
        assert later.tokens_per_minute == float(limit)
        assert book.rows("select tokens_per_minute from ledger.bucket") == [(float(limit),)]

    book.change("update ledger.bucket set tokens_configured = 1")
    again = bucket_of(Urgency.BULK)
    again.take(1)

    assert again.tokens_per_minute == 6000


def test_what_is_left_of_both_kinds_and_when_there_is_more_is_learned(
    bucket_of: BucketOf, book: Book
) -> None:
    """Others use the same key, too."""
    throttle = bucket_of(Urgency.BULK)
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
    throttle = bucket_of(Urgency.BULK)
    throttle.take(1)

    throttle.learn({"x-ratelimit-limit-tokens": "10", "openai-model": "another-model"})

    assert book.rows("select tokens_per_minute from ledger.bucket") == [(6000,)]


if __name__ == "__main__":
    with HeldSession(Database(sys.argv[1]), "main") as held:
        bucket_over(held, Urgency(sys.argv[2]), threading.Event()).take(int(sys.argv[3]))
    os.write(1, b"taken\n")
