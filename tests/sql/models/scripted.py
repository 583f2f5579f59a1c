"""A chat model that says what a test has written down, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def said(content: str | None = None, *, reason: str = "stop", **message: Any) -> dict[str, Any]:
    """Return an answer of 100 tokens in, 40 of them cached, and 10 out."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "local-extractive",
        "choices": [
            {
                "index": 0,
                "finish_reason": reason,
                "message": {"role": "assistant", "content": content, "refusal": None, **message},
            }
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 40},
        },
    }


def called(*calls: tuple[str, object]) -> dict[str, Any]:
    """Return an answer that asks for tools."""
    return said(
        reason="tool_calls",
        tool_calls=[
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": given if isinstance(given, str) else json.dumps(given),
                },
            }
            for number, (name, given) in enumerate(calls)
        ],
    )


@dataclass
class Scripted:
    """Says the lines in order, then the last one for ever."""

    url: str = ""
    lines: list[Any] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_line(self, request: dict[str, Any]) -> bytes:
        """Return what is said to this request."""
        with self.lock:
            self.asked.append(request)
            line = self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]
        return json.dumps(line).encode()


@contextlib.contextmanager
def scripted(*lines: Any) -> Iterator[Scripted]:
    """Run one on a free port of 127.0.0.1."""
    model = Scripted(lines=list(lines))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = model.next_line(body)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
