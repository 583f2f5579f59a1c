"""The rules of the book, as checks that find whoever breaks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plumbline.core.tools import Tools
from plumbline.models import Door
from plumbline.provenance.checks import perform

if TYPE_CHECKING:
    from conftest import Book

LEAVE_AN_INTENT = """
    insert into ledger.intent (call_id, call_at, tenant, use, endpoint, model, keys, tokens, request, holder, run_id)
    select call_id, at, tenant, use, endpoint, model, '{a}', '{1}', '', 1, run_id from ledger.call
"""


def broken(tools: Tools) -> list[str]:
    """Return the rules that are broken."""
    with tools.db.transaction("main") as session:
        return [result.check for result in perform(session, "ledger", {}) if not result.passed]


def test_an_honest_book_breaks_no_rule(live: Door, tools: Tools) -> None:
    """The door keeps all of them."""
    live.embed("search_query", ["boats", "harbours"])

    assert broken(tools) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("update ledger.call set cost_usd = cost_usd + 0.000000001", "tokens times the price"),
        ("update ledger.call set state = 'failed'", "names the settled call"),
        ("update ledger.call set state = 'unknown'", "has the intent"),
        ("update ledger.answer set call_id = gen_random_uuid()", "names the settled call"),
        ("update ledger.call set state = 'unknown'", "waits for a person"),
        (
            LEAVE_AN_INTENT,
            "belongs to a call that has not ended",
        ),
    ],
)
def test_a_rule_that_is_broken_is_named(live: Door, tools: Tools, book: Book, change: str, rule: str) -> None:
    """Each check can fail."""
    live.embed("search_query", ["boats"])

    book.change(change)

    assert any(rule in sentence for sentence in broken(tools))
