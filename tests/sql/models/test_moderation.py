"""What people write is judged before a model reads it, and a rule of ours says what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import Action, Door, Endpoint
from plumbline.models.calls import Unusable
from plumbline.models.moderating import judge, read_judgements

if TYPE_CHECKING:
    from conftest import Book

HARMLESS, ANGRY, THREAT = "My invoice is wrong.", "You are an idiot.", "I will kill you."


@pytest.fixture
def door(tools: Tools, run: Run, book: Book, provider: Callable[..., Endpoint]) -> Door:
    """Return the door."""
    return Door(tools, run, endpoint=provider())


def test_a_text_is_judged_once_and_the_judgement_kept(
    door: Door, book: Book, model_server: RunningServer
) -> None:
    """In one request for all, and in none when they come again."""
    judged = door.moderate("triage", [HARMLESS, ANGRY, THREAT, HARMLESS])
    again = door.moderate("triage", [THREAT])

    assert [one.action for one in judged] == [Action.ALLOW, Action.REVIEW, Action.BLOCK, Action.ALLOW]
    assert "harassment" in judged[1].categories
    assert judged[0].categories == ()
    assert again == [judged[2]]
    assert book.calls("route, model, state, inputs, cost_usd") == [
        ("/v1/moderations", "local-wordlists", "settled", 3, 0)
    ]


def test_a_judgement_that_was_lost_is_asked_for_again(
    door: Door, book: Book, model_server: RunningServer
) -> None:
    """It bills nothing, so nobody has to decide."""
    model_server.fault("drop_after", times=1)

    assert [one.action for one in door.moderate("triage", [ANGRY])] == [Action.REVIEW]
    assert book.calls("state, attempts") == [("settled", 2)]


@pytest.mark.parametrize(
    ("flagged", "action"),
    [
        ({}, Action.ALLOW),
        ({"hate": 0.9}, Action.REVIEW),
        ({"hate": 0.6, "hate/threatening": 0.9}, Action.BLOCK),
        ({"something/new": 0.5}, Action.REVIEW),
    ],
)
def test_the_strictest_rule_counts(flagged: dict[str, float], action: Action) -> None:
    """A category that nobody has heard of is looked at by a person."""
    judgement = judge(b"k", "triage", flagged)

    assert judgement.action is action
    assert judgement.categories == tuple(sorted(flagged, key=lambda name: -flagged[name]))


@pytest.mark.parametrize(
    "content",
    [
        b'{"model": "other", "results": [{"flagged": false, "categories": {}, "category_scores": {}}]}',
        b'{"model": "m", "results": []}',
        b'{"model": "m", "results": [{"flagged": true, "categories": {}, "category_scores": {}}]}',
        b'{"model": "m", "results": [{"categories": {}, "category_scores": {}}]}',
        b'{"model": "m", "results": ["flagged"]}',
        b"[]",
    ],
)
def test_what_is_no_judgement_is_not_believed(content: bytes) -> None:
    """A text must not pass because an answer was odd."""
    with pytest.raises(Unusable):
        read_judgements(content, 1, "m")
