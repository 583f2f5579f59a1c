"""What is to be known of a use."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plumbline.core.errors import Misconfigured
from plumbline.models.uses import Urgency, Use, lifetime, parse_uses, urgency


def test_chunks_keep_their_answers_and_searches_for_a_day() -> None:
    """A question of yesterday is nobody's business tomorrow."""
    assert None is lifetime("embed_chunk")
    assert lifetime("search_query") == timedelta(days=1)
    assert lifetime("verify") == timedelta(0)


def test_a_search_is_served_ahead_of_an_ingestion() -> None:
    """A person waits for the one, and nobody for the other."""
    assert [Urgency.INTERACTIVE, Urgency.BULK] == [urgency("search_query"), urgency("embed_chunk")]


def test_a_use_is_read_as_it_is_written() -> None:
    """What is left out is usual."""
    text = '[a]\nclass = "interactive"\n[b]\nlifetime_days = 0.5\n'

    assert parse_uses(text) == {
        "a": Use(Urgency.INTERACTIVE),
        "b": Use(Urgency.BULK, timedelta(hours=12)),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a", "cannot be read"),
        ("a = 1", "a has something else"),
        ("[a]\nprice = 1", "a has something else"),
        ('[a]\nclass = "urgent"', "the class of a"),
        ("[a]\nlifetime_days = -1", "the lifetime_days of a"),
        ("[a]\nlifetime_days = true", "the lifetime_days of a"),
        ("[a]\nlifetime_days = nan", "the lifetime_days of a"),
    ],
)
def test_a_slip_in_the_file_is_said(text: str, said: str) -> None:
    """Which use, and what is wrong with it."""
    with pytest.raises(Misconfigured, match=said):
        parse_uses(text)
