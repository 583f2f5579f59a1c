"""
What an object store looks like from here.

Who can open one is told to the tools from outside (`Tools.open_store`): stores are reached through Airflow's
connections and providers, of which the domain knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from plumbline.core.errors import Fatal, Passing


class StoreUnusable(Fatal):
    """An object store cannot be opened as it is addressed: no such connection, no provider, no right to read it."""


class UnknownConnection(StoreUnusable):
    """The connection that an address names is not known here; elsewhere it may be."""


class StoreAway(Passing):
    """An object store does not answer."""


class ObjectGone(Passing):
    """An object was listed, and is not there any more."""


@dataclass(frozen=True, slots=True)
class Listed:
    """
    One object: its key below the address of the store, its size in bytes, and what tells its version from others.

    `version` is null where the store has nothing to tell versions by.
    """

    key: str
    size: int
    version: str | None
    modified_at: datetime | None


class Store(Protocol):
    """Objects below one address."""

    def list(self) -> Iterator[Listed]:
        """
        Yield every object.

        Raises:
            StoreUnusable, StoreAway: The list could not be had to its end.
        """

    def read(self, key: str, at_most: int) -> bytes:
        """
        Return an object's bytes, or the first `at_most` of them.

        Raises:
            ObjectGone: It is not there any more.
            StoreUnusable, StoreAway: The store does not let it be read, or does not answer.
        """


OpenStore = Callable[[str], Store]
"""Opens the store at an address, such as s3://connection@bucket/folder."""


def no_store(address: str) -> Store:
    """Stand for a way to object stores where there is none."""
    raise StoreUnusable(f"{address} cannot be read here: object stores are opened by Airflow.")
