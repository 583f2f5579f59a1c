"""
A call as the book has it, and what one kind of call (embeddings, chat, moderation) does its own way.

A `Service` knows the route, the body of a request, how an answer is read, and how what was bought is kept.  Everything
else, the order in which things are written down and sent above all, is the same for all of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from plumbline.core.receipts import Run
from plumbline.models.prices import PriceList
from plumbline.models.requests import Input

if TYPE_CHECKING:
    from plumbline.core.db import Session
    from plumbline.core.prompts import Prompt


class Unusable(ValueError):
    """The answer is not what was asked for; says in what way, never with its contents."""


@dataclass(frozen=True, slots=True)
class Billed:
    """Tokens that the provider billed; None where it does not say.  `cached` are among those that came in."""

    tokens_in: int | None
    cached: int = 0
    tokens_out: int | None = 0


class Bought(Protocol):
    """What an answer came to: what was billed, which model said it, and how it ended (None: as asked)."""

    @property
    def billed(self) -> Billed:
        """What the provider billed."""

    @property
    def answered_by(self) -> str:
        """The model that says it answered."""

    @property
    def outcome(self) -> str | None:
        """How the answer ended, for services whose answers can end in several ways."""


@dataclass(frozen=True, slots=True)
class About:
    """
    What the book says of a call besides its inputs.

    `tokens_out`: the most that the answer may have.  `mends`: the call whose answer this one is to put right.  `user`
    and `session` are pseudonyms.
    """

    tokens_out: int = 0
    mends: uuid.UUID | None = None
    user: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class PromptRef:
    """A released version of a prompt: its name, version, the SHA-256 of its file, and who approved it."""

    name: str
    version: str
    sha256: bytes
    approver: str | None = None

    @classmethod
    def of(cls, prompt: Prompt) -> PromptRef:
        """Return what the book says of a prompt."""
        return cls(prompt.name, prompt.version, prompt.sha256, prompt.approved_by)


def booked_on(run: Run, prompt: PromptRef | None) -> dict[str, object]:
    """Return what the book says of who buys, and of the prompt: the columns that single calls and plans share."""
    return {
        "tenant": run.tenant,
        "project": run.project,
        "team": run.team,
        "trace_id": run.trace_id,
        "dag_id": run.dag_id,
        "dag_run_id": run.dag_run_id,
        "task_id": run.task_id,
        "run_id": run.run_id,
        "code_version": run.code_version,
        "prompt_name": prompt and prompt.name,
        "prompt_version": prompt and prompt.version,
        "prompt_sha256": prompt and prompt.sha256,
        "prompt_approver": prompt and prompt.approver,
    }


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request that is written in the book; that of a dead process is fetched when it is repeated.

    `tokens` are those of each input, `tokens_out` the most that the answer may have; `mends` is the call whose answer
    this one is to put right.
    """

    call_id: uuid.UUID
    at: datetime
    use: str
    keys: Sequence[bytes]
    tokens: Sequence[int]
    dimensions: int | None
    prices: PriceList
    cost_planned_usd: Decimal
    request: bytes = field(repr=False)
    tokens_out: int = 0
    mends: uuid.UUID | None = None

    @property
    def tokens_planned(self) -> int:
        """Tokens of the inputs as counted by us."""
        return sum(self.tokens)

    def counted(self, billed: Billed) -> tuple[int, int, int]:
        """Return the tokens in, those of them cached, and out; where the provider does not say, what was planned."""
        tokens_in = self.tokens_planned if billed.tokens_in is None else billed.tokens_in
        tokens_out = self.tokens_out if billed.tokens_out is None else billed.tokens_out
        return tokens_in, billed.cached, tokens_out

    def cost(self, billed: Billed) -> Decimal:
        """Return what it cost; where the provider does not say what it billed, what was planned."""
        return self.prices.cost(*self.counted(billed))


B = TypeVar("B", bound=Bought)


class Service(Protocol[B]):
    """One kind of call."""

    path: str
    """The address below that of the endpoint."""
    dimensions: int | None
    """Of the vectors that are asked for, where vectors are."""

    def body(self, inputs: Sequence[Input]) -> bytes:
        """Return the request, the same bytes whenever it is made again."""

    def read(self, call: Call, content: bytes) -> B:
        """
        Return what was bought.

        Raises:
            Unusable: It is not what was asked for.
        """

    def billed(self, content: bytes) -> Billed:
        """Return what an answer that cannot be used bills, as far as it says."""

    def keep(self, session: Session, bought: Sequence[tuple[Call, B]]) -> None:
        """Write the answers of calls, in the transaction that settles them."""


def read_answer(service: Service[B], call: Call, content: bytes) -> B:
    """
    Return what was bought.

    Raises:
        Unusable: It is not what was asked for, or so odd that its reader stumbles; then its kind of error is named, and
            not its words, which may be those of the answer.
    """
    try:
        return service.read(call, content)
    except (Unusable, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - paid for, whatever is wrong with it
        raise Unusable(f"it cannot be read ({type(error).__name__})") from None


def read_bill(service: Service[Any], content: bytes) -> Billed:
    """Return what an answer that cannot be used bills, as far as it says so and that can be read."""
    try:
        return service.billed(content)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return Billed(None, tokens_out=None)
