"""
Answering lines of a batch, some at a time, in a thread: the answers go into files, the bills are returned.

A line is answered by the same function as a single call and its answer is put into the output byte for
byte.  The lines of one portion change places before they are written: the provider promises no order.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from plumbline.localmodel.answers import Bill
from plumbline.localmodel.batch_lines import lines_of
from plumbline.localmodel.endpoints import always, answer
from plumbline.localmodel.errors import ApiError, InvalidRequest, ServerFault
from plumbline.localmodel.faults import Fault, Kind
from plumbline.localmodel.manner import Manner, Wrong

log = logging.getLogger(__name__)

PORTION = 64
"""Lines answered before others get their turn."""
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of answers after which a portion is written, whole or not."""
MISSED = {
    "batch_expired": "This request could not be executed before the completion window expired.",
    "batch_cancelled": "This request was not executed because the batch was cancelled.",
}


@dataclass(frozen=True, slots=True)
class Portion:
    """What one portion came to: a bill for each line that was answered, None for each that failed."""

    bills: list[Bill | None]


@dataclass(frozen=True, slots=True)
class _Done:
    mark: bytes
    record: bytes
    bill: Bill | None


@dataclass(slots=True)
class Work:
    """The files of one batch at work: its input, and what is written so far."""

    batch_id: str
    endpoint: str
    source: BinaryIO
    output: Path
    errors: Path
    faults: dict[Kind, Fault] = field(default_factory=dict)
    total: int = 0
    done: int = 0
    _lines: Iterator[tuple[int, bytes]] = field(init=False)
    _lost: int = 0
    _doubled: int = 0

    def __post_init__(self) -> None:
        self._lines = lines_of(self.source)

    def answer_some(self, most: int, manner: Manner) -> Portion:
        """Answer at most `most` lines and write what they come to; an empty portion means there are no more."""
        found: list[_Done] = []
        size = 0
        for number, line in islice(self._lines, min(most, PORTION)):
            found.append(self._answer(number, line, manner))
            size += len(found[-1].record)
            self.done += 1
            if size >= MOST_BYTES:
                break
        shuffled = _shuffled(found)
        _append(self.output, self._delivered([one.record for one in shuffled if one.bill is not None]))
        _append(self.errors, [one.record for one in shuffled if one.bill is None])
        return Portion([one.bill for one in found])

    def give_up(self, code: str) -> int:
        """Write every line that is left into the error file, with the reason `code`; returns how many."""
        left = 0
        while portion := list(islice(self._lines, PORTION)):
            left += len(portion)
            error = {"code": code, "message": MISSED[code]}
            _append(
                self.errors,
                [
                    _record(self._mark(number), orjson.loads(line)["custom_id"], b"null", orjson.dumps(error))
                    for number, line in portion
                ],
            )
        return left

    def close(self) -> None:
        """Let go of the input."""
        self.source.close()

    def _answer(self, number: int, line: bytes, manner: Manner) -> _Done:
        asked = orjson.loads(line)
        mark = self._mark(number)
        bill: Bill | None = None
        try:
            given = answer(self.endpoint, _whole(asked["body"]), always, self._spoilt(manner))
            status, body, bill = 200, given.body, given.bill
        except ApiError as error:
            status, body = error.status, error.body()
        except Exception:
            log.exception("line %d of %s failed", number, self.batch_id)
            fault = ServerFault()
            status, body = fault.status, fault.body()
        response = b'{"status_code":%d,"request_id":"req_%s","body":%s}' % (status, mark, body)
        return _Done(mark, _record(mark, asked["custom_id"], response, b"null"), bill)

    def _spoilt(self, manner: Manner) -> Manner:
        """
        The manner of the next line, under the fault that strikes some of them.

        Raises:
            ApiError: The fault is that the line fails.
        """
        fault = self.faults.get(Kind.BATCH_LINES)
        if fault is None or not _strikes(self.done, fault.percent):
            return manner
        refusal = Fault(Kind(fault.what)).refusal()
        if refusal is not None:
            raise refusal
        return Manner(gullible=manner.gullible, wrong=Wrong(fault.what))

    def _delivered(self, records: list[bytes]) -> list[bytes]:
        """The answers as they reach the output file: some lost, some twice, where that was asked for."""
        delivered = []
        for record in records:
            copies = 1
            if self._lost < _lines_of(self.faults.get(Kind.BATCH_LOSE)):
                self._lost += 1
                copies = 0
            elif self._doubled < _lines_of(self.faults.get(Kind.BATCH_DOUBLE)):
                self._doubled += 1
                copies = 2
            delivered += [record] * copies
        return delivered

    def _mark(self, number: int) -> bytes:
        return blake2b(f"{self.batch_id}{number}".encode(), digest_size=12).hexdigest().encode()


def _whole(body: dict[str, Any]) -> dict[str, Any]:
    """The body of a line, which is answered in one piece."""
    if body.get("stream"):
        raise InvalidRequest("Streaming is not supported in the Batch API.", param="stream")
    return body


def _strikes(done: int, percent: float) -> bool:
    """Whether the line after `done` others is one of the `percent` that are struck, spread evenly."""
    return int((done + 1) * percent / 100) > int(done * percent / 100)


def _lines_of(fault: Fault | None) -> int:
    return 0 if fault is None else fault.lines


def _shuffled(found: list[_Done]) -> list[_Done]:
    """In an order of chance that is always the same, and never the one that was given."""
    shuffled = sorted(found, key=lambda one: one.mark)
    return [*shuffled[1:], *shuffled[:1]] if shuffled == found else shuffled


def _record(mark: bytes, custom_id: str, response: bytes, error: bytes) -> bytes:
    return b'{"id":"batch_req_%s","custom_id":%s,"response":%s,"error":%s}\n' % (
        mark,
        orjson.dumps(custom_id),
        response,
        error,
    )


def _append(file: Path, records: list[bytes]) -> None:
    if records:
        with file.open("ab") as written:
            written.writelines(records)
