"""When a provider that fails is left alone, and when it is asked again: pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.models.breaking import (
    HEALTHY,
    Admission,
    Breaker,
    admission,
    after_answer,
    after_failure,
    after_no_try,
    is_failure,
    probing,
    seconds_until,
)
from plumbline.models.policy import Happened, Outcome, Policy

POLICY = Policy(failures_to_rest=3, failure_window=60, first_rest=10, longest_rest=35)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """Return a moment after noon."""
    return NOON + timedelta(seconds=seconds)


def failed(*moments: float, breaker: Breaker = HEALTHY) -> Breaker:
    """Return a breaker after failures at these moments."""
    for seconds in moments:
        breaker = after_failure(breaker, later(seconds), "500", None, POLICY)
    return breaker


OPEN = failed(0, 1, 2)


def test_it_opens_after_so_many_failures_in_a_row_and_says_until_when() -> None:
    """One failure less, and everything is sent as before."""
    assert admission(failed(0, 1), later(2)) is Admission.GO
    assert (OPEN.state, OPEN.failures, OPEN.opened_at, OPEN.seen) == ("open", 3, later(2), "500")
    assert admission(OPEN, later(11.9)) is Admission.WAIT
    assert seconds_until(OPEN, later(4)) == 8


def test_an_answer_in_between_and_a_long_time_begin_the_count_anew() -> None:
    """A provider that fails now and then is no provider that is down."""
    assert failed(2, breaker=after_answer(failed(0, 1), None)).failures == 1
    assert failed(0, 1, 61.5).failures == 1


def test_after_its_pause_one_call_alone_tries() -> None:
    """All others wait for it, not longer than a pause at a time; when its holder is dead, another tries."""
    assert admission(OPEN, later(12)) is Admission.PROBE
    tried = probing(OPEN, later(12), lease=7, seconds=60)

    assert admission(tried, later(71.9)) is Admission.WAIT
    assert seconds_until(tried, later(12)) == 10
    assert admission(tried, later(72)) is Admission.PROBE


def test_an_answer_to_the_try_closes_it_for_all() -> None:
    """An answer to what was sent before says nothing, nor does that of a try whose lease is over."""
    tried = probing(OPEN, later(12), lease=7, seconds=60)

    assert after_answer(tried, 7) == HEALTHY
    assert after_answer(tried, 8) == after_answer(tried, None) == tried
    assert after_answer(OPEN, None) == OPEN


def test_each_try_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    """Since when it fails stays known; what others had under way does not count."""
    pauses, breaker, at = [], OPEN, 12.0
    for lease in range(1, 4):
        breaker = after_failure(probing(breaker, later(at), lease, 60), later(at), "503", lease, POLICY)
        pauses.append(breaker.pause)
        at += breaker.pause

    assert pauses == [20, 35, 35]
    assert (breaker.opened_at, breaker.seen) == (later(2), "503")
    assert after_failure(OPEN, later(3), "500", None, POLICY).next_probe_at == OPEN.next_probe_at


def test_who_has_nothing_to_send_leaves_the_try_to_another() -> None:
    """At once, and only if it is still his."""
    tried = probing(OPEN, later(12), lease=7, seconds=60)

    assert admission(after_no_try(tried, later(13), 7), later(13)) is Admission.PROBE
    assert after_no_try(tried, later(13), 8) == tried


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome(Happened.UNREACHED), True),
        (Outcome(Happened.LOST, code="timeout lost"), True),
        (Outcome(Happened.LOST, status=502), True),
        (Outcome(Happened.SERVER_ERROR, status=500), True),
        (Outcome(Happened.SERVER_ERROR, status=409), False),
        (Outcome(Happened.THROTTLED, status=429), False),
        (Outcome(Happened.OUT_OF_CREDIT, status=429), False),
        (Outcome(Happened.REFUSED, status=400), False),
        (Outcome(Happened.ANSWERED, status=200), False),
    ],
)
def test_only_failures_of_the_provider_itself_count(outcome: Outcome, expected: bool) -> None:
    """Who refuses, or asks to wait, works."""
    assert is_failure(outcome) is expected


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from(["failure", "answer", "death"])), max_size=60))
def test_it_is_never_closed_to_all_for_good_and_never_tried_twice_at_once(
    course: list[tuple[float, str]],
) -> None:
    """Whatever happens, a call may go, or a try, at the latest after the longest pause and a lease."""
    breaker, at, lease = HEALTHY, 0.0, 0
    for pause, happens in course:
        at += pause
        granted, mine = admission(breaker, later(at)), None
        if granted is Admission.WAIT:
            assert breaker.next_probe_at is not None
            assert (breaker.next_probe_at - later(at)).total_seconds() <= POLICY.longest_rest + 5
            continue
        if granted is Admission.PROBE:
            lease = mine = lease + 1
            breaker = probing(breaker, later(at), lease, 5)
            assert admission(breaker, later(at)) is Admission.WAIT
        if happens == "failure":
            breaker = after_failure(breaker, later(at), "500", mine, POLICY)
        elif happens == "answer":
            breaker = after_answer(breaker, mine)
            assert breaker == HEALTHY
