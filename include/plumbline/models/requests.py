"""
What an area wants from a model, in plain values.

Nothing here knows of a network or a database: an input has a text that is already minimised, the key under
which its answer is bought, and the tokens it was counted at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

_A_MINUTE = 8
"""Full requests that fit into the tokens of a minute, at least."""


@dataclass(frozen=True, slots=True)
class Input:
    """One text to embed: minimised, with its answer key and its tokens as counted by us."""

    key: bytes
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold, what may be sent in a minute, and how many calls of a stream are under way at once."""

    inputs: int = 256
    tokens: int = 295_000
    tokens_an_input: int = 8_191
    requests_per_minute: float = 3_000
    tokens_per_minute: float = 1_000_000
    at_once: int = 32


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """
    What one batch may hold (requests, inputs, bytes of its file), and, by model, the tokens of all open batches.

    `look_every`: seconds between two looks at a batch that is under way.
    """

    requests: int = 50_000
    inputs: int = 50_000
    bytes: int = 200_000_000
    enqueued_tokens: Mapping[str, int] = field(default_factory=dict)
    look_every: float = 60.0


@dataclass(frozen=True, slots=True)
class Usage:
    """
    What a stream or a call has used so far.

    `bought` and `reused` count inputs and add up to those that were asked for and have an answer.
    `requests`, `tokens` and `cost_usd` are those of every call that was settled here, calls of a crashed run
    included: their number is `recovered`.
    """

    bought: int = 0
    reused: int = 0
    requests: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    recovered: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.bought + other.bought,
            self.reused + other.reused,
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.cost_usd + other.cost_usd,
            self.recovered + other.recovered,
        )


def full_requests(waiting: list[Input], limits: Limits, *, rest: bool) -> Iterator[list[Input]]:
    """
    Take whole requests off the front of `waiting`, in order.

    A request is whole when the next input would break a limit; with `rest`, what is left is one too.
    """
    while waiting:
        size = _fitting(waiting, limits)
        if size == len(waiting) and size < limits.inputs and not rest:
            return
        request, waiting[:] = waiting[:size], waiting[size:]
        yield request


def _fitting(waiting: list[Input], limits: Limits) -> int:
    tokens = 0
    for number, item in enumerate(waiting[: limits.inputs]):
        tokens += item.tokens
        if number and tokens > limits.tokens:
            return number
    return min(len(waiting), limits.inputs)


def paced(limits: Limits, tokens_per_minute: float, most_tokens: int | None = None) -> Limits:
    """
    Return the limits of a request where so many tokens may be sent in a minute, and in a call of its use.  Pure.

    An eighth of them at most: a provider never accepts a request larger than its minute, and a hundred workers who
    wait for one bucket are each served within a quarter of an hour.
    """
    tokens = max(1, int(min(limits.tokens, tokens_per_minute / _A_MINUTE)))
    return replace(limits, tokens=tokens if most_tokens is None else min(tokens, most_tokens))


def total_tokens(inputs: Iterable[Input]) -> int:
    """Return the tokens of all inputs together."""
    return sum(item.tokens for item in inputs)
