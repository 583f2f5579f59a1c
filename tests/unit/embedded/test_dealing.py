"""What the demo shows of the door is short, and says what was paid, what was not, and by whom."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from plumbline.core.receipts import Run
from plumbline.embedded.dealing import material, standing
from plumbline.embedded.outcome import Outcome
from plumbline.models import Standing


def test_each_question_is_asked_of_its_own_passages_and_one_of_them_by_a_person():
    """About twenty lines, none of them twice; the personal data is in one question alone."""
    asked = material(["How deep?", "How long?", "?" * 500], [["a", "a", "b"], [str(n) for n in range(9)], []])

    assert asked is not None
    assert 2 + 7 == len(asked.many)
    assert "How long? (ada.lovelace@example.com)" == asked.question
    contents = [message.content for request in asked.many for message in request.messages]
    assert not any("@" in content for content in contents)


def test_where_nothing_was_found_nothing_is_asked():
    """A folder without a title has no question."""
    assert material([], []) is None
    assert material(["How deep?"], [[]]) is None


def test_a_long_question_or_passage_is_cut_to_what_the_prompt_takes():
    """Whatever somebody's documents are called."""
    asked = material(["é" * 5_000], [["字" * 5_000]])

    assert asked is not None
    assert all(len(message.content) < 2_000 for message in asked.single.messages)


def test_a_budget_says_what_is_spent_what_is_left_and_what_there_was():
    """Amounts in one form, with cents and no zeros behind them."""

    def budget(cap: str, spent: str) -> Standing:
        zero = Decimal(0)
        left = Decimal(cap) - Decimal(spent)
        return Standing(
            "project", "demo", "month", Decimal(cap), Decimal(spent), zero, zero, left, zero, zero, "free", None,
            refused=False, thresholds=[], starts_on=date(2026, 11, 1), ends_at=datetime(2026, 12, 1, tzinfo=UTC),
            set_by="me", set_at=datetime(2026, 11, 1, tzinfo=UTC),
        )  # fmt: skip

    assert standing(budget("2", "0.5")) == "project demo: $0.50 spent, $1.50 left of $2.00 this month"
    assert standing(budget("1", "0.000120")) == (
        "project demo: $0.00012 spent, $0.99988 left of $1.00 this month"
    )


def test_a_provider_that_is_paid_is_asked_nothing_for_show(capsys: pytest.CaptureFixture[str]):
    """Neither a question nor a budget: whoever connected it did not ask for them."""
    paid: Any = SimpleNamespace(provider=object())

    assert Outcome(paid, Run(tenant="main", job="test")).show_door(["How deep?"]) is None
    assert "nothing is asked of it for show" in capsys.readouterr().out
