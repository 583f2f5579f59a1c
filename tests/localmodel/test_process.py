from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from plumbline.localmodel.testing import RunningServer, ServerDidNotStart, running_server


def post(server: RunningServer, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    """One bare HTTP request."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    try:
        connection.request("POST", path, body, {"authorization": "Bearer any", **headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_it_stops_when_told_to_and_says_it_went_well() -> None:
    """SIGTERM is how a launcher ends its parts."""
    with running_server() as server:
        assert server.call("GET", "/healthz")["status"] == "ok"
        assert server.stop() == 0


def test_answers_under_way_are_given_before_it_stops() -> None:
    """A restart of the demo loses nothing."""
    with running_server(latency_ms=400) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, server, "/v1/embeddings", b'{"model":"local-wordllama","input":"a"}')
        while server.meter()["billed_requests"] == 0:
            pass
        assert server.stop() == 0
        assert answer.result()[0] == 200


def test_it_ends_with_the_process_that_started_it() -> None:
    """A killed test leaves nothing behind."""
    script = (
        "import sys\n"
        "from plumbline.localmodel.testing import running_server\n"
        "with running_server() as server:\n"
        "    print(server.process.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    server = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.communicate()

    psutil.wait_procs([server], timeout=20)

    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_it_listens_on_this_machine_only() -> None:
    """Its control addresses ask nobody for a key."""
    words = [sys.executable, "-m", "plumbline.localmodel", "--host", "0.0.0.0"]  # noqa: S104
    ended = subprocess.run(words, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert "0.0.0.0 can be reached from other machines" in ended.stderr


def test_a_taken_port_is_told_in_one_sentence() -> None:
    """No trace."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ServerDidNotStart) as told,
        running_server(port=taken.getsockname()[1]),
    ):
        pass

    assert str(told.value).strip().startswith("cannot listen on 127.0.0.1:")
    assert "Traceback" not in str(told.value)


def test_a_name_that_a_web_page_made_up_is_refused(model_server: RunningServer) -> None:
    """Or any page in a browser could drive the faults."""
    status, body = post(model_server, "/_faults", b'{"kind":"500"}', host="evil.example")

    assert status == 403
    assert b"evil.example" in body


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/embeddings", b"{", 400),
        ("/v1/embeddings", b"[]", 400),
        ("/v1/files", b"{}", 400),
        ("/else", b"", 404),
    ],
)
def test_every_error_has_a_body_that_clients_can_read(
    model_server: RunningServer, path: str, body: bytes, status: int
) -> None:
    """Also for what is no JSON at all."""
    got, answer = post(model_server, path, body)

    assert got == status
    assert answer.startswith(b'{"error":{"message":')


def test_what_is_not_http_is_turned_away(model_server: RunningServer) -> None:
    """And the server goes on."""
    with socket.create_connection((model_server.host, model_server.port)) as connection:
        connection.sendall(b"\x16\x03\x01\x00\xa5 hello\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")

    assert model_server.call("GET", "/healthz")["status"] == "ok"


def test_requests_sent_in_one_go_are_answered_in_order(model_server: RunningServer) -> None:
    """One connection may carry many."""
    first = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    last = b"GET /_meter HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    with socket.create_connection((model_server.host, model_server.port)) as connection:
        connection.sendall(first + last)
        received = b"".join(iter(lambda: connection.recv(65536), b""))

    assert 0 < received.find(b'"status":"ok"') < received.find(b'"billed_requests"')


def test_many_clients_at_once_are_all_answered(model_server: RunningServer) -> None:
    """Three hundred requests over fifty connections; it answers its health meanwhile."""
    body = b'{"model":"local-wordllama","input":["where is my parcel","my card was stolen"]}'
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(post, model_server, "/v1/embeddings", body) for _ in range(300)]
        health = model_server.call("GET", "/healthz")
        answers = [one.result() for one in asked]

    assert health["status"] == "ok"
    assert {answer for _, answer in answers} == {answers[0][1]}
    assert model_server.meter()["billed_requests"] == 300


def test_latency_is_added_to_every_answer() -> None:
    """To rehearse a provider that is far away."""
    with running_server(latency_ms=120) as server:
        begun = time.monotonic()
        post(server, "/v1/embeddings", b'{"model":"local-wordllama","input":"a"}')

        assert time.monotonic() - begun >= 0.12


def test_no_provider_package_is_loaded_by_the_server(model_server: RunningServer) -> None:
    """Only the one door may import it; the server is not a client."""
    loaded = Path(f"/proc/{model_server.process.pid}/maps").read_text()

    assert "jiter" not in loaded
