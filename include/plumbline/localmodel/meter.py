"""
The provider's bill, as a test can read it.

Whether something was paid twice can only be seen at the one who was paid.  The meter counts what was
billed, by model and by Idempotency-Key, and apart from it what was asked, refused or answered from
memory.  Lines of batches are counted by themselves, because they have a price of their own; what was
paid for twice is counted across both.  With a file the bill also survives the server: one that a crash
can erase proves nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from plumbline.localmodel.answers import Bill
from plumbline.localmodel.usage import Usage, Used

MOST_KEYS = 200_000
"""Keys whose count is kept; the oldest go first."""
MOST_MARKS = 1_000_000
"""Different inputs remembered for `repeated_inputs`; later ones are no longer compared."""

SINGLE, BATCH = "single", "batch"
"""What was bought: an answer at once, or a line of a batch."""


@dataclass(frozen=True, slots=True)
class Billed:
    """One entry of the bill: enough to recognise the request, nothing of what was in it."""

    path: str
    bill: Bill
    key: str | None = None
    fingerprint: str | None = None
    service: str = SINGLE
    at: int | None = field(default_factory=lambda: int(time.time()))
    """When, in Unix seconds; None on a bill from before that was written down."""


class Meter:
    """Counts since the last reset.  Not thread-safe: it belongs to the event loop."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._log = file.open("ab", buffering=0) if file else None
        self.reset(keep_file=True)
        if file and self._log:
            for billed in read_bill(file):
                self._add(billed)
            # A line that a crash cut short must not swallow the next one.
            if file.read_bytes()[-1:] not in (b"", b"\n"):
                self._log.write(b"\n")

    def reset(self, *, keep_file: bool = False) -> None:
        """Everything back to zero, the file included."""
        self._seen: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._by_model: dict[str, Counter[str]] = {}
        self._batch_lines: dict[str, Counter[str]] = {}
        self._by_key: dict[str, int] = {}
        self.usage = Usage()
        self._marks: set[bytes] = set()
        self._in_flight = self._peak = 0
        if self._log and not keep_file:
            self._log.truncate(0)

    def begin(self) -> None:
        """A request to a priced address has arrived."""
        self._seen["requests"] += 1
        self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)

    def end(self) -> None:
        """The request has been dealt with."""
        self._in_flight = max(0, self._in_flight - 1)

    def refused(self, status: int) -> None:
        """It was answered with an error, and not billed."""
        self._refused[str(status)] += 1

    def faulted(self, kind: str) -> None:
        """A fault that a test had asked for was served."""
        self._faults[kind] += 1

    def remembered(self) -> None:
        """An answer already paid for was given again."""
        self._seen["answered_from_memory"] += 1

    def bill(self, billed: Billed) -> None:
        """Work was done: it is paid for, whether or not the answer arrives."""
        self._add(billed)
        if self._log:
            self._log.write(_line(billed))

    def _add(self, billed: Billed) -> None:
        bill = billed.bill
        by_model = self._batch_lines if billed.service == BATCH else self._by_model
        model = by_model.setdefault(bill.model, Counter())
        model["requests"] += 1
        model["inputs"] += bill.inputs
        model["prompt_tokens"] += bill.prompt_tokens
        model["completion_tokens"] += bill.completion_tokens
        if billed.at is not None:
            tokens = (bill.prompt_tokens, bill.completion_tokens)
            self.usage.add(Used(billed.at, billed.path, bill.model, billed.service == BATCH, *tokens))
        self._seen["repeated_inputs"] += self._repeats(bill.marks)
        self._seen["repeated_questions"] += self._repeats((bill.question,) if bill.question else ())
        if not bill.priced or billed.service == BATCH:
            return
        self._seen["billed_requests"] += 1
        self._seen["prompt_tokens"] += bill.prompt_tokens
        self._seen["completion_tokens"] += bill.completion_tokens
        self._seen["inputs"] += bill.inputs
        self._seen["embeddings"] += bill.inputs if billed.path == "/v1/embeddings" else 0
        if billed.key is not None:
            self._by_key[billed.key] = self._by_key.pop(billed.key, 0) + 1
            if len(self._by_key) > MOST_KEYS:
                del self._by_key[next(iter(self._by_key))]

    def _repeats(self, marks: tuple[bytes, ...]) -> int:
        repeats = 0
        for mark in marks:
            if mark in self._marks:
                repeats += 1
            elif len(self._marks) < MOST_MARKS:
                self._marks.add(mark)
        return repeats

    def reading(self) -> dict[str, Any]:
        """
        The bill and its circumstances.

        `billed_requests`, `inputs`, `embeddings`, `prompt_tokens`, `completion_tokens` and `tokens` are
        what is paid; `requests` is everything that came; `repeated_inputs` counts embedding inputs
        billed although the same input had been billed before (since this process started), and
        `repeated_questions` the same of chat requests; both across single calls and batches.  All other
        figures are of single calls; those of batch lines are in `batch`, by model.
        """
        seen = self._seen
        return {
            "requests": seen["requests"],
            "billed_requests": seen["billed_requests"],
            "answered_from_memory": seen["answered_from_memory"],
            "inputs": seen["inputs"],
            "embeddings": seen["embeddings"],
            "repeated_inputs": seen["repeated_inputs"],
            "repeated_questions": seen["repeated_questions"],
            "prompt_tokens": seen["prompt_tokens"],
            "completion_tokens": seen["completion_tokens"],
            "tokens": seen["prompt_tokens"] + seen["completion_tokens"],
            "most_at_once": self._peak,
            "refused": dict(self._refused),
            "faults": dict(self._faults),
            "by_model": _by_model(self._by_model),
            "batch": _by_model(self._batch_lines),
            "by_key": self._by_key,
        }

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._log:
            self._log.close()


def _by_model(counted: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {
        model: {**counts, "tokens": counts["prompt_tokens"] + counts["completion_tokens"]}
        for model, counts in counted.items()
    }


def read_bill(file: Path) -> Iterator[Billed]:
    """
    The lines of a bill that an earlier server wrote.

    A line that a crash cut in the middle of writing is left out.
    """
    if not file.exists():
        return
    with file.open("rb") as lines:
        for line in lines:
            with suppress(orjson.JSONDecodeError):
                fields = orjson.loads(line)
                path, key, fingerprint = (fields.pop(name) for name in ("path", "key", "fingerprint"))
                service = fields.pop("service", SINGLE)
                at = fields.pop("at", None)
                yield Billed(path, Bill(**fields), key, fingerprint, service, at)


def _line(billed: Billed) -> bytes:
    bill = billed.bill
    return orjson.dumps(
        {
            "path": billed.path,
            "key": billed.key,
            "fingerprint": billed.fingerprint,
            "service": billed.service,
            "at": billed.at,
            "model": bill.model,
            "inputs": bill.inputs,
            "prompt_tokens": bill.prompt_tokens,
            "completion_tokens": bill.completion_tokens,
            "priced": bill.priced,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
