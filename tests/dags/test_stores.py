"""Object stores through Airflow's own connections: a real S3 protocol over real HTTP, served by a stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plumbline.core.stores import ObjectGone, StoreAway, StoreUnusable

RunDag = Callable[..., Any]


@pytest.fixture
def bucket(airflow: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket with some objects, and the connection `keys` to it."""
    import boto3
    import httpx2
    from airflow.sdk.io.store import _STORE_CACHE
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    # The stand-in keeps its buckets for the whole process, whichever server answers for them.
    httpx2.post(f"{address}/moto-api/reset", timeout=10).raise_for_status()
    login = {"login": "stand-in", "password": "stand-in"}
    extra = {"endpoint_url": address, "region_name": "us-east-1"}
    monkeypatch.setenv("AIRFLOW_CONN_KEYS", json.dumps({"conn_type": "aws", **login, "extra": extra}))
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="stand-in",
        aws_secret_access_key="stand-in",
    )
    client.create_bucket(Bucket="docs")
    _STORE_CACHE.clear()
    yield client
    _STORE_CACHE.clear()
    server.stop()


def put(bucket: Any, **objects: str) -> None:
    """Put objects below `kb/`."""
    for name, text in objects.items():
        bucket.put_object(Bucket="docs", Key=f"kb/{name.replace('__', '/')}.md", Body=text.encode())


def test_a_bucket_is_listed_and_read(bucket: Any) -> None:
    """Keys below the address, sizes, versions that change with the content; reading is bounded."""
    from plumbline_airflow.stores import open_store

    put(bucket, leave="thirty days", deep__er__travel="by train")
    store = open_store("s3://keys@docs/kb")

    first = {one.key: one for one in store.list()}
    assert {"leave.md": 11, "deep/er/travel.md": 8} == {key: one.size for key, one in first.items()}
    assert all(one.modified_at and one.version for one in first.values())
    assert b"thirty days" == store.read("leave.md", 100)
    assert b"thirty" == store.read("leave.md", 6)

    put(bucket, leave="thirty-two days")
    second = {one.key: one for one in store.list()}
    assert first["leave.md"].version != second["leave.md"].version
    assert first["deep/er/travel.md"].version == second["deep/er/travel.md"].version


def test_keys_with_an_empty_part_are_listed(bucket: Any) -> None:
    """Whoever lists folder by folder passes them over; they must be refused with a reason."""
    from plumbline_airflow.stores import open_store

    for key in ("kb//f.md", "kb/x//b.md", "kb/x/a.md"):
        bucket.put_object(Bucket="docs", Key=key, Body=b"text")

    assert ["/f.md", "x//b.md", "x/a.md"] == sorted(one.key for one in open_store("s3://keys@docs/kb").list())


def test_what_is_not_there_is_never_an_empty_list(bucket: Any) -> None:
    """An empty list would remove what is known."""
    from plumbline_airflow.stores import open_store

    put(bucket, leave="thirty days")
    with pytest.raises(ObjectGone):
        open_store("s3://keys@docs/kb").read("nothing.md", 10)
    with pytest.raises((StoreUnusable, StoreAway)):
        list(open_store("s3://keys@no-such-bucket/kb").list())
    with pytest.raises(StoreUnusable, match="There is nothing at"):
        list(open_store("s3://keys@docs/no-such-folder").list())


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("file:///etc", "is no object store"),
        ("/etc", "is no object store"),
        ("local://etc", "is no object store"),
        ("FILE:///etc", "is no object store"),
        (" file:///etc", "is no object store"),
        ("gs://keys@docs/kb", "install apache-airflow-providers-google"),
        ("wrong://docs", "No installed provider"),
        ("gs://unknown@docs/kb", "install apache-airflow-providers-google"),
        ("s3://unknown@docs/kb", "names a connection that Airflow does not know"),
    ],
)
def test_what_cannot_be_opened_says_what_to_do(bucket: Any, address: str, says: str) -> None:
    """Files of the worker are no object store; a provider that is missing is named."""
    from plumbline_airflow.stores import open_store

    with pytest.raises(StoreUnusable, match=says):
        list(open_store(address).list())


def test_a_source_in_a_bucket_is_ingested_by_the_dag(
    bucket: Any, run_dag: RunDag, installation: Path, tools: Any, run: Any
) -> None:
    """From the connection to published chunks."""
    import dataclasses

    from plumbline.corpus.configuring import Configuration, add_source
    from plumbline_airflow.stores import open_store

    put(bucket, leave="# Leave\n\nEvery colleague has thirty days of leave.", travel="# Travel\n\nBy train.")
    configured = dataclasses.replace(tools, open_store=open_store)
    add_source(configured, run, Configuration("kb", "store", "s3://keys@docs/kb", owner="people"))

    done = run_dag("ingest_documents", source="kb")

    assert str(done.state) == "success"
    with tools.db.transaction("main") as session:
        found = session.execute("select path from corpus.document order by path").fetchall()
    assert ["leave.md", "travel.md"] == [row["path"] for row in found]
