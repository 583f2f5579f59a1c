"""The demo's view of Airflow signs in by itself, and says in one sentence what Airflow refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from plumbline.embedded.airflow_api import AirflowApi, AirflowRefused, AirflowSilent


class Airflow(BaseHTTPRequestHandler):
    """Airflow as far as these tests go: its tokens run out, and it remembers what it was asked."""

    tokens = 0
    valid = ""
    asked: list[tuple[str, str, object]] = []  # noqa: RUF012 - emptied by the fixture
    tasks: list[dict[str, object]] = []  # noqa: RUF012 - the same

    def do_GET(self) -> None:
        """Answer."""
        self._serve(None)

    def do_POST(self) -> None:
        """Answer."""
        self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _serve(self, body: object) -> None:
        kind = type(self)
        kind.asked.append((self.command, self.path, body))
        if self.path == "/auth/token":
            kind.tokens += 1
            kind.valid = f"token-{kind.tokens}"
            self._answer(201, {"access_token": kind.valid})
        elif self.headers.get("Authorization") != f"Bearer {kind.valid}":
            self._answer(401, {"detail": "Invalid token"})
        elif "/taskInstances" in self.path:
            self._answer(200, {"task_instances": self.tasks})
        elif self.path.startswith("/api/v2/dags/unknown"):
            self._answer(404, {"detail": "not found"})
        else:
            self._answer(200, {"dags": [], "dag_id": "known"})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[AirflowApi]:
    """A view of the stand-in."""
    Airflow.tokens, Airflow.valid, Airflow.asked, Airflow.tasks = 0, "", [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield AirflowApi(f"http://127.0.0.1:{server.server_port}", "admin", "word")
    server.shutdown()
    server.server_close()


def test_it_signs_in_once_and_again_when_its_token_has_run_out(api: AirflowApi):
    """A long run outlives a token."""
    api.dags()
    api.dags()
    assert 1 == Airflow.tokens

    Airflow.valid = "another"
    api.dags()

    assert 2 == Airflow.tokens


def test_a_dag_that_is_not_known_yet_is_none(api: AirflowApi):
    """It may still be read; any other refusal is an error."""
    assert None is api.dag("unknown")
    assert {"dags": [], "dag_id": "known"} == api.dag("known")
    with pytest.raises(AirflowRefused, match="HTTP 404"):
        api.run("unknown", "1")


def test_only_tasks_that_wait_for_their_next_try_are_tried_at_once(api: AirflowApi):
    """Mapped ones by their number."""
    Airflow.tasks = [
        {"task_id": "scan", "map_index": -1, "state": "success"},
        {"task_id": "check", "map_index": -1, "state": "up_for_retry"},
        {"task_id": "prepare", "map_index": 3, "state": "up_for_retry"},
    ]

    api.retry_now("ingest", "run-1")

    _, path, body = Airflow.asked[-1]
    assert "/api/v2/dags/ingest/clearTaskInstances" == path
    assert ["check", ["prepare", 3]] == body["task_ids"]  # type: ignore[index]


def test_nothing_is_cleared_when_nothing_waits(api: AirflowApi):
    """A run that is well is left alone."""
    api.retry_now("ingest", "run-1")

    assert "GET" == Airflow.asked[-1][0]


def test_an_airflow_that_does_not_answer_is_said_so(api: AirflowApi):
    """With its address."""
    with pytest.raises(AirflowSilent, match=r"127\.0\.0\.1:9"):
        AirflowApi("http://127.0.0.1:9", "admin", "word").health()
