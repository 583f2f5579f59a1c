"""
What may come back through the door instead of an answer.

    Fatal
    ├── PriceUnknown        the model has no price; nothing was sent
    ├── InputRefused        an input is empty or too long; nothing was sent
    ├── BudgetExhausted     a budget has no room for the call; nothing was sent, nothing stays reserved
    ├── CallRefused         the provider refuses the request as it is; nothing was billed
    │   ├── KeyRejected     … because of the key
    │   └── CreditUsedUp    … because the account is out of credit
    ├── AnswerUnusable      the provider answered, and billed, something that is not what was asked for
    ├── BatchNotOurs        the connection names another provider than the one that has the batch
    ├── Unreconciled        the lines of a batch do not add up; nothing of it is published
    ├── StillUnusable       the last answer could not be used, and nobody has looked since; nothing was sent
    └── MayHaveBeenBilled   a call was cut off where nobody can know; a person decides
    Passing
    ├── RetryLater          the provider's limits are used up; says for how many seconds
    ├── ProviderUnreachable the provider cannot be reached, or broke off a request that is safe to repeat
    ├── InBatch             a batch is buying this already; says when it is expected
    ├── ProviderFailing     the provider answers with errors of its own
    └── ProviderResting     it has failed all workers again and again and is left alone; says for how many seconds

A message never holds a key, an input or an answer: it may end up in a log or a mail.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Self

from plumbline.core.clock import now
from plumbline.core.errors import Fatal, Later, Passing


class PriceUnknown(Fatal):
    """A model without a price is refused before anything is sent."""


class InputRefused(Fatal):
    """An input that the provider would refuse; nothing was sent."""


class BudgetExhausted(Fatal):
    """
    A budget has no room for the worst case of a call.  Nothing was sent, and nothing stays reserved.

    `budget` names it as `plumbline budget` does; the amounts are US dollars; `ends_at` (UTC) is when it begins anew.
    `noted`: that it has refused a call is on record already.
    """

    def __init__(
        self,
        *,
        budget_id: int,
        budget: str,
        period: str,
        cap: Decimal,
        spent: Decimal,
        reserved: Decimal,
        needed: Decimal,
        starts_on: date,
        ends_at: datetime,
        noted: bool = False,
    ) -> None:
        self.budget_id = budget_id
        self.budget = budget
        self.period = period
        self.cap = cap
        self.spent = spent
        self.reserved = reserved
        self.needed = needed
        self.starts_on = starts_on
        self.ends_at = ends_at
        self.noted = noted
        super().__init__(
            f"The budget of {budget} for this {period} has no room: of {usd(cap)} USD, {usd(spent)} are spent and "
            f"{usd(reserved)} reserved, and the call may cost {usd(needed)}. Nothing was sent. The budget begins anew "
            f"on {ends_at:%Y-%m-%d} at 00:00 UTC; `plumbline budget set` raises it."
        )

    def adding(self, sentence: str) -> Self:
        """Say a sentence more; return the error."""
        self.args = (f"{self} {sentence}",)
        return self


def usd(amount: Decimal) -> str:
    """Return an amount without the zeros at its end, and with at least two decimal places."""
    whole, _, rest = f"{amount:f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


class CallRefused(Fatal):
    """The provider refuses the request as it is.  It is not billed."""


class KeyRejected(CallRefused):
    """The provider does not accept the key."""


class CreditUsedUp(CallRefused):
    """The account at the provider has no credit left."""


class AnswerUnusable(Fatal):
    """The answer is not what was asked for.  It was billed all the same, and is booked."""


class StillUnusable(Fatal):
    """An answer was paid for and could not be used a short while ago; the next would be paid for too."""

    def __init__(self, call_id: uuid.UUID, use: str, label: str) -> None:
        super().__init__(
            f"Nothing is bought for {use}: the answer to call {call_id} was billed and could not be used. Look at the "
            f"model and the dimensions of {label}, then `plumbline doctor --live`: one small call that is answered "
            "well opens the way. Without it, the next run a day after that call tries again."
        )


class MayHaveBeenBilled(Fatal):
    """Calls were cut off between sending and answering; buying again could pay twice."""

    def __init__(self, call_ids: Sequence[uuid.UUID], tokens: int, cost_usd: Decimal) -> None:
        self.call_ids = tuple(call_ids)
        self.tokens = tokens
        self.cost_usd = cost_usd
        named = ", ".join(str(call_id) for call_id in self.call_ids[:5])
        more = f" and {len(self.call_ids) - 5} more" if len(self.call_ids) > 5 else ""  # noqa: PLR2004
        several = len(self.call_ids) > 1
        super().__init__(
            f"{'Calls were' if several else 'A call was'} cut off after sending and may have been billed "
            f"({tokens} tokens, {cost_usd:f} USD): {named}{more}. {'They are' if several else 'It is'} not "
            "bought again until you decide: look at the provider's usage page, then "
            f"`plumbline calls release {self.call_ids[0]} --billed` or `--not-billed`; "
            "`plumbline calls unknown` lists them all."
        )


class BatchNotOurs(Fatal):
    """The connection names another provider, address or project than the one that has the batch, as far as we know."""


class Unreconciled(Fatal):
    """The lines of a batch do not add up to what was sent."""


class InBatch(Passing):
    """What is wanted is being bought in a batch; it is not bought a second time."""

    def __init__(
        self,
        inputs: int,
        batch_id: uuid.UUID,
        expected: datetime | None,
        *,
        unknown: bool = False,
        waiting: bool = False,
    ) -> None:
        when = f"expected by {expected:%Y-%m-%d %H:%M} UTC at the latest" if expected else "not submitted yet"
        if waiting:
            when = "expired and waiting for room in a budget: `plumbline batches show` says what to do"
        if unknown:
            when = "landed without them: decide with `plumbline calls unknown`"
        super().__init__(f"Of what is wanted, {inputs} inputs are in batch {batch_id}, {when}.")


class RetryLater(Later):
    """The limits of the model are used up for longer than it is worth waiting."""

    def __init__(self, seconds: float, model: str) -> None:
        when = now() + timedelta(seconds=seconds)
        super().__init__(
            f"The rate limit of {model} is used up; there is room again in {seconds:.0f} s, at {when:%H:%M:%S} UTC. "
            "Start the same again then: what was bought is kept.",
            seconds,
        )


class ProviderUnreachable(Passing):
    """The provider cannot be reached."""


class ProviderFailing(Passing):
    """The provider answers with errors of its own, again and again."""


class ProviderResting(Later):
    """The provider has failed so often in a row that nothing is sent for a while; nothing was sent now."""

    def __init__(self, label: str, seconds: float, *, since: datetime, until: datetime, seen: str) -> None:
        super().__init__(
            f"{label}: the provider fails again and again since {since:%H:%M:%S} UTC ({seen}), so nothing is sent; it "
            f"is tried again at {until:%H:%M:%S} UTC. Start the same again then, or look: `plumbline calls breaker`.",
            seconds,
        )
