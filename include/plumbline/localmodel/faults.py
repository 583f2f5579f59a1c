"""
Faults on request: what the network and the provider do on a bad day, at a moment a test chooses.

A fault waits until `after` requests to its path have passed, then strikes `times` requests.  Where it
strikes is the point: before the work (nothing is billed) or after it (billed, and the answer lost).
Some spoil the answer itself, and some the life of a batch, which then strike when it is created.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from plumbline.localmodel.errors import ApiError, InvalidRequest, ServerFault, wanted
from plumbline.localmodel.manner import Manner, Wrong


class Kind(StrEnum):
    """What can go wrong."""

    THROTTLED = "429"
    SERVER_ERROR = "500"
    DROP_BEFORE = "drop_before"
    """The connection closes and no work is done."""
    DROP_AFTER = "drop_after"
    """The work is done and billed; the connection closes without an answer."""
    SLOW = "slow"
    """The answer comes `seconds` later."""
    TRUNCATE = "truncate"
    """The work is done and billed; half of the answer arrives."""

    BREAK_SCHEMA = "break_schema"
    """These four spoil chat answers; `Wrong` says how."""
    LENGTH = "length"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    GULLIBLE = "gullible"
    """Every instruction in the text of a chat request is obeyed."""

    BATCH_SLOW = "batch_slow"
    """A batch stays `seconds` in each of its states."""
    BATCH_HOLD = "batch_hold"
    """A batch stays in `state` until faults are cleared; in_progress after `lines` answers."""
    BATCH_EXPIRE = "batch_expire"
    """A batch expires after `lines` answers."""
    BATCH_FAIL = "batch_fail"
    """A batch fails when it is validated, with `code`."""
    BATCH_LINES = "batch_lines"
    """`percent` of the lines fail with the status, or are spoilt in the way, that `what` names."""
    BATCH_LOSE = "batch_lose"
    """`lines` answers are billed and missing in the output."""
    BATCH_DOUBLE = "batch_double"
    """`lines` answers stand in the output twice."""


CHAT_KINDS = frozenset({Kind.GULLIBLE, *(Kind(wrong.value) for wrong in Wrong)})
BATCH_KINDS = frozenset(kind for kind in Kind if kind.startswith("batch_"))
CHAT = "/v1/chat/completions"
BATCHES = "/v1/batches"
HELD = ("validating", "in_progress", "finalizing", "cancelling")
WHAT = ("429", "500", *(wrong.value for wrong in Wrong))


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and value >= 0


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "times": (
        lambda value: value is None or (type(value) is int and value >= 1),
        "a whole number of at least 1, or null for 'until deleted'",
    ),
    "after": (lambda value: type(value) is int and value >= 0, "a whole number that is not negative"),
    "path": (lambda value: isinstance(value, str), "a string, the beginning of the paths it strikes"),
    "method": (lambda value: value is None or isinstance(value, str), "a string such as POST, or null"),
    "retry_after": (
        lambda value: value is None or _is_duration(value),
        "a number of seconds that is not negative, or null",
    ),
    "seconds": (_is_duration, "a number of seconds that is not negative"),
    "code": (lambda value: value is None or isinstance(value, str), "a string, or null"),
    "lines": (lambda value: type(value) is int and value >= 0, "a whole number that is not negative"),
    "percent": (lambda value: _is_duration(value) and value <= 100, "a number from 0 to 100"),  # noqa: PLR2004 - it says so
    "state": (lambda value: value in HELD, f"one of: {', '.join(HELD)}"),
    "what": (lambda value: value in WHAT, f"one of: {', '.join(WHAT)}"),
}
"""What each parameter of a fault may be: one that fails later would break the requests of others."""
FIELDS = frozenset({"kind", *RULES})


@dataclass(slots=True)
class Fault:
    """One standing fault; `times` None means until it is deleted."""

    kind: Kind
    times: int | None = 1
    after: int = 0
    path: str = "/v1/"
    method: str | None = None
    retry_after: float | None = None
    seconds: float = 1.0
    code: str | None = None
    lines: int = 0
    percent: float = 100
    state: str = "in_progress"
    what: str = "500"

    def refusal(self) -> ApiError | None:
        """The error this fault answers with, if it is one that answers."""
        if self.kind is Kind.THROTTLED:
            return _throttled(self)
        return ServerFault() if self.kind is Kind.SERVER_ERROR else None


class Faults:
    """The standing faults, in the order they were asked for."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []
        self.cleared = asyncio.Event()
        """Set when the faults of now are cleared: what is held until then waits for it."""

    def ask(self, fault: Fault) -> None:
        """Add one."""
        self._standing.append(fault)

    def clear(self) -> None:
        """Everything works again, and what was held goes on."""
        self._standing.clear()
        self.cleared.set()
        self.cleared = asyncio.Event()

    def strike(self, path: str, method: str = "POST") -> Fault | None:
        """The fault that strikes this request.  The first that is due does; the others count it."""
        due = self._due(path, method, frozenset(Kind) - CHAT_KINDS - BATCH_KINDS)
        return self._struck(due[0]) if due else None

    def strike_answer(self, path: str) -> list[Fault]:
        """The faults that spoil the answer of this chat request: one of each kind that is due."""
        return self._strike_all(path, CHAT_KINDS) if path == CHAT else []

    def strike_batch(self) -> list[Fault]:
        """The faults of a batch that is created now: one of each kind that is due."""
        return self._strike_all(BATCHES, BATCH_KINDS)

    def of_lines(self) -> list[Fault]:
        """The faults that spoil chat answers until they are cleared: these spoil lines of batches too."""
        return [
            fault
            for fault in self._standing
            if fault.kind in CHAT_KINDS
            and fault.times is None
            and not fault.after
            and CHAT.startswith(fault.path)
        ]

    def standing(self) -> list[dict[str, Any]]:
        """What still waits to strike."""
        return [asdict(fault) for fault in self._standing]

    def _strike_all(self, path: str, kinds: frozenset[Kind]) -> list[Fault]:
        first: dict[Kind, Fault] = {}
        for fault in self._due(path, "POST", kinds):
            first.setdefault(fault.kind, fault)
        return [self._struck(fault) for fault in first.values()]

    def _due(self, path: str, method: str, kinds: frozenset[Kind]) -> list[Fault]:
        due = []
        for fault in self._standing:
            if fault.kind not in kinds or not path.startswith(fault.path):
                continue
            if fault.method not in (None, method):
                continue
            if fault.after > 0:
                fault.after -= 1
            else:
                due.append(fault)
        return due

    def _struck(self, fault: Fault) -> Fault:
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._standing.remove(fault)
        return fault


def manner_of(faults: list[Fault], *, gullible: bool) -> Manner:
    """How an answer is given under these faults; `gullible` is how the server was started."""
    wrongs = [Wrong(fault.kind.value) for fault in faults if fault.kind is not Kind.GULLIBLE]
    return Manner(
        gullible=gullible or any(fault.kind is Kind.GULLIBLE for fault in faults),
        wrong=wrongs[0] if wrongs else None,
    )


def read_fault(payload: Any) -> Fault:
    """
    The fault that a `POST /_faults` asks for.

    Raises:
        InvalidRequest: It asks for something there is none of; the message says what there is.
    """
    fields = wanted(payload, FIELDS)
    kinds = [kind.value for kind in Kind]
    if str(fields.get("kind")) not in kinds:
        raise InvalidRequest(f"A fault needs a kind, one of: {', '.join(kinds)}.", param="kind")
    for name, (fits, rule) in RULES.items():
        if name in fields and not fits(fields[name]):
            raise InvalidRequest(f"'{name}' must be {rule}.", param=name)
    return Fault(**{**fields, "kind": Kind(str(fields["kind"]))})


def _throttled(fault: Fault) -> ApiError:
    code = fault.code or "rate_limit_exceeded"
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    message = (
        "You exceeded your current quota, please check your plan and billing details."
        if code == "insufficient_quota"
        else "Rate limit reached. Please try again later."
    )
    kind = code if code == "insufficient_quota" else "requests"
    return ApiError(429, message, kind=kind, code=code, headers=headers)
