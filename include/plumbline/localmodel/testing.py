"""
A running server for a test or a benchmark.

    with running_server(latency_ms=50) as server:
        client = OpenAI(base_url=server.base_url, api_key="any")
        server.fault("drop_after", times=1)
        ...
        assert 1 == server.meter()["billed_requests"]

The server is a process of its own on a free port, as in production, and it ends with the test: also
when the test is killed, because then its standard input closes.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

import plumbline


class ServerDidNotStart(RuntimeError):
    """The server ended, or said something else, before it was ready; its last words are attached."""


@dataclass
class RunningServer:
    """A server that answers."""

    host: str
    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """The server itself, `http://127.0.0.1:N`."""
        return f"http://{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL, `http://127.0.0.1:N/v1`."""
        return f"{self.url}/v1"

    def meter(self) -> dict[str, Any]:
        """The bill; its fields are those of `Meter.reading`."""
        reading: dict[str, Any] = self.call("GET", "/_meter")
        return reading

    def reset(self) -> None:
        """As if just started: an empty bill, no faults, keys, files or batches, the limits of the start."""
        self.call("POST", "/_reset")

    def fault(self, kind: str, **how: Any) -> None:
        """
        Ask for a fault; `Kind` in `plumbline.localmodel.faults` says what there is.

        For any request 429, 500, drop_before, drop_after, slow, truncate; for chat break_schema, length,
        refusal, content_filter, gullible (with times=None also for lines of batches); for the next batch
        batch_slow, batch_hold, batch_expire, batch_fail, batch_lines, batch_lose, batch_double.

        `how`: times (1; None until cleared), after (0 requests first), path ("/v1/"), method (any),
        retry_after and code (429), seconds (slow, batch_slow), code (batch_fail), state and lines
        (batch_hold: "in_progress", 0), lines (batch_expire, batch_lose, batch_double), percent and what
        (batch_lines: 100, "500").
        """
        self.call("POST", "/_faults", {"kind": kind, **how})

    def clear_faults(self) -> None:
        """Everything works again, and batches that were held go on."""
        self.call("DELETE", "/_faults")

    def limit(
        self,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        enqueued_tokens: int | None = None,
    ) -> None:
        """Enforce these limits from now on, with full buckets; None is no limit that can be felt."""
        self.call(
            "POST",
            "/_limits",
            {
                "requests_per_minute": requests_per_minute,
                "tokens_per_minute": tokens_per_minute,
                "enqueued_tokens": enqueued_tokens,
            },
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """
        Call one of the server's own addresses and return its JSON.

        Raises:
            RuntimeError: It answered with an error; its sentence is attached.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body=None if body is None else orjson.dumps(body))
            response = connection.getresponse()
            answer = orjson.loads(response.read())
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{method} {path}: {answer['error']['message']}")
        return answer

    def stop(self) -> int:
        """Ask it to end (SIGTERM), wait, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """Kill -9: what a crash of the provider looks like."""
        self.process.kill()
        self.process.wait(timeout=30)


@contextmanager
def running_server(**options: Any) -> Iterator[RunningServer]:
    """
    A server on a free port of 127.0.0.1 for the length of a `with` block.

    `options` are those of the command line: port, latency_ms, requests_per_minute,
    tokens_per_minute, enqueued_tokens, batch_pause_ms, gullible (True), meter (a file).

    Raises:
        ServerDidNotStart: With what it wrote.
    """
    process = _start(options)
    try:
        yield _ready(process)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _start(options: dict[str, Any]) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "plumbline.localmodel", "--until-stdin-closes"]
    for name, value in {"port": 0, **options}.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", str(value)]
    home = str(Path(plumbline.__file__).resolve().parent.parent)
    paths = [home, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    return subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ready(process: subprocess.Popen[str]) -> RunningServer:
    said, complained = _pipes(process)
    line = said.readline()
    found = re.fullmatch(r"listening on http://(.+):(\d+)\n", line)
    if found is None:
        process.terminate()
        raise ServerDidNotStart(line + complained.read())
    return RunningServer(host=found[1], port=int(found[2]), process=process)


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdout is None or process.stderr is None:
        raise ServerDidNotStart("its output was not redirected to us")
    return process.stdout, process.stderr
