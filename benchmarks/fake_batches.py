"""Files and batches of the zero-work model server: every line of a batch is answered at once, with the same answer."""

from __future__ import annotations

import re

import orjson

_CUSTOM_ID = re.compile(rb'^\{"custom_id":"([^"]+)"', re.MULTILINE)
_LINE = (
    b'{"id":"r","custom_id":"%b","response":{"status_code":200,"request_id":"r","body":%b},"error":null}\n'
)


class Batches:
    """What was uploaded and made, in memory."""

    def __init__(self, answer: bytes) -> None:
        """Take the answer that every line gets."""
        self._answer = answer
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, dict[str, object]] = {}

    def respond(self, method: str, path: str, body: bytes) -> bytes:
        """Answer a request to `/v1/files…` or `/v1/batches…`."""
        what, one, more = [*path.partition("?")[0].removeprefix("/v1/").split("/"), "", ""][:3]
        if what == "batches":
            return self._make(orjson.loads(body)) if method == "POST" else self._look(one)
        if method == "POST":
            return orjson.dumps({"id": self._keep(_uploaded(body))})
        if method == "DELETE":
            return orjson.dumps({"deleted": self._files.pop(one, None) is not None})
        return self._files[one] if more == "content" else b'{"data":[],"has_more":false}'

    def _make(self, asked: dict[str, object]) -> bytes:
        ids = _CUSTOM_ID.findall(self._files[str(asked["input_file_id"])])
        output = self._keep(b"".join(_LINE % (custom_id, self._answer) for custom_id in ids))
        card = {**asked, "id": f"batch_{len(self._batches)}", "status": "completed", "output_file_id": output}
        self._batches[str(card["id"])] = card
        return orjson.dumps(card)

    def _look(self, one: str) -> bytes:
        if one:
            return orjson.dumps(self._batches[one])
        return orjson.dumps({"data": list(self._batches.values()), "has_more": False})

    def _keep(self, content: bytes) -> str:
        file_id = f"file-{len(self._files)}-{len(content)}"
        self._files[file_id] = content
        return file_id


def _uploaded(body: bytes) -> bytes:
    """The file in a form; its last boundary stands at the end."""
    boundary = body[: body.index(b"\r\n")]
    start = body.index(b"\r\n\r\n", body.index(b'filename="')) + 4
    return body[start : body.index(b"\r\n" + boundary, start)]
