"""A provider of files and batches that does what a test has written down, on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MODEL = "batch-model"
TOKENS_IN, TOKENS_OUT = 100, 10

Line = dict[str, Any]


def answered(line: Line, content: str = '{"label":"billing"}') -> Line:
    """Return the line of an output file that answers one of an input file, for 100 tokens in and 10 out."""
    usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT}
    body: dict[str, Any] = {"model": MODEL, "usage": usage}
    if line["url"].endswith("/chat/completions"):
        message = {"role": "assistant", "content": content, "refusal": None}
        body["choices"] = [{"index": 0, "finish_reason": "stop", "message": message}]
    elif line["url"].endswith("/moderations"):
        body["results"] = [
            {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}}
            for _ in line["body"]["input"]
        ]
    else:
        body["data"] = [
            {"index": number, "embedding": [1.0, 0.0, 0.0, float(number)]}
            for number, _ in enumerate(line["body"]["input"])
        ]
    return {"custom_id": line["custom_id"], "response": {"status_code": 200, "request_id": "r", "body": body}}


def failed(line: Line, code: str, status: int | None = None) -> Line:
    """Return the line of an error file."""
    response = None if status is None else {"status_code": status, "body": {"error": {"code": code}}}
    return {"custom_id": line["custom_id"], "response": response, "error": {"code": code, "message": "no"}}


def all_answered(lines: list[Line]) -> tuple[list[Line], list[Line], str]:
    """Answer every line."""
    return [answered(line) for line in lines], [], "completed"


class Missing(Exception):
    """There is no such file or batch."""


@dataclass
class BatchProvider:
    """
    Files and batches; `answer` makes the output file, the error file and the last state of a batch from its lines.

    A batch ends at the first look after `ready` is set.  `faults`: what to do instead of answering a request to a path,
    once each: a status, "drop" (do it, and say nothing), or a JSON body.
    """

    url: str = ""
    answer: Callable[[list[Line]], tuple[list[Any], list[Any], str]] = all_answered
    ready: bool = True
    page: int = 2
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    billed: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def keep(self, name: str, content: bytes) -> str:
        """Store a file."""
        file_id = f"file-{uuid.uuid4().hex}"
        self.files[file_id] = (name, content)
        return file_id

    def create(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Make a batch."""
        card = {"id": f"batch_{uuid.uuid4().hex}", "status": "in_progress", "created_at": len(self.batches)}
        self.batches[card["id"]] = card | fields
        return self.batches[card["id"]]

    def look(self, batch_id: str) -> dict[str, Any]:
        """Say how a batch stands, and end it when it is time."""
        card = self.batches[batch_id]
        if self.ready and card["status"] == "in_progress":
            lines = [json.loads(line) for line in self.files[card["input_file_id"]][1].splitlines()]
            output, errors, card["status"] = self.answer(lines)
            for name, found in (("output_file_id", output), ("error_file_id", errors)):
                text = b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in found)
                card[name] = self.keep("made.jsonl", text) if found else None
            distinct = {x["custom_id"]: x for x in output if isinstance(x, dict)}
            self.billed += sum(1 for x in distinct.values() if x["response"]["status_code"] == 200)
        return card

    def reply(self, *asked: Any) -> tuple[int, Any]:
        """Do what is asked; say so where there is no such thing."""
        try:
            return 200, self.respond(*asked)
        except Missing:
            return 404, {"error": {"message": "no", "code": "not_found"}}

    def respond(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> Any:
        """Do what is asked."""
        what, one, verb = [*path.removeprefix("/v1/").split("/"), "", ""][:3]
        if what == "files":
            return self.file(method, one, query, body, kind)
        if method == "POST" and not one:
            return self.create(json.loads(body))
        if one and one not in self.batches:
            raise Missing
        if method == "POST" and verb == "cancel":
            self.batches[one]["status"] = "cancelled"
            return self.batches[one]
        return self.look(one) if one else self.listed(list(self.batches.values()), query)

    def file(self, method: str, one: str, query: dict[str, str], body: bytes, kind: str) -> Any:
        """Take, list, delete or return a file."""
        if method == "POST":
            mail = BytesParser().parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body)
            part = next(p for p in mail.get_payload() if p.get_filename())
            return {"id": self.keep(part.get_filename(), part.get_payload(decode=True))}
        if not one:
            return self.listed([{"id": key, "filename": file[0]} for key, file in self.files.items()], query)
        if method == "DELETE":
            return {"deleted": self.files.pop(one, None) is not None}
        if one not in self.files:
            raise Missing
        return self.files[one][1]

    def listed(self, items: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        """Return one page."""
        ids = [item["id"] for item in items]
        start = ids.index(query["after"]) + 1 if "after" in query else 0
        return {"data": items[start : start + self.page], "has_more": start + self.page < len(items)}

    def fault_of(self, method: str, path: str) -> Any:
        """Return what to do instead, if something was written down for this request."""
        for number, (asked, fault) in enumerate(self.faults):
            if f"{method} {path}".startswith(asked):
                del self.faults[number]
                return fault
        return None


@contextlib.contextmanager
def batch_provider() -> Iterator[BatchProvider]:
    """Run one."""
    provider = BatchProvider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if "chunked" in (self.headers.get("transfer-encoding") or ""):
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            with provider.lock:
                provider.asked.append(f"{self.command} {address.path}")
                fault = provider.fault_of(self.command, address.path)
                if fault in (None, "drop"):
                    query = dict(parse_qsl(address.query))
                    kind = self.headers.get("content-type", "")
                    status, answer = provider.reply(self.command, address.path, query, body, kind)
                elif isinstance(fault, int):
                    status, answer = fault, {"error": {"message": "no", "code": "bad"}}
                else:
                    status, answer = fault
            if fault == "drop":
                self.close_connection = True
                return
            sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def do_POST(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}/v1"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
