"""When a provider is asked again: pure decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plumbline.models.policy import (
    Decision,
    Happened,
    History,
    Outcome,
    Policy,
    Verdict,
    decide,
    meaning,
    pause,
    safe_code,
    wait_asked_for,
)

POLICY = Policy(patience=60, attempts=3, first_pause=1, longest_pause=8)


def verdict_after(*outcomes: Outcome, idempotent: bool = False, history: History | None = None) -> Decision:
    """Return the decision after the last of these attempts."""
    history = history or History()
    for outcome in outcomes:
        history.add(outcome)
    return decide(outcomes[-1], history, POLICY, idempotent=idempotent, draw=0.5)


def test_an_answer_is_settled() -> None:
    """Nothing else may follow an answer that was paid for."""
    assert verdict_after(Outcome(Happened.ANSWERED, status=200)).verdict == Verdict.SETTLE


@pytest.mark.parametrize("happened", [Happened.SERVER_ERROR, Happened.UNREACHED])
@pytest.mark.parametrize("idempotent", [True, False])
def test_what_cannot_have_been_billed_is_repeated_until_the_attempts_are_used_up(
    happened: Happened, idempotent: bool
) -> None:
    """A provider's own failure costs nothing, at any endpoint; but nobody knocks for ever."""
    outcome = Outcome(happened)

    assert verdict_after(outcome, outcome, idempotent=idempotent).verdict == Verdict.REPEAT
    assert verdict_after(outcome, outcome, outcome, idempotent=idempotent).verdict == Verdict.FAILED


@pytest.mark.parametrize("status", [500, 503, 529, 408, 409, 425])
def test_what_the_provider_itself_gave_up_was_not_billed(status: int) -> None:
    """It says so: it failed, it was too busy to begin, or it did not take the request on."""
    assert meaning(status) == Happened.SERVER_ERROR


@pytest.mark.parametrize("status", [501, 502, 504, 507, 520, 521, 522, 523, 524, 599])
def test_what_a_gateway_gave_up_may_have_been_billed(status: int) -> None:
    """The gateway may have passed the request on: only where a repetition is billed once is it repeated."""
    outcome = Outcome(meaning(status), status=status)

    assert outcome.happened == Happened.LOST
    assert verdict_after(outcome).verdict == Verdict.UNKNOWN
    assert verdict_after(outcome, idempotent=True).verdict == Verdict.REPEAT
    assert verdict_after(outcome, outcome, outcome, idempotent=True).verdict == Verdict.OPEN


@pytest.mark.parametrize(
    ("status", "code", "happened"),
    [
        (429, "rate_limit_exceeded", Happened.THROTTLED),
        (429, "insufficient_quota", Happened.OUT_OF_CREDIT),
        (400, "", Happened.REFUSED),
        (401, "invalid_api_key", Happened.REFUSED),
        (404, "model_not_found", Happened.REFUSED),
    ],
)
def test_what_the_provider_refuses_was_not_billed(status: int, code: str, happened: Happened) -> None:
    """The same status is a rate limit or an empty account; the code tells them apart."""
    assert meaning(status, code) == happened


def test_a_lost_request_is_never_repeated_where_a_repetition_is_billed() -> None:
    """It may have been billed; only a person can find out."""
    assert verdict_after(Outcome(Happened.LOST)).verdict == Verdict.UNKNOWN


def test_a_lost_request_is_repeated_where_a_repetition_is_billed_once() -> None:
    """The same key is answered again, and not billed again."""
    assert verdict_after(Outcome(Happened.LOST), idempotent=True).verdict == Verdict.REPEAT


@pytest.mark.parametrize("last", [Happened.LOST, Happened.SERVER_ERROR, Happened.UNREACHED])
def test_after_a_lost_request_the_call_stays_open(last: Happened) -> None:
    """The lost attempt may have been billed, whatever the later ones met: the intent must stay."""
    lost = Outcome(Happened.LOST)

    assert verdict_after(lost, lost, Outcome(last), idempotent=True).verdict == Verdict.OPEN


def test_a_repetition_that_is_refused_needs_a_person() -> None:
    """The first attempt may have been billed, and the repetition will never be taken."""
    history = History(maybe_billed=True)

    decided = verdict_after(Outcome(Happened.REFUSED, status=400), idempotent=True, history=history)

    assert decided.verdict == Verdict.UNKNOWN


@pytest.mark.parametrize(
    "outcome", [Outcome(Happened.REFUSED, status=401), Outcome(Happened.OUT_OF_CREDIT, status=429)]
)
def test_a_repetition_that_fails_for_want_of_a_key_or_credit_stays_open(outcome: Outcome) -> None:
    """With a new key it will be answered from the provider's memory."""
    assert verdict_after(outcome, idempotent=True, history=History(maybe_billed=True)).verdict == Verdict.OPEN


def test_a_refused_request_ends() -> None:
    """The same request would be refused again."""
    assert verdict_after(Outcome(Happened.REFUSED, status=400)).verdict == Verdict.REFUSED


def test_a_throttled_request_waits_as_long_as_the_provider_says() -> None:
    """Never shorter; a little longer, so that workers do not return as one."""
    decided = verdict_after(Outcome(Happened.THROTTLED, status=429, retry_after=20))

    assert decided.verdict == Verdict.REPEAT
    assert 20 <= decided.after <= 21


def test_a_wait_beyond_patience_ends_the_call_unbilled() -> None:
    """The worker is given back instead of held."""
    decided = verdict_after(Outcome(Happened.THROTTLED, status=429, retry_after=61))

    assert Decision(Verdict.REFUSED, 61) == decided


def test_a_provider_that_is_too_busy_is_asked_again_when_it_says_so() -> None:
    """Not before, not without a pause of our own, and not by this process when it would wait too long."""
    busy = Outcome(Happened.SERVER_ERROR, status=503, retry_after=20)
    assert verdict_after(busy).verdict == Verdict.REPEAT
    assert verdict_after(busy).after >= 20
    assert verdict_after(replace(busy, retry_after=0)).after > 0
    assert verdict_after(replace(busy, retry_after=61)) == Decision(Verdict.REFUSED, 61)


def test_waits_add_up_against_patience() -> None:
    """Many short waits are one long wait."""
    throttled = Outcome(Happened.THROTTLED, status=429, retry_after=30)

    assert verdict_after(throttled, history=History(waited=20)).verdict == Verdict.REPEAT
    assert verdict_after(throttled, history=History(waited=31)).verdict == Verdict.REFUSED


def test_being_throttled_does_not_use_up_attempts() -> None:
    """The provider said when to come back: that is no failure."""
    throttled = Outcome(Happened.THROTTLED, status=429, retry_after=1)

    assert verdict_after(*[throttled] * 10).verdict == Verdict.REPEAT


@pytest.mark.parametrize(("failures", "expected"), [(1, (0.5, 1)), (2, (1, 2)), (3, (2, 4)), (9, (4, 8))])
def test_pauses_double_up_to_the_longest_and_are_spread(failures: int, expected: object) -> None:
    """Between half of the pause and all of it."""
    assert expected == (pause(failures, POLICY, 0), pause(failures, POLICY, 1))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "1e300"}, 31 * 86_400),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2),
        ({}, None),
    ],
)
def test_the_wait_is_read_from_the_headers(headers: dict[str, str], expected: object) -> None:
    """Milliseconds are more exact and come first; nonsense is not believed."""
    assert expected == wait_asked_for(headers)


def test_every_attempt_is_counted_by_its_status_or_kind() -> None:
    """The row of the call shows what it went through."""
    history = History()
    for outcome in (
        Outcome(Happened.THROTTLED, status=429),
        Outcome(Happened.LOST, code="timeout lost"),
        Outcome(Happened.ANSWERED, status=200),
    ):
        history.add(outcome)

    assert (
        history.attempts,
        history.counts,
        history.maybe_billed,
    ) == (3, {"429": 1, "timeout lost": 1, "200": 1}, True)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("Incorrect API key provided: sk-abc", ""),
        ("sk-proj-12345", ""),
        (None, ""),
        (42, ""),
    ],
)
def test_only_what_looks_like_an_error_code_is_repeated(said: object, kept: str) -> None:
    """A provider's sentence may quote a key or an input."""
    assert kept == safe_code(said)
