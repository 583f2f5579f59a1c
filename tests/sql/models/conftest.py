"""The door, the book it writes, and a provider to buy from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from plumbline.core.connections import Connection
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models.door import Door
from plumbline.models.endpoints import Endpoint, connected
from plumbline.models.policy import Policy
from plumbline.review import release_call

QUICK = Policy(patience=2, attempts=3, first_pause=0.01, longest_pause=0.02, default_wait=0.05)


@dataclass(frozen=True)
class Book:
    """Reads and changes rows behind the door's back, as the owner of the tables."""

    url: str

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return all rows."""
        with psycopg.connect(self.url) as session:
            return session.execute(query.encode(), parameters).fetchall()

    def change(self, query: str, *parameters: object) -> None:
        """Run a statement."""
        with psycopg.connect(self.url) as session:
            session.execute(query.encode(), parameters)

    def states(self) -> dict[str, int]:
        """Return how many calls are in each state."""
        return dict(self.rows("select state, count(*) from ledger.call group by state"))  # type: ignore[arg-type]

    def calls(self, columns: str) -> list[tuple[Any, ...]]:
        """Return columns of all calls, oldest first."""
        return self.rows(f"select {columns} from ledger.call order by at")

    @property
    def intents(self) -> int:
        """How many calls are under way, or cut off."""
        return int(self.rows("select count(*) from ledger.intent")[0][0])

    @property
    def answers(self) -> int:
        """How many answers are kept."""
        return int(self.rows("select count(*) from ledger.answer")[0][0])


def release(tools: Tools, call_id: UUID | str, billed: bool) -> Decimal:
    """Decide about a call as a person does."""
    return release_call(tools, Run(tenant="main", job="the tests"), call_id, billed, by="Ada")


@pytest.fixture
def book(scratch: Scratch, database: str) -> Book:
    """Return the book; the model of the tests costs 0.02 USD for a million tokens."""
    book = Book(scratch.url(database, "owner"))
    book.change(
        "insert into ledger.price values ('local-wordllama', 'standard', 'input', '2026-02-01', 0.02, 'the tests')"
    )
    return book


@pytest.fixture
def provider(model_server: RunningServer) -> Callable[..., Endpoint]:
    """Return a maker of live endpoints: the embedded server, named by a connection as a provider would be."""

    def make(**extra: object) -> Endpoint:
        named = {"embedding_model": "local-wordllama", **extra}
        return connected(
            Connection(kind="openai", host=model_server.base_url, password="sk-the-key-of-tests", extra=named)
        )

    return make


@pytest.fixture
def live(tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]) -> Door:
    """Return the door to a provider that bills a repeated request twice, as far as we know."""
    return Door(tools, run, endpoint=provider(), policy=QUICK)


@pytest.fixture
def safe(tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]) -> Door:
    """Return the door to a provider that bills a repeated request once."""
    return Door(tools, run, endpoint=provider(idempotent=True), policy=QUICK)


@pytest.fixture
def more_tools(
    scratch: Scratch, database: str, model_server: RunningServer, tmp_path: Path
) -> Iterator[Tools]:
    """Return tools of another worker on the same database."""
    with scratch.tools(database, home=tmp_path / "home", model_url=model_server.base_url) as opened:
        yield opened
