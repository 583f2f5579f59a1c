"""
A zero-work model server: what remains when the model costs nothing is the client.

    python -m benchmarks.fake_model --latency-ms 200

It answers `POST /v1/embeddings` with vectors cut from one table of random numbers, the same for the same text, and
`POST /v1/chat/completions` with one and the same structured answer, after a fixed latency; tokens are taken as bytes /
4.6.  Files and batches are there too, and every line of a batch is answered at once with that answer.
`GET /_stats` counts what was asked, `POST /_reset` begins anew.
It listens on 127.0.0.1, prints `listening on http://127.0.0.1:N`, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
import zlib

import numpy as np
import orjson

from benchmarks.fake_batches import Batches

_TABLE_SIZE = 1 << 16
_BYTES_PER_TOKEN = 4.6
_ANSWER_TOKENS = 30
_BATCH_TOKENS = 200
_ANSWER = (
    b'{"id":"chatcmpl-0","object":"chat.completion","created":1,"model":"zero-work","choices":[{"index":0,'
    b'"finish_reason":"stop","message":{"role":"assistant","refusal":null,"content":"{\\"label\\":\\"billing\\",'
    b'\\"confidence\\":0.9,\\"reason\\":\\"The customer asks about a charge on the invoice of last month.\\"}"}}],'
    b'"usage":{"prompt_tokens":%d,"completion_tokens":30,"total_tokens":%d}}'
)


class Vectors:
    """Unit vectors that depend on the text alone, already as base64 JSON strings where they repeat."""

    def __init__(self) -> None:
        """Draw the table."""
        self._table = np.random.default_rng(7).standard_normal(_TABLE_SIZE + 4096).astype("<f4")

    def encoded(self, text: bytes, dimensions: int) -> bytes:
        """Return the vector of a text as base64 of little-endian float32."""
        place = zlib.crc32(text)
        vector = (
            self._table[place & 0xFFFF :][:dimensions] + self._table[(place >> 16) & 0xFFFF :][:dimensions]
        )
        vector /= np.sqrt(np.dot(vector, vector))
        return base64.b64encode(vector.tobytes())


class Server:
    """The endpoint and its counters."""

    def __init__(self, latency_ms: float, dimensions: int) -> None:
        """Take the latency of every answer and the dimensions where a request names none."""
        self.latency, self.dimensions, self.vectors = latency_ms / 1000, dimensions, Vectors()
        self.stats = {"requests": 0, "inputs": 0, "tokens": 0}
        self.batches = Batches(_ANSWER % (_BATCH_TOKENS, _BATCH_TOKENS + _ANSWER_TOKENS))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        while head := await self._head(reader):
            method, path, length = head
            body = await reader.readexactly(length) if length else b""
            if path == "/_stats":
                answer = orjson.dumps(self.stats)
            elif path == "/_reset":
                self.stats = dict.fromkeys(self.stats, 0)
                answer = b"{}"
            elif method == "POST" and path.endswith("/embeddings"):
                answer = self.embed(body)
                if self.latency:
                    await asyncio.sleep(self.latency)
            elif method == "POST" and path.endswith("/chat/completions"):
                answer = self.chat(body)
                if self.latency:
                    await asyncio.sleep(self.latency)
            elif path.startswith(("/v1/files", "/v1/batches")):
                answer = self.batches.respond(method, path, body)
            else:
                answer = b'{"data":[]}'
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                % len(answer)
            )
            writer.write(answer)
            await writer.drain()
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> tuple[str, str, int] | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
        fields = (line.split(":", 1) for line in head.lower().split("\r\n")[1:] if ":" in line)
        length = {name.strip(): value.strip() for name, value in fields}.get("content-length", "0")
        return method, path, int(length)

    def embed(self, body: bytes) -> bytes:
        """Return an OpenAI embeddings answer, always as base64."""
        request = orjson.loads(body)
        texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
        dimensions = request.get("dimensions") or self.dimensions
        encoded = [text.encode() for text in texts]
        tokens = sum(int(len(text) / _BYTES_PER_TOKEN) + 1 for text in encoded)
        self.stats["requests"] += 1
        self.stats["inputs"] += len(texts)
        self.stats["tokens"] += tokens
        data = b",".join(
            b'{"object":"embedding","index":%d,"embedding":"%b"}'
            % (number, self.vectors.encoded(text, dimensions))
            for number, text in enumerate(encoded)
        )
        return (
            b'{"object":"list","data":[%b],"model":"%b","usage":{"prompt_tokens":%d,"total_tokens":%d}}'
            % (
                data,
                request["model"].encode(),
                tokens,
                tokens,
            )
        )

    def chat(self, body: bytes) -> bytes:
        """Return an answer that fits the schema of `benchmarks calls`."""
        tokens = int(len(body) / _BYTES_PER_TOKEN)
        self.stats["requests"] += 1
        self.stats["inputs"] += 1
        self.stats["tokens"] += tokens + _ANSWER_TOKENS
        return _ANSWER % (tokens, tokens + _ANSWER_TOKENS)


async def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--dimensions", type=int, default=1536)
    options = parser.parse_args()
    handler = Server(options.latency_ms, options.dimensions)
    server = await asyncio.start_server(handler.serve, "127.0.0.1", options.port, limit=1 << 26)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
