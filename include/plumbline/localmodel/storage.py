"""
What the server keeps for its callers: files and batches, behind `/v1/files` and `/v1/batches`.

An object is made once for an Idempotency-Key: whoever asks again with the same key and the same
content gets the object that was made, in the very words of the first answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from plumbline.localmodel.answers import Bill
from plumbline.localmodel.batch_life import Lives
from plumbline.localmodel.batches import Batches, read_batch
from plumbline.localmodel.endpoints import parse
from plumbline.localmodel.errors import InvalidRequest, UnknownPath
from plumbline.localmodel.faults import Faults
from plumbline.localmodel.files import FileStore, UnknownFile, read_life, read_purpose
from plumbline.localmodel.folders import OwnFolder
from plumbline.localmodel.limits import Limits
from plumbline.localmodel.memory import Memory, fingerprint
from plumbline.localmodel.options import Options
from plumbline.localmodel.uploads import Upload
from plumbline.localmodel.wire import Request, Response

FILES, BATCHES = "/v1/files", "/v1/batches"


class Storage:
    """Files and batches of one server; gone with it."""

    def __init__(
        self,
        options: Options,
        memory: Memory,
        faults: Faults,
        limits: Limits,
        bill: Callable[[str, Bill], None],
    ) -> None:
        self._memory = memory
        self._folder = OwnFolder()
        self._files = FileStore(self._folder.path)
        self._batches = Batches()
        self._made: dict[str, bytes] = {}
        self._lives = Lives(
            self._files,
            self._batches,
            faults,
            limits,
            bill,
            gullible=options.gullible,
            pause=options.batch_pause_ms / 1000,
        )

    def sink(self, method: str, path: str, headers: dict[str, str]) -> Upload | None:
        """Where the body of an upload goes while it arrives."""
        if (method, path) != ("POST", FILES):
            return None
        return Upload(headers.get("content-type", ""), self._folder.path)

    async def handle(self, request: Request) -> Response:
        """
        Answer a request to one of the two.

        Raises:
            ApiError: The provider would refuse it too.
        """
        kind, _, rest = request.path.removeprefix("/v1/").partition("/")
        identity, _, action = rest.partition("/")
        if request.method == "POST" and not rest:
            return await (self._upload(request) if kind == "files" else self._create(request))
        if request.method == "GET" and not rest:
            return told((self._files if kind == "files" else self._batches).list(request.query))
        if kind == "files":
            return self._file(request, identity, action)
        return self._batch(request, identity, action)

    def reading(self) -> dict[str, Any]:
        """What exists: files, and batches by state."""
        return {"files": self._files.reading(), "batches": self._batches.by_state()}

    async def clear(self) -> None:
        """Nothing is kept any more."""
        await self._lives.clear()
        self._batches.clear()
        self._files.clear()
        self._made.clear()

    async def close(self) -> None:
        """End what is under way and remove the folder."""
        await self._lives.close()
        self._folder.close()

    def _file(self, request: Request, identity: str, action: str) -> Response:
        match request.method, action:
            case "GET", "":
                return told(orjson.dumps(self._files.get(identity).card()))
            case "GET", "content":
                return self._content(identity)
            case "DELETE", "":
                return told(self._files.delete(identity))
        raise UnknownPath(request.method, request.path)

    def _batch(self, request: Request, identity: str, action: str) -> Response:
        if (request.method, action) not in (("GET", ""), ("POST", "cancel")):
            raise UnknownPath(request.method, request.path)
        batch = self._batches.get(identity)
        if action == "cancel":
            self._lives.cancel(batch)
        return told(orjson.dumps(batch.card()))

    async def _upload(self, request: Request) -> Response:
        upload = request.sink
        if not isinstance(upload, Upload):
            raise InvalidRequest("Expected a body of the type multipart/form-data.")
        digest = upload.finish()
        filename = upload.filename or ""
        purpose = read_purpose(upload.fields, filename)
        anchor, seconds = (upload.fields.get(f"expires_after[{part}]") for part in ("anchor", "seconds"))
        life = read_life(anchor, seconds, "expires_after")
        # The boundary between the parts is another one each time: the content tells whether it is the same.
        content = orjson.dumps([filename, purpose, life, digest])

        def make() -> bytes:
            upload.keep()
            return orjson.dumps(self._files.add(upload.path, filename, purpose, life).card())

        return await self._once(request, content, make)

    async def _create(self, request: Request) -> Response:
        batch = read_batch(parse(request.body))

        def make() -> bytes:
            try:
                file = self._files.get(batch.input_file_id)
            except UnknownFile as unknown:
                raise InvalidRequest(unknown.message, param="input_file_id") from unknown
            if file.purpose != "batch":
                raise InvalidRequest(
                    f"Invalid 'input_file_id': the purpose of the file is '{file.purpose}', not 'batch'.",
                    param="input_file_id",
                )
            body = orjson.dumps(batch.card())
            self._lives.start(batch, self._files.open(file.id))
            return body

        return await self._once(request, request.body, make)

    async def _once(self, request: Request, content: bytes, make: Callable[[], bytes]) -> Response:
        """What `make` makes, or what it made before for the same key and content."""
        key = request.headers.get("idempotency-key")
        if not key:
            return told(make())
        mark = fingerprint(request.path, content)
        async with self._memory.turn(key):
            again = self._memory.paid(key, mark) and key in self._made
            if not again:
                self._made[key] = make()
                self._memory.keep(key, mark, None)
            response = told(self._made[key])
        if again:
            response.headers["idempotent-replayed"] = "true"
        return response

    def _content(self, identity: str) -> Response:
        file = self._files.get(identity)
        headers = {
            "content-type": "application/octet-stream",
            "content-disposition": f'attachment; filename="{identity}"',
        }
        return Response(file=self._files.open(file.id), headers=headers)


def is_kept(path: str) -> bool:
    """Whether an address is one of those that are answered here."""
    return any(path == root or path.startswith(f"{root}/") for root in (FILES, BATCHES))


def told(body: bytes) -> Response:
    """A JSON answer."""
    return Response(body=body, headers={"content-type": "application/json"})
