from __future__ import annotations

import http.client

import openai
import psutil
import pytest
from openai import OpenAI

from plumbline.localmodel.testing import RunningServer, running_server

MEGABYTE = 1024 * 1024


def upload(client: OpenAI, content: bytes = b"{}\n", name: str = "in.jsonl", **options: object) -> object:
    """One file for a batch."""
    return client.files.create(file=(name, content), **{"purpose": "batch", **options})


def test_a_file_comes_back_as_it_went_in(client: OpenAI, model_server: RunningServer) -> None:
    """Byte for byte, with what the provider tells of it; deleted, it is gone."""
    content = bytes(range(256)) * 5000 + b"\r\n--x--\r\n"
    made = upload(client, content)

    assert (made.bytes, made.filename, made.purpose, made.status) == (
        len(content),
        "in.jsonl",
        "batch",
        "processed",
    )
    assert made == client.files.retrieve(made.id)
    assert content == client.files.content(made.id).content
    assert model_server.meter()["files"] == {
        "count": 1,
        "bytes": len(content),
        "by_purpose": {"batch": 1},
    }
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.files.content(made.id)
    assert model_server.meter()["files"]["count"] == 0


def test_lists_come_in_pages(client: OpenAI) -> None:
    """Newest first unless told, one purpose if told, and the client's own paging finds every file."""
    made = [upload(client, name=f"{number}.jsonl").id for number in range(5)]
    other = upload(client, purpose="user_data").id
    first = client.files.list(limit=2, purpose="batch")

    assert [file.id for file in first.data] == [made[4], made[3]]
    assert [file.id for file in client.files.list(limit=2, purpose="batch")] == made[::-1]
    assert [file.id for file in client.files.list(limit=4, order="asc")] == [*made, other]
    assert [file.id for file in client.files.list(after=made[1])] == [made[0]]
    with pytest.raises(openai.BadRequestError, match="Invalid 'limit'"):
        client.files.list(limit=0)


def test_a_file_says_when_it_expires(client: OpenAI) -> None:
    """As long as was asked for; files for batches after 30 days."""
    asked = upload(client, expires_after={"anchor": "created_at", "seconds": 3600})

    assert asked.expires_at == asked.created_at + 3600
    assert upload(client).expires_at - upload(client).created_at in range(2_591_990, 2_592_001)
    assert upload(client, purpose="user_data").expires_at is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"purpose": "fun"}, "'fun' is not one of"),
        ({"name": "in.txt"}, "Must be .jsonl"),
        ({"expires_after": {"anchor": "created_at", "seconds": 60}}, "from 3600 to 2592000"),
        ({"expires_after": {"anchor": "never", "seconds": 3600}}, "expires_after.anchor"),
    ],
)
def test_a_wrong_upload_is_refused(
    client: OpenAI, model_server: RunningServer, options: dict[str, object], message: str
) -> None:
    """And nothing of it stays."""
    with pytest.raises(openai.BadRequestError) as refusal:
        upload(client, **options)

    assert message in refusal.value.message
    assert model_server.meter()["files"]["count"] == 0


def test_a_large_file_is_never_held_whole_and_one_too_large_is_refused() -> None:
    """200 MB are the limit; memory hardly moves on the way in and out."""
    with running_server() as server, OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        made = upload(client, b"x" * (100 * MEGABYTE))
        with client.files.with_streaming_response.content(made.id) as answer:
            size = sum(len(piece) for piece in answer.iter_bytes())
        grown = process.memory_info().rss - before

        assert size == made.bytes == 100 * MEGABYTE
        assert grown < 40 * MEGABYTE
        with pytest.raises(openai.APIStatusError, match="Maximum file size is 200 MB") as refusal:
            upload(client, b"x" * (200 * MEGABYTE + 1))
        assert refusal.value.status_code == 413


def test_an_upload_with_the_same_key_is_the_same_file(client: OpenAI, model_server: RunningServer) -> None:
    """Its answer was lost on the way: the file is there once."""
    keyed = {"extra_headers": {"Idempotency-Key": "k"}}
    model_server.fault("drop_after", path="/v1/files", method="POST")
    with pytest.raises(openai.APIConnectionError):
        upload(client, **keyed)
    assert model_server.meter()["files"]["count"] == 1

    assert upload(client, **keyed) == upload(client, **keyed)
    assert model_server.meter()["files"]["count"] == 1
    with pytest.raises(openai.BadRequestError, match="with the same parameters"):
        upload(client, b"other\n", **keyed)


def test_an_upload_that_is_refused_before_the_work_leaves_nothing(
    client: OpenAI, model_server: RunningServer
) -> None:
    """A 429 or a dead connection makes no file."""
    for kind in ("429", "500", "drop_before"):
        model_server.fault(kind, path="/v1/files")
        with pytest.raises(openai.APIError):
            upload(client)

    assert model_server.meter()["files"]["count"] == 0


def test_a_truncated_download_is_noticed(client: OpenAI, model_server: RunningServer) -> None:
    """Its length had been announced."""
    made = upload(client, b"x" * MEGABYTE)
    model_server.fault("truncate", path="/v1/files")

    with pytest.raises(openai.APIError):
        client.files.content(made.id)


def test_a_body_that_is_no_form_is_refused(model_server: RunningServer) -> None:
    """Whatever its type says."""
    connection = http.client.HTTPConnection(model_server.host, model_server.port, timeout=30)
    for kind in ("application/json", "multipart/form-data", "multipart/form-data; boundary=b"):
        connection.request(
            "POST", "/v1/files", b"nothing", {"authorization": "Bearer any", "content-type": kind}
        )
        response = connection.getresponse()
        assert (response.status, b'"error"' in response.read()) == (400, True)
    connection.close()
