"""
Buy answers, one request at a time: pace, claim, send, settle.

The order is the promise.  Nothing is sent that is not in the book, nothing is in the book that may not be
sent within the second, and an answer in hand is kept before anything else happens.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg

from plumbline.core.db import DatabaseFull, DatabaseUnreachable
from plumbline.core.errors import PlumblineError
from plumbline.models import transport
from plumbline.models.background import Background, Stopped
from plumbline.models.calls import About, Billed, Bought, Call, Service, Unusable, read_answer, read_bill
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import (
    AnswerUnusable,
    BudgetExhausted,
    CallRefused,
    CreditUsedUp,
    KeyRejected,
    MayHaveBeenBilled,
    ProviderFailing,
    ProviderUnreachable,
    RetryLater,
)
from plumbline.models.ledger import Claim, Ledger
from plumbline.models.policy import REFUSED_KEY, Happened, History, Outcome, Policy, Verdict, decide, pause
from plumbline.models.prices import PriceList
from plumbline.models.requests import Input, Usage, total_tokens
from plumbline.models.throttle import Throttle

log = logging.getLogger(__name__)


class Buyer:
    """Buys for one stream; used by several threads at once."""

    def __init__(
        self,
        endpoint: Endpoint,
        service: Service[Any],
        ledger: Ledger,
        throttle: Throttle,
        policy: Policy,
        background: Background,
    ) -> None:
        self._endpoint = endpoint
        self._service = service
        self._ledger = ledger
        self._throttle = throttle
        self._breaker = throttle.breaker
        self._policy = policy
        self._background = background

    def buy(self, use: str, wanted: Sequence[Input], prices: PriceList, about: About = About()) -> None:  # noqa: B008 - frozen
        """
        Return when every input has an answer in the book, bought here or by others; count what was used.

        Raises:
            PlumblineError: As drawn in `plumbline.models.errors`; what was bought before stays bought.
            Stopped: The stream was stopped before anything was sent.
        """
        try:
            self._buy(use, wanted, prices, about)
        finally:
            self._breaker.let_go()

    def _buy(self, use: str, wanted: Sequence[Input], prices: PriceList, about: About) -> None:
        remaining, bought, polls = list(wanted), 0, 0
        paced: int | None = None
        while remaining:
            paced = self._pace(total_tokens(remaining) + about.tokens_out) if paced is None else paced
            try:
                claim = self._ledger.claim(use, remaining, prices, about)
            except BudgetExhausted:
                self._throttle.give_back(paced)
                raise
            self._finish(claim)
            ended = True
            if claim.call is not None:
                self._return_unused(paced - claim.call.tokens_planned - about.tokens_out)
                paced = None
                used = self._perform(claim.call, History())
                ended = used is not None
                bought += used.bought if used else 0
                self._background.count(used or Usage())
            elif claim.elsewhere:
                self._wait(min(1.0, 0.05 * 2**polls))
                polls = min(polls + 1, 5)
            if ended and not claim.adopted:
                remaining = [item for item in remaining if item.key in claim.elsewhere]
        if paced is not None:
            self._throttle.give_back(paced)
        self._background.count(Usage(reused=len(wanted) - bought))

    def repeat(self, call: Call) -> None:
        """Send a call of a dead process again, under its own key, and settle it."""
        request = self._ledger.request_of(call)
        if request is None:
            return
        try:
            self._pace(call.tokens_planned + call.tokens_out)
            used = self._perform(replace(call, request=request), History(maybe_billed=True))
        finally:
            self._breaker.let_go()
        if used is not None:
            self._background.count(replace(used, bought=0, recovered=1))

    def _finish(self, claim: Claim) -> None:
        """Repeat what was taken over from dead processes; what may not be repeated needs a person."""
        if claim.at_stake:
            raise MayHaveBeenBilled(
                [call.call_id for call in claim.at_stake],
                sum(call.tokens for call in claim.at_stake),
                sum((call.cost_usd for call in claim.at_stake), start=Decimal(0)),
            )
        for call in claim.adopted:
            self.repeat(call)

    def _pace(self, tokens: int) -> int:
        if not self._throttle.take(tokens):
            raise Stopped
        if self._background.stop.is_set():
            self._throttle.give_back(tokens)
            raise Stopped
        return tokens

    def _return_unused(self, tokens: int) -> None:
        if tokens:
            self._throttle.give_back(tokens, requests=0)

    def _wait(self, seconds: float) -> None:
        if self._background.stop.wait(seconds):
            raise Stopped

    def _perform(self, call: Call, history: History) -> Usage | None:
        """Send a call until it has ended; None when somebody else has ended it meanwhile."""
        while True:
            outcome = transport.post(self._endpoint, self._service.path, call.request, str(call.call_id))
            history.add(outcome)
            draw = random.random()  # noqa: S311 - spreads pauses, guards nothing
            decision = decide(outcome, history, self._policy, idempotent=self._endpoint.idempotent, draw=draw)
            if decision.verdict is Verdict.SETTLE:
                try:
                    return self._settle(call, outcome, history)
                finally:
                    self._breaker.hear(outcome)
            log.info("call %s met %s, next: %s", call.call_id, outcome.label, decision.verdict.value)
            if outcome.asks_to_wait:
                self._throttle.learn(outcome.headers)
                self._throttle.close(decision.after)
                history.waited += decision.after
            if decision.verdict is not Verdict.REPEAT:
                self._write_end(call, decision.verdict, outcome, history)
                self._breaker.hear(outcome)
                raise self._error(call, decision.verdict, outcome, decision.after)
            resting = self._breaker.hear(outcome)
            if resting or self._background.stop.wait(decision.after):
                self._write_end(
                    call, Verdict.OPEN if history.maybe_billed else Verdict.FAILED, outcome, history
                )
                raise resting or Stopped

    def _settle(self, call: Call, outcome: Outcome, history: History) -> Usage | None:
        try:
            bought = read_answer(self._service, call, outcome.content)
        except Unusable as reason:
            error = f"The answer is not what was asked for: {reason}."
            billed = read_bill(self._service, outcome.content)
            self._ledger.end(call, "failed", error, outcome, history, billed=billed)
            raise AnswerUnusable(
                f"{self._endpoint.label}: {error} It was billed and is booked as {call.call_id}."
            ) from None
        cost = self._keep(call, bought, outcome, history)
        self._throttle.learn(outcome.headers)
        if cost is None:
            return None
        tokens_in, _, tokens_out = call.counted(bought.billed)
        return Usage(bought=len(call.keys), requests=1, tokens=tokens_in + tokens_out, cost_usd=cost)

    def _keep(self, call: Call, bought: Bought, outcome: Outcome, history: History) -> Decimal | None:
        """Settle; an answer that is paid for is not thrown away because the database is away for minutes."""
        until, failures = time.monotonic() + self._policy.keep_trying, 0
        with self._background.holding():
            while True:
                try:
                    return self._ledger.settle(call, bought, outcome, history)
                except (psycopg.OperationalError, DatabaseUnreachable, DatabaseFull) as error:
                    failures += 1
                    wait = pause(failures, self._policy, random.random())  # noqa: S311 - spreads pauses, guards nothing
                    left = until - time.monotonic()
                    # The stop of the stream does not end this: what is in hand is paid for.
                    if wait > left or self._background.hurry.is_set():
                        log.error("call %s is answered and cannot be kept; given up", call.call_id)  # noqa: TRY400 - raised below
                        raise
                    log.warning(
                        "call %s is answered and cannot be kept yet (%s); trying for %.0f s more",
                        call.call_id,
                        type(error).__name__,
                        left,
                    )
                    self._background.hurry.wait(wait)

    def _write_end(self, call: Call, verdict: Verdict, outcome: Outcome, history: History) -> None:
        said = f"The last attempt ended with {_described(outcome)}."
        if verdict in (Verdict.OPEN, Verdict.UNKNOWN):
            state = "sent" if verdict is Verdict.OPEN else "unknown"
            self._ledger.leave_open(call, state, f"{said} It may have been billed.", history)
        else:
            self._ledger.end(
                call, verdict.value, f"{said} It was not billed.", outcome, history, billed=Billed(0)
            )

    def _error(self, call: Call, verdict: Verdict, outcome: Outcome, after: float) -> PlumblineError:
        """Return the error that tells the caller how the call ended."""
        if verdict is Verdict.UNKNOWN:
            return MayHaveBeenBilled([call.call_id], call.tokens_planned, call.cost_planned_usd)
        if outcome.asks_to_wait and verdict is not Verdict.FAILED:
            return RetryLater(after, self._endpoint.model)
        refused_key = outcome.happened is Happened.REFUSED and outcome.status in REFUSED_KEY
        kind, sentence = _REJECTED_KEY if refused_key else _ENDS[outcome.happened]
        if self._endpoint.embedded and outcome.happened is Happened.UNREACHED:
            sentence = "the embedded model server does not answer, and `make demo` starts it"
        return kind(f"{self._endpoint.label}: {sentence} ({_described(outcome)}).")


_REJECTED_KEY = (KeyRejected, "the key is not accepted for this model, nothing was billed")
_ENDS: Mapping[Happened, tuple[type[PlumblineError], str]] = {
    Happened.OUT_OF_CREDIT: (CreditUsedUp, "the account has no credit left, nothing was billed"),
    Happened.REFUSED: (CallRefused, "the request is refused, nothing was billed"),
    Happened.SERVER_ERROR: (ProviderFailing, "the provider answers with errors of its own, again and again"),
    Happened.UNREACHED: (ProviderUnreachable, "the provider cannot be reached"),
    Happened.LOST: (
        ProviderUnreachable,
        "the provider breaks off again and again; the next run asks once more",
    ),
}


def _described(outcome: Outcome) -> str:
    if outcome.status is None:
        return outcome.label
    return f"HTTP {outcome.status}, {outcome.code}" if outcome.code else f"HTTP {outcome.status}"
