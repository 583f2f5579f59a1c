"""
The order of things for one request: key, fault, memory, limits, work, bill, answer.

The order is the contract.  A fault that strikes before the work must leave no bill; a bill must be
written even if the answer is then lost; an answer from memory must take nothing from the limits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import orjson

from plumbline.localmodel.answers import Admit, Answer
from plumbline.localmodel.catalog import (
    CHAT_MODEL,
    EMBEDDING_MODEL,
    MODELS,
    MODERATION_MODEL,
    describe_model,
    list_models,
)
from plumbline.localmodel.chat import answer_chat
from plumbline.localmodel.embeddings import answer_embeddings
from plumbline.localmodel.errors import ApiError, InvalidRequest, MissingKey, ServerFault, UnknownPath
from plumbline.localmodel.faults import Fault, Faults, Kind, read_fault
from plumbline.localmodel.limits import Limits, read_limits
from plumbline.localmodel.memory import Memory, fingerprint
from plumbline.localmodel.meter import Billed, Meter, read_bill
from plumbline.localmodel.moderation import answer_moderation
from plumbline.localmodel.options import Options, is_loopback
from plumbline.localmodel.wire import Ending, Request, Response

log = logging.getLogger(__name__)

Endpoint = Callable[[Any, Admit], Answer]

ENDPOINTS: dict[str, tuple[Endpoint, str]] = {
    "/v1/embeddings": (answer_embeddings, EMBEDDING_MODEL),
    "/v1/chat/completions": (answer_chat, CHAT_MODEL),
    "/v1/moderations": (answer_moderation, MODERATION_MODEL),
}
ENDINGS = {Kind.DROP_AFTER: Ending.DROPPED, Kind.TRUNCATE: Ending.TRUNCATED}


class Service:
    """One server's state and its answers; give `handle` to a `Listener`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._meter = Meter(options.meter)
        self._memory = Memory()
        self._faults = Faults()
        self._limits = Limits()
        self._start_limits()
        # Tokenizing leaves the interpreter's lock; more threads than cores would only add memory.
        self._pool = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 1, thread_name_prefix="answer")
        if options.meter:
            for line in read_bill(options.meter):
                if line.key is not None and line.fingerprint is not None:
                    self._memory.keep(line.key, line.fingerprint, None)

    async def handle(self, request: Request) -> Response:
        """Answer one request, whatever happens."""
        begun = time.perf_counter()
        try:
            response = await self._route(request)
        except ApiError as error:
            response = _refusal(error)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = _refusal(ServerFault())
        if request.path.startswith("/v1/"):
            response.headers |= self._trail(request, begun)
        return response

    async def _route(self, request: Request) -> Response:
        self._check_host(request)
        if request.path.startswith("/v1/"):
            return await self._api(request)
        return self._control(request)

    def _check_host(self, request: Request) -> None:
        """A page in a browser can reach 127.0.0.1 under a name of its own; it gets nothing here."""
        host = request.headers.get("host", "127.0.0.1").rsplit(":", 1)[0].strip("[]")
        if is_loopback(self._options.host) and not is_loopback(host):
            raise ApiError(403, f"This server answers to 127.0.0.1 and localhost, not to '{host}'.")

    # -- the provider's addresses ------------------------------------------------------------

    async def _api(self, request: Request) -> Response:
        if request.method == "GET":
            return await self._free(request)
        if request.method != "POST" or request.path not in ENDPOINTS:
            raise UnknownPath(request.method, request.path)
        self._meter.begin()
        try:
            return await self._priced(request)
        except ApiError as error:
            self._meter.refused(error.status)
            raise
        finally:
            self._meter.end()

    async def _free(self, request: Request) -> Response:
        _check_key(request)
        fault = self._strike(request)
        if fault and fault.kind is Kind.DROP_BEFORE:
            return Response(ending=Ending.DROPPED)
        if request.path == "/v1/models":
            response = _json(list_models())
        elif request.path.startswith("/v1/models/"):
            response = _json(describe_model(request.path.removeprefix("/v1/models/")))
        else:
            raise UnknownPath(request.method, request.path)
        return await self._deliver(response, fault)

    async def _priced(self, request: Request) -> Response:
        _check_key(request)
        fault = self._strike(request)
        if fault and fault.kind is Kind.DROP_BEFORE:
            return Response(ending=Ending.DROPPED)
        answer, again = await self._answer(request)
        kind = "application/json" if answer.events is None else "text/event-stream; charset=utf-8"
        response = Response(body=answer.body, events=answer.events, headers={"content-type": kind})
        if again:
            response.headers["idempotent-replayed"] = "true"
        return await self._deliver(response, fault)

    def _strike(self, request: Request) -> Fault | None:
        fault = self._faults.strike(request.path)
        if fault is not None:
            self._meter.faulted(fault.kind.value)
            if refusal := fault.refusal():
                raise refusal
        return fault

    async def _deliver(self, response: Response, fault: Fault | None) -> Response:
        wait = self._options.latency_ms / 1000
        if fault and fault.kind is Kind.SLOW:
            wait += fault.seconds
        if wait:
            await asyncio.sleep(wait)
        if fault:
            response.ending = ENDINGS.get(fault.kind, Ending.WHOLE)
        return response

    async def _answer(self, request: Request) -> tuple[Answer, bool]:
        """The answer, and whether it had been paid for before."""
        key = request.headers.get("idempotency-key")
        if not key:
            return await self._pay(request, None, None), False
        mark = fingerprint(request.path, request.body)
        async with self._memory.turn(key):
            again = self._memory.paid(key, mark)
            if again:
                self._meter.remembered()
                answer = self._memory.answer(key) or await self._work(request, _always)
            else:
                answer = await self._pay(request, key, mark)
            self._memory.keep(key, mark, answer)
        return answer, again

    async def _pay(self, request: Request, key: str | None, mark: str | None) -> Answer:
        answer = await self._work(request, self._limits.admit)
        self._meter.bill(Billed(request.path, answer.bill, key, mark))
        return answer

    async def _work(self, request: Request, admit: Admit) -> Answer:
        endpoint, _ = ENDPOINTS[request.path]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: endpoint(_parse(request.body), admit))

    def _trail(self, request: Request, begun: float) -> dict[str, str]:
        """The headers by which the provider's answers are known."""
        trail = {
            "x-request-id": f"req_{uuid4().hex}",
            "openai-processing-ms": str(round((time.perf_counter() - begun) * 1000)),
            "openai-version": "2020-10-01",
        }
        if request.path in ENDPOINTS:
            trail |= self._limits.headers(ENDPOINTS[request.path][1])
        return trail

    # -- our own addresses -------------------------------------------------------------------

    def _control(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/healthz":
                return _json(orjson.dumps({"status": "ok", "models": MODELS}))
            case "GET", "/_meter":
                return _json(orjson.dumps(self._meter.reading()))
            case "POST", "/_meter/reset":
                self._meter.reset()
            case "POST", "/_reset":
                self._reset()
            case "GET", "/_faults":
                return _json(orjson.dumps(self._faults.standing()))
            case "POST", "/_faults":
                self._faults.ask(read_fault(_parse(request.body)))
                return _json(orjson.dumps(self._faults.standing()))
            case "DELETE", "/_faults":
                self._faults.clear()
            case "POST", "/_limits":
                self._limits.change(*read_limits(_parse(request.body)))
            case _:
                raise UnknownPath(request.method, request.path)
        return _json(b'{"done":true}')

    def _reset(self) -> None:
        """As if just started, with an empty bill."""
        self._meter.reset()
        self._memory.clear()
        self._faults.clear()
        self._start_limits()

    def _start_limits(self) -> None:
        self._limits.change(self._options.requests_per_minute, self._options.tokens_per_minute)

    def close(self) -> None:
        """Let go of threads and of the bill's file."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._meter.close()


def _check_key(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise MissingKey


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"We could not parse the JSON body of your request. (What we got is not valid JSON: {error})"
        ) from error


def _always(_model: str, _tokens: int) -> None:
    """Admit work that has been paid for."""


def _json(body: bytes) -> Response:
    return Response(body=body, headers={"content-type": "application/json"})


def _refusal(error: ApiError) -> Response:
    headers = {"content-type": "application/json", **error.headers}
    return Response(status=error.status, body=error.body(), headers=headers)
