from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from plumbline.localmodel.moderation import CATEGORIES
from plumbline.localmodel.testing import RunningServer


def test_every_category_of_the_provider_has_a_score(client: OpenAI) -> None:
    """The client's types hold, and the model says what it is."""
    answer = client.moderations.create(input=["Where is my parcel?", "I will kill you"])

    assert answer.model == "local-wordlists"
    assert [result.flagged for result in answer.results] == [False, True]
    scores = answer.results[1].category_scores.model_dump(by_alias=True)
    assert set(scores) == set(CATEGORIES)
    assert all(0 < score < 1 for score in scores.values())
    assert answer.results[1].categories.harassment_threatening


def test_moderation_is_free(client: OpenAI, model_server: RunningServer) -> None:
    """As at the provider: counted, not billed."""
    client.moderations.create(input="Where is my parcel?")

    bill = model_server.meter()
    assert (bill["requests"], bill["billed_requests"], bill["tokens"]) == (1, 0, 0)
    assert bill["by_model"]["local-wordlists"]["inputs"] == 1


def test_parts_are_one_input(client: OpenAI) -> None:
    """The provider's newer form."""
    assert (
        len(
            client.moderations.create(
                input=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
            ).results
        )
        == 1
    )


def test_pictures_are_refused(client: OpenAI) -> None:
    """Nobody looks at them here, so nobody may think they were looked at."""
    with pytest.raises(openai.BadRequestError, match="text only"):
        client.moderations.create(
            input=[{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]
        )
