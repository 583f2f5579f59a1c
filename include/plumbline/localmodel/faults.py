"""
Faults on request: what the network and the provider do on a bad day, at a moment a test chooses.

A fault waits until `after` requests to its path have passed, then strikes `times` requests.  Where it
strikes is the point: before the work (nothing is billed) or after it (billed, and the answer lost).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from plumbline.localmodel.errors import ApiError, InvalidRequest, ServerFault, wanted


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


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and value >= 0


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "times": (
        lambda value: value is None or (type(value) is int and value >= 1),
        "a whole number of at least 1, or null for 'until deleted'",
    ),
    "after": (lambda value: type(value) is int and value >= 0, "a whole number that is not negative"),
    "path": (lambda value: isinstance(value, str), "a string, the beginning of the paths it strikes"),
    "retry_after": (
        lambda value: value is None or _is_duration(value),
        "a number of seconds that is not negative, or null",
    ),
    "seconds": (_is_duration, "a number of seconds that is not negative"),
    "code": (lambda value: value is None or isinstance(value, str), "a string, or null"),
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
    retry_after: float | None = None
    seconds: float = 1.0
    code: str | None = None

    def refusal(self) -> ApiError | None:
        """The error this fault answers with, if it is one that answers."""
        if self.kind is Kind.THROTTLED:
            return _throttled(self)
        return ServerFault() if self.kind is Kind.SERVER_ERROR else None


class Faults:
    """The standing faults, in the order they were asked for."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []

    def ask(self, fault: Fault) -> None:
        """Add one."""
        self._standing.append(fault)

    def clear(self) -> None:
        """Everything works again."""
        self._standing.clear()

    def strike(self, path: str) -> Fault | None:
        """The fault that strikes this request.  The first that is due does; the others count it."""
        struck: Fault | None = None
        for fault in self._standing:
            if not path.startswith(fault.path):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif struck is None:
                struck = fault
        if struck is not None and struck.times is not None:
            struck.times -= 1
            if struck.times == 0:
                self._standing.remove(struck)
        return struck

    def standing(self) -> list[dict[str, Any]]:
        """What still waits to strike."""
        return [asdict(fault) for fault in self._standing]


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
