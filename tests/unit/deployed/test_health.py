"""The health check that the containers run."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "health", Path(__file__).parents[3] / "include" / "deploy" / "health.py"
)
health = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(health)

REPORT = {
    "metadatabase": {"status": "healthy"},
    "triggerer": {"status": "unhealthy"},
    "dag_processor": {"status": None},
}


@pytest.fixture
def address() -> Iterator[str]:
    """A server that gives Airflow's report at /health and an error everywhere else."""

    class Report(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 500)
            self.end_headers()
            self.wfile.write(json.dumps(REPORT).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Report) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("part", "status", "sentence"),
    [
        (None, 0, "healthy"),
        ("metadatabase", 0, "healthy"),
        ("triggerer", 1, "triggerer is unhealthy"),
        ("dag_processor", 1, "dag_processor is None"),
        ("worker", 1, "the report does not mention worker"),
    ],
)
def test_a_part_is_as_well_as_the_report_says(
    address: str, capsys: pytest.CaptureFixture[str], part: str | None, status: int, sentence: str
) -> None:
    """An address that answers is not enough: the part itself must be alive."""
    assert health.main(f"{address}/health", part) == status
    assert capsys.readouterr().out == f"{sentence}\n"


def test_an_error_is_not_health(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that answers 500 is unwell."""
    assert health.main(f"{address}/elsewhere") == 1
    assert "does not answer: HTTP Error 500" in capsys.readouterr().out


def test_silence_is_not_health(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens at port 1."""
    assert health.main("http://127.0.0.1:1/") == 1
    assert "does not answer" in capsys.readouterr().out


def test_a_report_that_is_none_is_not_health() -> None:
    """A page in place of the report says nothing about the part."""
    assert health.judge(b"<html>", "triggerer") == "the report does not mention triggerer"
