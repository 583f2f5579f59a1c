"""The provider's own client, pointed at the embedded model server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from openai import OpenAI

from plumbline.localmodel.testing import RunningServer


@pytest.fixture
def client(model_server: RunningServer) -> Iterator[OpenAI]:
    """A client without retries: what the server does is seen as it is."""
    with OpenAI(base_url=model_server.base_url, api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture
def embed(client: OpenAI) -> Callable[..., list[list[float]]]:
    """Embed texts; keyword arguments are the client's."""

    def call(*texts: str, **options: object) -> list[list[float]]:
        answer = client.embeddings.create(model="local-wordllama", input=list(texts), **options)
        return [row.embedding for row in answer.data]

    return call
