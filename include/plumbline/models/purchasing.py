"""
What every stream of purchases shares: its session, its book, its threads, and how it begins and ends.

It begins with the price and with the calls that a crash has left; it ends when all is settled, or after an error with
what is under way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

from plumbline.core.clock import now
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.models.background import Background
from plumbline.models.buying import Buyer
from plumbline.models.calls import PromptRef, Service
from plumbline.models.endpoints import Endpoint
from plumbline.models.ledger import Ledger, any_cut_off
from plumbline.models.policy import Policy
from plumbline.models.prices import PriceList, price_list
from plumbline.models.requests import Usage
from plumbline.models.sessions import HeldSession
from plumbline.models.throttle import Throttle


class Stream(ABC):
    """A stream of purchases for a `with` block."""

    def __init__(
        self,
        database: Database,
        run: Run,
        endpoint: Endpoint,
        policy: Policy,
        service: Callable[[HeldSession], Service[Any]],
        *,
        use: str,
        sensitivity: str,
        at_once: int,
        prompt: PromptRef | None = None,
    ) -> None:
        """Take what to buy from, by which `service`, for which `use`, and how many calls may be under way `at_once`."""
        self._database, self._run, self._endpoint, self._use = database, run, endpoint, use
        self._session = HeldSession(database, run.tenant)
        self._background = Background(at_once, self._session, policy.keep_trying)
        made = service(self._session)
        self._throttle = Throttle(self._session, endpoint, policy, self._background.stop, use)
        self._ledger = Ledger(self._session, run, endpoint, made, sensitivity, prompt)
        self._background.before_closing = self._ledger.give_back
        self._buyer = Buyer(endpoint, made, self._ledger, self._throttle, policy, self._background)
        self._known_prices: PriceList | None = None

    def __enter__(self) -> Self:
        """Look up the price, and end the calls that a crash has left."""
        self._known_prices = self._look_up_prices()
        if any_cut_off(self._database, self._run.tenant, self._endpoint):
            try:
                for call in self._ledger.take_over_cut_off().adopted:
                    self._background.start(partial(self._buyer.repeat, call))
                self._background.wait_for_all()
            except BaseException as error:
                self._background.leave(error)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settle everything; after an error, only what is under way."""
        try:
            if kind is None:
                self.flush()
        except BaseException as late:
            error = late
            raise
        finally:
            self._background.leave(error)

    @property
    def usage(self) -> Usage:
        """What has been used so far."""
        return self._background.usage

    @abstractmethod
    def flush(self) -> None:
        """
        Return when everything that was added has its answer in `ledger.answer`.

        Raises:
            PlumblineError: A request of this stream went wrong.
        """

    def _look_up_prices(self) -> PriceList:
        return price_list(self._database, self._endpoint.model)

    def _prices(self) -> PriceList:
        """The prices of today (UTC)."""
        if self._known_prices is None:
            raise RuntimeError("a stream is used in a `with` block")
        if self._known_prices.day != now().date():
            self._known_prices = self._look_up_prices()
        return self._known_prices
