"""An answer is put right where the request that does so may be sent."""

from __future__ import annotations

import dataclasses

import pytest

from plumbline.core.connections import Connection
from plumbline.models import uses
from plumbline.models.asking import mending, mending_within
from plumbline.models.endpoints import connected
from plumbline.models.requests import Input

ENDPOINT = connected(Connection(kind="openai", host="https://api.openai.com/v1", password="k", extra={}))
ITEM = Input(b"key", '{"messages":[{"role":"user","content":"Which label?"}]}', 40)
WRONG = {"content": "no JSON", "problems": ["it is no JSON"]}
NEEDED = mending(ITEM, WRONG).tokens
MOST_OUT = 10


@pytest.mark.parametrize(
    ("model_reads", "use_allows", "may"),
    [
        (NEEDED + MOST_OUT, None, True),
        (NEEDED + MOST_OUT - 1, None, False),
        (NEEDED + MOST_OUT, NEEDED, True),
        (NEEDED + MOST_OUT, NEEDED - 1, False),
    ],
)
def test_an_answer_is_put_right_within_what_the_model_reads_and_its_use_allows(
    model_reads: int, use_allows: int | None, monkeypatch: pytest.MonkeyPatch, *, may: bool
) -> None:
    """To the token; else it stays as it is."""
    limits = dataclasses.replace(ENDPOINT.limits, tokens_an_input=model_reads)
    monkeypatch.setattr(uses, "_uses", lambda: {"classify": uses.Use(most_tokens_in=use_allows)})

    found = mending_within(dataclasses.replace(ENDPOINT, limits=limits), "classify", ITEM, WRONG, MOST_OUT)

    assert (found is not None) == may
    assert NEEDED > ITEM.tokens
