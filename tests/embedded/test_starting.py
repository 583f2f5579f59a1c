"""Two installations that start in the same second do not mistake each other's servers for their own."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.core.env_files import read_env_file
from plumbline.embedded import ports, processes, services, starting
from plumbline.embedded.home import Home
from plumbline.embedded.parts import Part, end_parts
from plumbline.embedded.postgres import Server
from plumbline.embedded.services import AIRFLOW, MODEL, Installation
from plumbline.embedded.starting import Start
from plumbline.embedded.terminal import Progress

SERVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

HTTPServer(("127.0.0.1", {port}), Server).serve_forever()
"""


class Rehearsal(Start):
    """A start in which a small server stands for the parts that listen."""

    def _model(self) -> None:
        self._start(MODEL, command(self.installation.port(MODEL)), os.environ)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """An installation of this test's own, on ports that are free now."""
    home = Home(tmp_path / "home")
    home.make()
    home.ports_file.write_text(json.dumps({AIRFLOW: ports.any_free(), MODEL: ports.any_free()}))
    made = Installation(home, inherited=dict(os.environ))
    yield made
    made.end([part.name for part in made.parts])


@pytest.fixture
def neighbour(tmp_path: Path, installation: Installation) -> Iterator[Part]:
    """A part of another installation, which was quicker to take the port of our model server."""
    home = Home(tmp_path / "neighbour")
    home.make()
    part = Part(home, MODEL)
    serve(part, installation.port(MODEL))
    yield part
    end_parts([part], 0)


def command(port: int) -> list[str]:
    """The command line of a small server."""
    return [sys.executable, "-c", SERVER.format(port=port)]


def serve(part: Part, port: int) -> None:
    """Start a small server as this part, and wait until it listens."""
    part.start(command(port), os.environ, part.home.folder)
    assert processes.wait_until(lambda: ports.is_served(port), 20.0)


def test_only_who_listens_himself_serves(installation: Installation, neighbour: Part):
    """That something answers on our port proves nothing."""
    assert ports.is_served(installation.port(MODEL))
    assert {(ports.LOOPBACK, installation.port(MODEL))} == neighbour.listening()

    assert not installation.serves(MODEL)


def test_a_part_that_listens_on_its_port_serves(installation: Installation):
    """Found by its process, so whoever comes later sees it too."""
    serve(Part(installation.home, MODEL), installation.port(MODEL))

    assert installation.serves(MODEL)


def test_a_part_whose_port_a_neighbour_took_first_moves_to_the_next(
    installation: Installation, neighbour: Part, monkeypatch: pytest.MonkeyPatch
):
    """Both saw it free; the slower one goes on, and every process of the project learns the new address."""
    for module in (starting, services):
        monkeypatch.setattr(module, "COMPONENTS", {})
    monkeypatch.setattr(Server, "running", lambda _: True)
    lost, out, started = installation.port(MODEL), io.StringIO(), []
    with Progress("start", out) as progress:
        start = Rehearsal(installation, progress, started)
        start._model()
        start._all_healthy()

    found = installation.port(MODEL)
    assert found > lost
    assert installation.serves(MODEL)
    assert neighbour.running()
    assert f"port {lost} is taken: the model server gets {found}" in out.getvalue()
    assert (
        f"http://127.0.0.1:{found}/v1"
        == read_env_file(installation.home.env_file)["PLUMBLINE_LOCAL_MODEL_URL"]
    )
    assert MODEL in started
