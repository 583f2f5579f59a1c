"""
When the provider's files and batches are left alone.

They are served apart from the models.  That a batch cannot be uploaded says nothing about a model, whose searches would
rest for it; and that a list was read does not say that a model is well again.  So they have a breaker of their own, one
for each address, which stands among those of the models under the name ROUTES.

That of the model is looked at before something new is submitted to it: half a million lines are no way to find out
whether it works again.  A batch does not try it, either: its answer comes hours later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plumbline.core.db import Database
from plumbline.models.breakers import SharedBreaker
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import ProviderResting
from plumbline.models.policy import Outcome, Policy

if TYPE_CHECKING:
    from plumbline.core.db import Session

ROUTES = "files and batches"


@dataclass(frozen=True, slots=True)
class _Transactions:
    """Sessions for what belongs to no tenant, each for one statement."""

    database: Database

    def statement(self) -> AbstractContextManager[Session]:
        """Open one."""
        return self.database.transaction(None)


def breaker_of_model(database: Database, endpoint: Endpoint, policy: Policy) -> SharedBreaker:
    """Return the breaker of the model that a batch is for."""
    return SharedBreaker(_Transactions(database), endpoint, policy)


class Routes:
    """The breaker of files and batches at one address."""

    def __init__(self, database: Database, endpoint: Endpoint, policy: Policy) -> None:
        named = replace(endpoint, model=ROUTES, dimensions=0)
        self._breaker = SharedBreaker(_Transactions(database), named, policy)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """
        Ask within this block only.

        Raises:
            ProviderResting: They have failed too often of late; nothing may be sent.
        """
        self._breaker.require_try_if_known()
        try:
            yield
        finally:
            self._breaker.let_go()

    def hear(self, outcome: Outcome) -> ProviderResting | None:
        """Take an attempt into account; return the error to end with when nothing more may be sent."""
        return self._breaker.hear(outcome)
