"""The provider's records decide about a call only where nothing else explains what they say."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from plumbline.models.records import LONGEST_CALL, Amount, Doubtful, Known, Minute, Verdict, decide

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


def of_one(*minutes: Minute, book: tuple[Known, ...] = (), call: Doubtful | None = None) -> Verdict:
    """The verdict about a call in doubt at noon."""
    return decide(book, [call or doubtful()], minutes, BEGIN, UNTIL)[ONE]


EARLIER = NOON - timedelta(hours=3)
WITNESS = (known(EARLIER), minute(EARLIER, tokens_in=7))


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
    """What was planned is the most that it can be."""
    call = doubtful(tokens_in=1_000, tokens_out=50)

    assert of_one(minute(NOON, 1, 920, 13), call=call).amount == Amount(1, 920, 13)
    assert of_one(minute(NOON, 1, 1_001, 13), call=call).billed is None
    assert of_one(minute(NOON, 1, 920, 51), call=call).billed is None
    assert of_one(minute(NOON, 1, 400, 13), call=call).billed is None


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
calls = some.lists(
    some.tuples(seconds, some.integers(0, 600), some.integers(0, 600), some.integers(1, 40)), max_size=25
)
doubts = some.lists(
    some.tuples(seconds, some.integers(0, 1800), some.integers(1, 40), some.booleans()),
    min_size=1,
    max_size=4,
)


@given(calls, doubts, some.lists(some.tuples(seconds, some.integers(1, 40)), max_size=2))
def test_a_verdict_is_the_truth(
    booked: list[tuple[int, int, int, int]],
    in_doubt: list[tuple[int, int, int, bool]],
    strangers: list[tuple[int, int]],
) -> None:
    """Whenever within a call it is billed; with others at the same key, what was billed is never "not billed"."""
    bill: Counter[datetime] = Counter()
    tokens: Counter[datetime] = Counter()

    def charge(second: float, used: int) -> None:
        at = (NOON + timedelta(seconds=second)).replace(second=0, microsecond=0)
        bill[at] += 1
        tokens[at] += used

    book = []
    for start, length, when, used in booked:
        first = NOON + timedelta(seconds=start)
        book.append(Known(first, first + timedelta(seconds=length), Amount(1, used)))
        charge(start + min(when, length), used)
    truth, asked = {}, []
    for number, (start, when, used, billed) in enumerate(in_doubt):
        call = doubtful(NOON + timedelta(seconds=start), used, number=number)
        asked.append(call)
        truth[call.call_id] = (billed, used)
        if billed:
            charge(start + when, used)
    for second, used in strangers:
        charge(second, used)
    minutes = [Minute(at, Amount(count, tokens[at])) for at, count in bill.items()]

    for call_id, verdict in decide(book, asked, minutes, BEGIN, UNTIL).items():
        billed, used = truth[call_id]
        assert not (verdict.billed is False and billed)
        if not strangers and verdict.billed is not None:
            assert (verdict.billed, verdict.amount.tokens_in) == (billed, used if billed else 0)
