"""The installer comes from the index that is configured, and is the one that we know."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plumbline.embedded import fetching
from plumbline.embedded.errors import NotInstalled
from plumbline.embedded.packages import Source


def a_wheel() -> bytes:
    """Return a wheel with a small program in the place of the installer."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"uv-{fetching.UV}.data/scripts/uv", "#!/bin/sh\necho here\n")
    return content.getvalue()


class Index(BaseHTTPRequestHandler):
    """A package index that offers one wheel and asks for a user."""

    wheel = b""
    asked: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def do_GET(self) -> None:
        """Answer as the simple API does, in HTML."""
        self.asked.append(self.path)
        if self.headers.get("Authorization") != "Basic bWU6d29yZA==":
            self._answer(401, b"")
        elif self.path == "/simple/uv/":
            link = f'<a href="../../files/{fetching.WHEEL}#sha256=00">uv</a>'
            self._answer(200, link.encode())
        elif self.path.startswith("/files/"):
            self._answer(200, self.wheel)
        else:
            self._answer(404, b"")

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a running index, with a user in it."""
    Index.wheel = a_wheel()
    Index.asked = []
    monkeypatch.setattr(fetching, "WHEEL_SHA256", hashlib.sha256(Index.wheel).hexdigest())
    monkeypatch.setattr(fetching, "_TRIES", 1)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://me:word@127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


def test_the_installer_is_fetched_once(tmp_path: Path, index: str):
    """The second time it is there."""
    first = fetching.fetch_uv(tmp_path, Source(index=index))
    asked = len(Index.asked)

    assert first == fetching.fetch_uv(tmp_path, Source(index=index))
    assert asked == len(Index.asked)
    assert 0o755 == first.stat().st_mode & 0o777


def test_a_file_that_is_not_the_one_we_know_is_refused(tmp_path: Path, index: str):
    """Whichever index it came from; nothing of it stays."""
    Index.wheel += b"more"

    with pytest.raises(NotInstalled, match="is not the one we know"):
        fetching.fetch_uv(tmp_path, Source(index=index))

    assert [] == list(tmp_path.iterdir())


def test_an_index_that_does_not_answer_is_named_without_its_password(tmp_path: Path, index: str):
    """The sentence is printed and goes into logs."""
    gone = index.replace("me:word", "me:other")

    with pytest.raises(NotInstalled) as refused:
        fetching.fetch_uv(tmp_path, Source(index=gone))

    assert "127.0.0.1 does not answer (HTTP 401)" in str(refused.value)
    assert "other" not in str(refused.value)


def test_a_folder_of_wheels_comes_before_any_index(tmp_path: Path, index: str):
    """As on machines without a network."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / fetching.WHEEL).write_bytes(Index.wheel)

    fetching.fetch_uv(tmp_path / "tools", Source(index=index, folders=(str(wheels),)))

    assert [] == Index.asked
