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
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import orjson

from plumbline.localmodel.answers import Admit, Answer, Bill
from plumbline.localmodel.catalog import MODELS, describe_model, list_models
from plumbline.localmodel.endpoints import MODEL_OF, always, answer, parse
from plumbline.localmodel.errors import ApiError, MissingKey, ServerFault, UnknownPath
from plumbline.localmodel.faults import Fault, Faults, Kind, manner_of, read_fault
from plumbline.localmodel.limits import Limits, read_limits
from plumbline.localmodel.manner import Manner
from plumbline.localmodel.memory import Memory, fingerprint
from plumbline.localmodel.meter import BATCH, Billed, Meter, read_bill
from plumbline.localmodel.options import Options, is_loopback
from plumbline.localmodel.storage import Storage, is_kept, told
from plumbline.localmodel.uploads import Upload
from plumbline.localmodel.usage import USAGE
from plumbline.localmodel.wire import Ending, Request, Response

log = logging.getLogger(__name__)

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
        self._storage = Storage(options, self._memory, self._faults, self._limits, self._bill_line)
        # Tokenizing leaves the interpreter's lock; more threads than cores would only add memory.
        self._pool = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 1, thread_name_prefix="answer")
        if options.meter:
            for line in read_bill(options.meter):
                if line.key is not None and line.fingerprint is not None:
                    self._memory.keep(line.key, line.fingerprint, None)

    def sink(self, method: str, path: str, headers: dict[str, str]) -> Upload | None:
        """Where a body goes that is not held in memory; give it to the `Listener` too."""
        return self._storage.sink(method, path, headers)

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
        if request.sink is not None:
            request.sink.abandon()
        if request.path.startswith("/v1/"):
            response.headers |= self._trail(request, begun)
        return response

    async def _route(self, request: Request) -> Response:
        self._check_host(request)
        if request.path.startswith("/v1/"):
            return await self._api(request)
        return await self._control(request)

    def _check_host(self, request: Request) -> None:
        """A page in a browser can reach 127.0.0.1 under a name of its own; it gets nothing here."""
        host = request.headers.get("host", "127.0.0.1").rsplit(":", 1)[0].strip("[]")
        if is_loopback(self._options.host) and not is_loopback(host):
            raise ApiError(403, f"This server answers to 127.0.0.1 and localhost, not to '{host}'.")

    # -- the provider's addresses ------------------------------------------------------------

    async def _api(self, request: Request) -> Response:
        if is_kept(request.path) or request.method == "GET":
            return await self._free(request)
        if request.method != "POST" or request.path not in MODEL_OF:
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
        if is_kept(request.path):
            response = await self._storage.handle(request)
        elif request.path.startswith(USAGE):
            response = told(self._meter.usage.answer(request))
        elif request.path == "/v1/models":
            response = told(list_models())
        elif request.path.startswith("/v1/models/"):
            response = told(describe_model(request.path.removeprefix("/v1/models/")))
        else:
            raise UnknownPath(request.method, request.path)
        return await self._deliver(response, fault)

    async def _priced(self, request: Request) -> Response:
        _check_key(request)
        fault = self._strike(request)
        if fault and fault.kind is Kind.DROP_BEFORE:
            return Response(ending=Ending.DROPPED)
        spoilt = self._faults.strike_answer(request.path)
        for one in spoilt:
            self._meter.faulted(one.kind.value)
        manner = manner_of(spoilt, gullible=self._options.gullible)
        given, again = await self._answer(request, manner)
        kind = "application/json" if given.events is None else "text/event-stream; charset=utf-8"
        response = Response(body=given.body, events=given.events, headers={"content-type": kind})
        if again:
            response.headers["idempotent-replayed"] = "true"
        return await self._deliver(response, fault)

    def _strike(self, request: Request) -> Fault | None:
        fault = self._faults.strike(request.path, request.method)
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

    async def _answer(self, request: Request, manner: Manner) -> tuple[Answer, bool]:
        """The answer, and whether it had been paid for before."""
        key = request.headers.get("idempotency-key")
        if not key:
            return await self._pay(request, manner, None, None), False
        mark = fingerprint(request.path, request.body)
        async with self._memory.turn(key):
            again = self._memory.paid(key, mark)
            if again:
                self._meter.remembered()
                given = self._memory.answer(key) or await self._work(request, always, manner)
            else:
                given = await self._pay(request, manner, key, mark)
            self._memory.keep(key, mark, given)
        return given, again

    async def _pay(self, request: Request, manner: Manner, key: str | None, mark: str | None) -> Answer:
        given = await self._work(request, self._limits.admit, manner)
        self._meter.bill(Billed(request.path, given.bill, key, mark))
        return given

    def _bill_line(self, path: str, bill: Bill) -> None:
        """Write a line of a batch on the bill."""
        self._meter.bill(Billed(path, bill, service=BATCH))

    async def _work(self, request: Request, admit: Admit, manner: Manner) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, lambda: answer(request.path, parse(request.body), admit, manner)
        )

    def _trail(self, request: Request, begun: float) -> dict[str, str]:
        """The headers by which the provider's answers are known."""
        trail = {
            "x-request-id": f"req_{uuid4().hex}",
            "openai-processing-ms": str(round((time.perf_counter() - begun) * 1000)),
            "openai-version": "2020-10-01",
        }
        if request.path in MODEL_OF:
            trail |= self._limits.headers(MODEL_OF[request.path])
        return trail

    # -- our own addresses -------------------------------------------------------------------

    async def _control(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/healthz":
                return told(orjson.dumps({"status": "ok", "models": MODELS}))
            case "GET", "/_meter":
                return told(orjson.dumps(self._meter.reading() | self._storage.reading()))
            case "POST", "/_meter/reset":
                self._meter.reset()
            case "POST", "/_reset":
                await self._reset()
            case "GET", "/_faults":
                return told(orjson.dumps(self._faults.standing()))
            case "POST", "/_faults":
                self._faults.ask(read_fault(parse(request.body)))
                return told(orjson.dumps(self._faults.standing()))
            case "DELETE", "/_faults":
                self._faults.clear()
            case "POST", "/_limits":
                self._limits.change(*read_limits(parse(request.body)))
            case _:
                raise UnknownPath(request.method, request.path)
        return told(b'{"done":true}')

    async def _reset(self) -> None:
        """As if just started, with an empty bill."""
        await self._storage.clear()
        self._meter.reset()
        self._memory.clear()
        self._faults.clear()
        self._start_limits()

    def _start_limits(self) -> None:
        self._limits.change(
            self._options.requests_per_minute,
            self._options.tokens_per_minute,
            self._options.enqueued_tokens,
        )

    async def close(self) -> None:
        """Let go of threads, of what was kept, and of the bill's file."""
        await self._storage.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._meter.close()


def _check_key(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise MissingKey


def _refusal(error: ApiError) -> Response:
    headers = {"content-type": "application/json", **error.headers}
    return Response(status=error.status, body=error.body(), headers=headers)
