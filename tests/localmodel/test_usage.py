"""The provider's records say what the bill says, minute by minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from plumbline.localmodel.testing import RunningServer, running_server

HOUR = 3600


@pytest.fixture
def admin(model_server: RunningServer) -> OpenAI:
    """The provider's own client, as an administrator of the organization."""
    return OpenAI(base_url=model_server.base_url, api_key="any", admin_api_key="admin", max_retries=0)


def test_what_was_billed_is_counted_by_model(admin: OpenAI, embed: Callable[..., object]) -> None:
    """Requests and tokens, over all minutes; a model that was not asked for is left out."""
    embed("hello world", "tiktoken is great!")
    embed("hello world")
    start = int(time.time()) - HOUR

    def read(**asked: object) -> list[tuple[str | None, int, int]]:
        page = admin.admin.organization.usage.embeddings(
            start_time=start, end_time=start + 2 * HOUR, bucket_width="1m", limit=1440, **asked
        )
        assert len(page.data) in (120, 121)
        return [
            (one.model, one.num_model_requests, one.input_tokens)
            for bucket in page.data
            for one in bucket.results
        ]

    grouped = read(group_by=["model"])
    assert (sum(one[1] for one in grouped), sum(one[2] for one in grouped)) == (2, 10)
    assert {one[0] for one in grouped} == {"local-wordllama"}
    assert {one[0] for one in read(models=["local-wordllama"])} == {None}
    assert read(models=["another"]) == []


def test_answers_in_words_are_counted_with_what_they_said(admin: OpenAI, client: OpenAI) -> None:
    """Apart from batches, where that is asked for."""
    answer = client.chat.completions.create(
        model="local-extractive", messages=[{"role": "user", "content": "Hello. Where is the boat?"}]
    )
    start = int(time.time()) - HOUR

    page = admin.admin.organization.usage.completions(
        start_time=start, end_time=start + 2 * HOUR, bucket_width="1h", group_by=["model", "batch"]
    )

    (one,) = [one for bucket in page.data for one in bucket.results]
    assert answer.usage is not None
    assert (one.num_model_requests, one.batch, one.model) == (1, False, "local-extractive")
    assert (one.input_tokens, one.output_tokens) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )


def test_long_stretches_come_in_pages(admin: OpenAI, embed: Callable[..., object]) -> None:
    """A page names the next one, until there is none."""
    embed("a")
    start, found, page = int(time.time()) - 2 * HOUR, [], None
    while True:
        asked = {} if page is None else {"page": page}
        got = admin.admin.organization.usage.embeddings(
            start_time=start, end_time=start + 4 * HOUR, bucket_width="1m", limit=50, **asked
        )
        found += got.data
        page = got.next_page
        if not got.has_more:
            break

    assert [later.start_time - one.start_time for one, later in pairwise(found)] == [60] * (len(found) - 1)
    assert sum(one.num_model_requests for bucket in found for one in bucket.results) == 1


def test_the_records_survive_the_server(tmp_path: Path) -> None:
    """They are on the bill."""
    start = int(time.time()) - HOUR
    for restarted in (False, True):
        with (
            running_server(meter=tmp_path / "bill") as server,
            OpenAI(base_url=server.base_url, api_key="any", admin_api_key="admin") as client,
        ):
            if not restarted:
                client.embeddings.create(model="local-wordllama", input="a")
            page = client.admin.organization.usage.embeddings(
                start_time=start, end_time=start + 2 * HOUR, bucket_width="1d"
            )
            assert sum(one.num_model_requests for bucket in page.data for one in bucket.results) == 1


@pytest.mark.parametrize(
    "asked",
    [{"bucket_width": "1s"}, {"limit": 1441, "bucket_width": "1m"}, {"group_by": ["colour"]}],
    ids=["width", "limit", "group"],
)
def test_what_the_provider_does_not_take_is_refused(admin: OpenAI, asked: dict[str, object]) -> None:
    """With the name of the parameter."""
    with pytest.raises(openai.BadRequestError):
        admin.admin.organization.usage.embeddings(start_time=1, **asked)  # type: ignore[arg-type]
