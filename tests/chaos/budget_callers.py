"""
Many callers in one process, for `test_budgets_under_load.py`: a round for each line of standard input, `ROUND more`, or
`ROUND last` when others need the connections afterwards.

A round's callers start together, each with a session of its own, and want two calls that may cost a dollar each; every
second one costs half of what it may.  The answer is a line with what was bought, in half dollars.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from plumbline.core.connections import Connection
from plumbline.core.db import Database
from plumbline.core.receipts import Run
from plumbline.models import BudgetExhausted
from plumbline.models.calls import About, Billed
from plumbline.models.embeddings import Embedding
from plumbline.models.endpoints import connected
from plumbline.models.ledger import Ledger
from plumbline.models.policy import Happened, History, Outcome
from plumbline.models.prices import PriceList
from plumbline.models.requests import Input
from plumbline.models.sessions import HeldSession
from plumbline.models.wire import Embeddings

ENDPOINT = connected(
    Connection(
        kind="openai",
        host="http://127.0.0.1:9/v1",
        password="none",
        extra={"embedding_model": "local-wordllama", "dimensions": 8},
    )
)
PRICES = PriceList("local-wordllama", "standard", datetime.now(UTC).date(), Decimal(500_000))
"""Half a dollar a token."""


def call(database: Database, round_: str, caller: str, start: threading.Barrier) -> int:
    """Be one caller; return what was bought, in half dollars."""
    run = Run(tenant="main", job="caller", project=round_)
    bought = 0
    with HeldSession(database, "main") as session:
        with session.statement():
            start.wait()  # connected before the start
        book = Ledger(session, run, ENDPOINT, Embedding(ENDPOINT, "main", session), "internal")
        for turn in range(2):
            billed = 2 - turn
            with contextlib.suppress(BudgetExhausted):
                bought += buy(book, f"{round_} {caller} {turn}", billed)
        book.give_back()
    return bought


def buy(book: Ledger, text: str, billed: int) -> int:
    """Claim a call of two tokens, and settle it at what was billed."""
    claim = book.claim("embed_chunk", [Input(text.encode(), text, 2)], PRICES, About())
    assert claim.call is not None
    bought = Embeddings(np.ones((1, 8), np.float16), Billed(billed), "local-wordllama")
    book.settle(claim.call, bought, Outcome(Happened.ANSWERED, status=200), History())
    return billed


def main() -> None:
    """Work until the input ends."""
    url, name, callers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    database = Database(url)
    with ThreadPoolExecutor(callers) as threads:
        for line in sys.stdin:
            round_, how = line.split()
            start = threading.Barrier(callers, timeout=60)
            work = [
                threads.submit(call, database, round_, f"{name} {number}", start) for number in range(callers)
            ]
            bought = sum(each.result() for each in work)
            if how == "last":
                database.close()
            print(bought, flush=True)


if __name__ == "__main__":
    main()
