"""The provider's records decide about a call only where nothing else explains what they say."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from plumbline.models.records import (
    LONGEST_CALL,
    Amount,
    Doubtful,
    Known,
    Minute,
    Verdict,
    decide,
    longest_call,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEGIN, UNTIL = NOON - timedelta(hours=12), NOON + timedelta(hours=12)
ONE = uuid.UUID(int=1)


def minute(at: datetime, requests: int = 1, tokens_in: int = 20, tokens_out: int = 0) -> Minute:
    """What the records have of one minute."""
    return Minute(at, Amount(requests, tokens_in, tokens_out))


def known(at: datetime, tokens_in: int = 7) -> Known:
    """A call of the book that ended after ten seconds."""
    return Known(at, at + timedelta(seconds=10), Amount(1, tokens_in))


def doubtful(at: datetime = NOON, tokens_in: int = 20, tokens_out: int = 0, number: int = 1) -> Doubtful:
    """A call in doubt, as it was planned."""
    return Doubtful(uuid.UUID(int=number), at, Amount(1, tokens_in, tokens_out))


def of_one(
    *minutes: Minute, book: tuple[Known, ...] = (), call: Doubtful | None = None, alone: bool = False
) -> Verdict:
    """The verdict about a call in doubt at noon."""
    return decide(book, [call or doubtful()], minutes, BEGIN, UNTIL, alone=alone)[ONE]


LATER = NOON + timedelta(hours=3)
WITNESS = (known(LATER), minute(LATER, tokens_in=7))


def test_exactly_the_call_in_doubt_was_billed() -> None:
    """Also some minutes later than we sent it."""
    for late in range(30):
        verdict = of_one(minute(NOON + timedelta(minutes=late)))
        assert (verdict.billed, verdict.amount) == (True, Amount(1, 20))
    assert "exactly this call is left" in verdict.says


def test_nothing_unexplained_was_not_billed() -> None:
    """What the records have is what the book has."""
    book, seen = WITNESS

    verdict = of_one(seen, book=(book,))

    assert verdict.billed is False
    assert "other calls of ours explain all of it" in verdict.says


def test_records_that_show_none_of_our_calls_decide_nothing() -> None:
    """The key may be of another organization: it would say that nothing was ever billed."""
    assert of_one().billed is None
    assert of_one(book=(WITNESS[0],)).billed is None


@pytest.mark.parametrize("minutes", [-180, -1, 0, 10, 31])
def test_records_that_show_nothing_later_than_the_call_may_be_late(minutes: int) -> None:
    """They may have stopped before it was billed: also within the time in which it can have been."""
    at = NOON + timedelta(minutes=minutes)

    verdict = of_one(minute(at, tokens_in=7), book=(known(at),))

    assert verdict.billed is None
    assert "they show no call of ours that began after this one had ended" in verdict.says


def test_what_no_call_explains_and_follows_may_be_the_call_in_doubt() -> None:
    """It was billed later than we thought that it can be; what comes after other calls of ours is not it."""
    book, seen = WITNESS
    soon, late = NOON + timedelta(minutes=45), LATER + timedelta(hours=1)

    assert of_one(seen, minute(soon), book=(book,)).billed is None
    assert of_one(seen, minute(late), book=(book,)).billed is False


def test_a_connection_that_waits_longer_makes_calls_longer() -> None:
    """All attempts, each as long as it may take, and what is waited between them."""
    longest = longest_call(attempts=8, timeout=3600, pause=8, patience=60)
    book, seen = WITNESS

    found = decide([book], [doubtful()], [seen], BEGIN, UNTIL, longest=longest)

    assert longest > timedelta(hours=8)
    assert longest_call(attempts=8, timeout=120, pause=8, patience=60) == LONGEST_CALL
    assert found[ONE].billed is None


def test_figures_of_other_tenants_are_not_told() -> None:
    """What they buy is no business of whoever reads the item."""
    mine, theirs = replace(doubtful(), tenant="main"), Known(NOON, NOON, Amount(1, 777), "other")
    minutes = [minute(NOON, 2, 797)]

    both = decide([theirs], [mine], minutes, BEGIN, UNTIL)[ONE]
    own = decide([replace(theirs, tenant="main")], [mine], minutes, BEGIN, UNTIL)[ONE]

    assert (both.billed, own.billed) == (True, True)
    assert "797" in own.says
    assert not any(figure in both.says for figure in ("777", "797", "request"))
    assert "of several tenants: exactly this call is left" in both.says


@pytest.mark.parametrize(
    "minutes",
    [
        (minute(NOON, tokens_in=21),),
        (minute(NOON, tokens_in=19),),
        (minute(NOON, 2, 40),),
        (minute(NOON), minute(NOON + timedelta(minutes=3))),
        (minute(NOON, 0, 20),),
    ],
    ids=["more tokens", "fewer tokens", "twice", "another at another minute", "tokens without a request"],
)
def test_anything_else_is_left_to_a_person(minutes: tuple[Minute, ...]) -> None:
    """Others use the same key."""
    book, seen = WITNESS

    assert of_one(seen, *minutes, book=(book,)).billed is None


def test_an_answer_in_words_is_booked_at_what_the_records_say() -> None:
    """What was planned is the most that it can be; nobody else may be counted, whose question it could be."""
    call = doubtful(tokens_in=1_000, tokens_out=50)

    assert of_one(minute(NOON, 1, 920, 13), call=call, alone=True).amount == Amount(1, 920, 13)
    assert of_one(minute(NOON, 1, 1_001, 13), call=call, alone=True).billed is None
    assert of_one(minute(NOON, 1, 920, 51), call=call, alone=True).billed is None
    assert of_one(minute(NOON, 1, 400, 13), call=call, alone=True).billed is None
    assert "project_ids" in of_one(minute(NOON, 1, 920, 13), call=call).says


def test_several_are_decided_together_or_not_at_all() -> None:
    """Of vectors every one has the tokens that were planned; of answers nobody knows which had how many."""
    two = [doubtful(), doubtful(NOON + timedelta(minutes=1), 35, number=2)]
    words = [doubtful(tokens_in=20, tokens_out=9), doubtful(tokens_in=35, tokens_out=9, number=2)]

    both = decide([], two, [minute(NOON, 2, 55)], BEGIN, UNTIL)
    one = decide([], two, [minute(NOON, 1, 35)], BEGIN, UNTIL)
    unclear = decide([], words, [minute(NOON, 2, 50, 4)], BEGIN, UNTIL)

    assert [(one.billed, one.amount.tokens_in) for one in both.values()] == [(True, 20), (True, 35)]
    assert {verdict.billed for verdict in (*one.values(), *unclear.values())} == {None}


def test_time_that_the_records_do_not_cover_whole_decides_nothing() -> None:
    """What is too young, or reaches back before what was read."""
    end = NOON + LONGEST_CALL + timedelta(minutes=2)
    whole = decide([], [doubtful()], [minute(NOON)], NOON - timedelta(minutes=1), end)
    young = decide([], [doubtful()], [minute(NOON)], NOON - timedelta(minutes=1), end - timedelta(seconds=1))
    cut = decide([], [doubtful()], [minute(NOON)], NOON, end)

    assert [found[ONE].billed for found in (whole, young, cut)] == [True, None, None]


def test_a_call_under_way_leaves_its_neighbours_open() -> None:
    """It may be what is left."""
    under_way = Doubtful(uuid.UUID(int=2), NOON, Amount(1, 20), under_way=True)

    found = decide([], [doubtful(), under_way], [minute(NOON)], BEGIN, UNTIL)

    assert {verdict.billed for verdict in found.values()} == {None}


seconds = some.integers(0, 6 * 3600)
used = some.integers(1, 40)
calls = some.lists(some.tuples(seconds, some.integers(0, 600), some.integers(0, 600), used), max_size=25)
doubts = some.lists(
    some.tuples(seconds, some.integers(0, 1800), used, some.integers(0, 9), some.booleans()),
    min_size=1,
    max_size=4,
)
strange = some.lists(some.tuples(seconds, used, some.integers(0, 9)), max_size=2)
complete = some.one_of(some.none(), some.integers(0, 8 * 60))


class Bill:
    """What the provider bills, minute by minute."""

    def __init__(self) -> None:
        self._minutes: dict[datetime, Amount] = {}

    def charge(self, second: float, tokens_in: int, tokens_out: int = 0) -> None:
        """One request at this second."""
        at = (NOON + timedelta(seconds=second)).replace(second=0, microsecond=0)
        self._minutes[at] = self._minutes.get(at, Amount()) + Amount(1, tokens_in, tokens_out)

    def until(self, minutes: int | None) -> list[Minute]:
        """What the records show that are complete only up to so many minutes after noon."""
        return [
            Minute(at, amount)
            for at, amount in self._minutes.items()
            if minutes is None or at < NOON + timedelta(minutes=minutes)
        ]


@given(calls, doubts, strange, complete, some.booleans())
def test_a_verdict_is_the_truth(
    booked: list[tuple[int, int, int, int]],
    in_doubt: list[tuple[int, int, int, int, bool]],
    strangers: list[tuple[int, int, int]],
    until: int | None,
    words: bool,
) -> None:
    """
    Whenever within a call it is billed.

    With others at the same key, and in records that are complete only up to some moment, what was billed is never "not
    billed"; and no question in words of a stranger is taken for ours.
    """
    bill = Bill()
    book = []
    for start, length, when, tokens in booked:
        first = NOON + timedelta(seconds=start)
        book.append(Known(first, first + timedelta(seconds=length), Amount(1, tokens)))
        bill.charge(start + min(when, length), tokens)
    truth, asked = {}, []
    for number, (start, when, tokens, out, billed) in enumerate(in_doubt):
        tokens_out = out if words else 0
        call = doubtful(NOON + timedelta(seconds=start), tokens, 9 if words else 0, number)
        asked.append(call)
        truth[call.call_id] = (billed, tokens)
        if billed:
            bill.charge(start + when, tokens, tokens_out)
    for second, tokens, out in strangers:
        bill.charge(second, tokens, out if words else 0)

    for call_id, verdict in decide(book, asked, bill.until(until), BEGIN, UNTIL, alone=not strangers).items():
        billed, tokens = truth[call_id]
        assert not (verdict.billed is False and billed)
        assert not (verdict.billed and strangers and words)
        if not strangers and until is None and verdict.billed is not None:
            assert (verdict.billed, verdict.amount.tokens_in) == (billed, tokens if billed else 0)


@given(
    some.lists(some.tuples(some.integers(-180, 180), some.integers(0, 60), used), min_size=1, max_size=6),
    some.integers(0, 29),
    some.integers(-5, 40),
)
def test_what_was_billed_after_the_records_end_is_never_taken_for_not_billed(
    booked: list[tuple[int, int, int]], when: int, until: int
) -> None:
    """Wherever they end near the call, and whatever of ours they hold until then."""
    bill = Bill()
    bill.charge(60 * when, 20)
    book = []
    for start, length, tokens in booked:
        first = NOON + timedelta(minutes=start)
        book.append(Known(first, first + timedelta(seconds=length), Amount(1, tokens)))
        bill.charge(60 * start + length, tokens)

    assert decide(book, [doubtful()], bill.until(until), BEGIN, UNTIL)[ONE].billed is not False
