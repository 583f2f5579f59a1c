"""One way of asking many structured questions, in a process of its own: the way, how many, and how many at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

_MODEL = "zero-work"
SYSTEM = (
    "Classify the support ticket into one of: billing, outage, access, bug, other. Say how sure you are, and why in "
    "one sentence."
)
TICKET = 5 * (
    "My invoice for the last month shows a charge I do not recognise and the portal returns an error when I open it. "
)
MOST_TOKENS = 60
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["billing", "outage", "access", "bug", "other"]},
        "confidence": {"type": "number"},
        "reason": {"type": "string"},
    },
    "required": ["label", "confidence", "reason"],
    "additionalProperties": False,
}


def main() -> None:
    """Ask, and print what it took."""
    way, calls, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    json.dump(_WAYS[way]([f"Ticket {number}: {TICKET}" for number in range(calls)], at_once), sys.stdout)


class _Taken(dict[str, float]):
    """CPU and wall seconds of a block, and the peak of memory so far."""

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Measure a block."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self["cpu_s"] = time.process_time() - cpu
        self["wall_s"] = time.perf_counter() - wall
        self["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _door(tickets: list[str], at_once: int) -> dict[str, float]:
    import openai  # noqa: F401 - its import is not what is measured here
    import psycopg  # noqa: F401

    from plumbline.core.receipts import Run
    from plumbline.core.tools import open_tools
    from plumbline.models import ChatRequest, Door, Ended, Message, PromptRef, Schema

    del at_once  # the connection says it
    schema, system = Schema("label", SCHEMA), Message("system", SYSTEM)
    prompt = PromptRef("classify_ticket", "v1", b"0" * 32, "benchmark")
    taken = _Taken()
    with open_tools() as tools:
        door = Door(tools, Run(tenant="main", job="benchmark.calls"))
        with taken.measured(), door.chats("classify_ticket", prompt=prompt) as stream:
            keys = [
                stream.add(ChatRequest((system, Message("user", ticket)), MOST_TOKENS, schema))
                for ticket in tickets
            ]
            stream.flush()
            answers = stream.answers(keys)
    assert {answer.ended for answer in answers.values()} == {Ended.ANSWERED}  # noqa: S101
    assert len(answers) == stream.usage.requests == len(tickets)  # noqa: S101
    return taken


def _body(ticket: str) -> dict[str, Any]:
    named = {"name": "label", "strict": True, "schema": SCHEMA}
    return {
        "model": _MODEL,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ticket}],
        "max_completion_tokens": MOST_TOKENS,
        "response_format": {"type": "json_schema", "json_schema": named},
    }


def _client(make_http_client: Callable[[], Any]) -> Callable[[list[str], int], dict[str, float] | None]:
    def ask(tickets: list[str], at_once: int) -> dict[str, float] | None:
        from openai import AsyncOpenAI

        async def all_of_them(taken: _Taken) -> None:
            address = os.environ["PLUMBLINE_BENCHMARK_MODEL"]
            async with AsyncOpenAI(
                api_key="benchmark", base_url=address, max_retries=0, http_client=make_http_client()
            ) as client:

                async def one(ticket: str) -> None:
                    answer = await client.chat.completions.create(**_body(ticket))
                    assert orjson.loads(answer.choices[0].message.content or "")["label"]  # noqa: S101

                with taken.measured():
                    await _each(one, tickets, at_once)

        taken = _Taken()
        try:
            asyncio.run(all_of_them(taken))
        except (ImportError, RuntimeError):
            return None  # its transport over aiohttp is an extra
        return taken

    return ask


def _over_httpx() -> Any:
    from openai import DefaultAsyncHttpxClient

    return DefaultAsyncHttpxClient(trust_env=False)


def _over_aiohttp() -> Any:
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient(trust_env=False)


def _bare(tickets: list[str], at_once: int) -> dict[str, float]:
    """The physical limit in Python: one connection a worker, bytes in and out, the JSON of the answer read."""
    address = urlsplit(os.environ["PLUMBLINE_BENCHMARK_MODEL"])

    async def all_of_them(taken: _Taken) -> None:
        waiting = iter(tickets)

        async def worker() -> None:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            for ticket in waiting:
                body = orjson.dumps(_body(ticket))
                writer.write(
                    b"POST /v1/chat/completions HTTP/1.1\r\nhost: model\r\ncontent-length: %d\r\n\r\n%b"
                    % (len(body), body)
                )
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.rpartition(b"content-length: ")[2].split(b"\r\n", 1)[0])
                answer = orjson.loads(await reader.readexactly(length))
                assert orjson.loads(answer["choices"][0]["message"]["content"])["label"]  # noqa: S101
            writer.close()

        with taken.measured():
            await asyncio.gather(*(worker() for _ in range(at_once)))

    taken = _Taken()
    asyncio.run(all_of_them(taken))
    return taken


async def _each(one: Callable[[str], Awaitable[None]], tickets: list[str], at_once: int) -> None:
    waiting = iter(tickets)

    async def worker() -> None:
        for ticket in waiting:
            await one(ticket)

    await asyncio.gather(*(worker() for _ in range(at_once)))


_WAYS: dict[str, Callable[[list[str], int], dict[str, float] | None]] = {
    "door": _door,
    "client_httpx": _client(_over_httpx),
    "client_aiohttp": _client(_over_aiohttp),
    "bare_http": _bare,
}


if __name__ == "__main__":
    main()
