"""
Worker processes that are used again, watched, and replaced.

- A document gets its limits and no more: after its seconds the worker is killed and the document is refused.
- A worker that dies is replaced; the document it held is refused, never tried again in another one.
- No worker outlives its parent: its input closes with the parent.  A process that was forked off never talks to the
  worker of the process it came from.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import re
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast, get_args

from plumbline.corpus.extraction.model import (
    BlockKind,
    Limits,
    Metadata,
    Part,
    Unreadable,
    UnreadableCode,
    too_long,
)
from plumbline.corpus.extraction.text import shorten, tidy
from plumbline.corpus.extraction.worker import LENGTH, out_of_memory

_RECYCLED_AFTER = 500
_RECYCLED_ABOVE_BYTES = 64 * 1024 * 1024  # of documents read: a parser that leaks does so by their size
_ANSWER_PER_CHARACTER = 16
_PACKAGES = Path(__file__).parents[3]
_PIECE = 1024 * 1024
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_WANTED_MEMORY = (-6, -9)  # aborted by an allocator that got nothing, or killed by the system
_UNUSABLE = "The parser gave no usable answer for this file."


class Worker:
    """One worker process; safe to share between threads, which then wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._memory = 0
        self._documents = 0
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, content: bytes, kind: str, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
        """
        Have one document read.

        Raises:
            Unreadable: It cannot be read, or not within its limits.
        """
        with self._lock:
            process = self._running(limits)
            try:
                answer = self._ask(process, content, kind, limits)
            except BaseException:
                self.close()
                raise
            self._documents += 1
            self._bytes += len(content)
        return _checked(answer)

    def close(self) -> None:
        """End the process, if it is ours."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()

    def _running(self, limits: Limits) -> subprocess.Popen[bytes]:
        ours = self._process is not None and self._owner == os.getpid() and self._process.poll() is None
        spent = self._documents >= _RECYCLED_AFTER or self._bytes >= _RECYCLED_ABOVE_BYTES
        if self._process is not None and ours and not spent and self._memory == limits.memory_bytes:
            return self._process
        self.close()
        self._process = _started()
        self._owner, self._memory = os.getpid(), limits.memory_bytes
        self._documents = self._bytes = 0
        return self._process

    def _ask(
        self, process: subprocess.Popen[bytes], content: bytes, kind: str, limits: Limits
    ) -> dict[str, Any]:
        order = json.dumps({"kind": kind, "limits": asdict(limits)}).encode()
        request = [LENGTH.pack(len(order)) + order + LENGTH.pack(len(content)), content]
        deadline = time.monotonic() + limits.seconds
        talk = _Talk(process, deadline)
        try:
            talk.send(request)
            (length,) = LENGTH.unpack(talk.receive(LENGTH.size))
            if length > limits.characters * _ANSWER_PER_CHARACTER:
                raise too_long(limits.characters)
            answer = json.loads(talk.receive(length))
        except TimeoutError:
            raise Unreadable(
                "timeout", f"Reading the file took more than {limits.seconds:g} seconds."
            ) from None
        except (EOFError, BrokenPipeError):
            raise _died(process, limits) from None
        except ValueError:
            raise Unreadable("crashed", _UNUSABLE) from None
        if not isinstance(answer, dict):
            raise Unreadable("crashed", _UNUSABLE)
        return answer


def _checked(answer: dict[str, Any]) -> tuple[str, str | None, list[Part], Metadata]:
    """
    The answer, if it is one that our reader could have given.

    A document may have taken over the process that read it; nothing worse than a wrong text may come of that.
    """
    if answer.get("code") in get_args(UnreadableCode):
        raise Unreadable(answer["code"], shorten(str(answer.get("reason")), 500))
    text, title, metadata = answer.get("text"), answer.get("title"), answer.get("metadata")
    try:
        parts = [Part(*part) for part in answer["parts"]]
        sound = (
            isinstance(text, str)
            and text == tidy(text)
            and (title is None or _is_word(title))
            and isinstance(metadata, dict)
            and all(_is_word(name) and _is_plain(value) for name, value in metadata.items())
            and all(_is_part(part, len(text)) for part in parts)
        )
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise Unreadable("crashed", _UNUSABLE)
    return cast("str", text), title, parts, cast("Metadata", metadata)


def _is_part(part: Part, length: int) -> bool:
    return (
        all(type(number) is int for number in (part.start, part.end, part.level))
        and 0 <= part.start <= part.end <= length
        and part.kind in get_args(BlockKind)
        and (part.page is None or type(part.page) is int)
        and (part.title is None or _is_word(part.title))
    )


def _is_plain(value: object) -> bool:
    """Whether it is such a value as a document may say of itself."""
    if isinstance(value, list):
        return all(map(_is_word, value))
    return _is_word(value) or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _is_word(value: object) -> bool:
    """Whether it is a text that Postgres takes."""
    return isinstance(value, str) and not _UNSTORABLE.search(value)


class _Talk:
    """Reading from and writing to a process that may do neither."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        if process.stdin is None or process.stdout is None:
            raise EOFError
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._deadline = deadline

    def send(self, parts: list[bytes]) -> None:
        for part in parts:
            view = memoryview(part)
            while view:
                self._wait(self._in, selectors.EVENT_WRITE)
                view = view[os.write(self._in, view[:_PIECE]) :]

    def receive(self, length: int) -> bytes:
        body = bytearray()
        while len(body) < length:
            self._wait(self._out, selectors.EVENT_READ)
            piece = os.read(self._out, min(length - len(body), _PIECE))
            if not piece:
                raise EOFError
            body += piece
        return bytes(body)

    def _wait(self, file: int, event: int) -> None:
        with selectors.PollSelector() as selector:
            selector.register(file, event)
            if not selector.select(max(0.0, self._deadline - time.monotonic())):
                raise TimeoutError


def _started() -> subprocess.Popen[bytes]:
    """
    Start a worker: this interpreter with this search path, and nothing else that makes a start slow.

    `-S` leaves out `site`, which an Airflow environment fills with hundreds of entries; the path is handed over.
    """
    path = os.pathsep.join([str(_PACKAGES), *filter(None, sys.path)])
    # No secret of ours goes to a process that reads what strangers wrote.
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment |= {"PYTHONPATH": path, "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
    process = subprocess.Popen(
        [sys.executable, "-S", "-P", "-m", "plumbline.corpus.extraction.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        close_fds=True,
        bufsize=0,
    )
    for stream in (process.stdin, process.stdout):
        if stream:
            os.set_blocking(stream.fileno(), False)
    return process


def _died(process: subprocess.Popen[bytes], limits: Limits) -> Unreadable:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        code = 0
    if code in _WANTED_MEMORY:
        return Unreadable("out_of_memory", out_of_memory(limits))
    return Unreadable("crashed", "The file makes its parser crash; it may be damaged on purpose.")


class Pool:
    """Several workers, each started when it is first needed; whoever comes when all are at work waits."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._workers = [Worker() for _ in range(size)]
        self._idle = deque(self._workers)
        self._places = threading.Semaphore(size)

    def read(self, content: bytes, kind: str, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
        """
        Have one document read.

        Raises:
            Unreadable: It cannot be read, or not within its limits.
        """
        with self._places:
            worker = self._idle.pop()  # the one that was at work last: one reader alone keeps to one worker
            try:
                return worker.read(content, kind, limits)
            finally:
                self._idle.append(worker)

    def close(self) -> None:
        """End the processes that are ours."""
        for worker in self._workers:
            worker.close()


_MOST_WORKERS = 4

SHARED = Pool(min(len(os.sched_getaffinity(0)), _MOST_WORKERS))
"""The workers of this process."""

atexit.register(SHARED.close)
