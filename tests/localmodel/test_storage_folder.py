from __future__ import annotations

import socket
from pathlib import Path

import pytest
from openai import OpenAI

from plumbline.localmodel.testing import RunningServer, running_server

HEAD = (
    b"POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer any\r\ncontent-length: 1000000\r\n"
    b'content-type: multipart/form-data; boundary=b\r\n\r\n--b\r\ncontent-disposition: form-data; name="file"; '
    b'filename="in.jsonl"\r\n\r\n'
)


def uploads(folder: Path) -> list[Path]:
    """What the servers below `folder` keep on disk."""
    return [file for file in folder.glob("*/*") if file.name != "held"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers that are started now have their temporary folders."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def keep_one(server: RunningServer) -> None:
    """Upload a file."""
    with OpenAI(base_url=server.base_url, api_key="any") as client:
        client.files.create(file=("in.jsonl", b"{}\n"), purpose="batch")


def test_what_is_kept_goes_with_the_server(temporary: Path) -> None:
    """When it is stopped at once; when it is killed, with the start of the next."""
    with running_server() as stopped:
        keep_one(stopped)
        assert len(uploads(temporary)) == 1
        assert stopped.stop() == 0
        assert list(temporary.iterdir()) == []
    with running_server() as killed:
        keep_one(killed)
        killed.kill()
        assert len(uploads(temporary)) == 1
    with running_server():
        assert uploads(temporary) == []


def test_an_upload_whose_sender_is_gone_leaves_nothing(temporary: Path) -> None:
    """Half a file is no file."""
    with running_server() as server:
        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(HEAD + b"x" * 1000)
            while not uploads(temporary):
                pass
        while uploads(temporary):
            pass
        assert server.meter()["files"]["count"] == 0
