"""
The provider's own records, `GET /v1/organization/usage/…`: how much was billed in each minute, hour or day.

They are read from the meter, so what a test asks here is what the bill says.  Like the provider's, they know the moment
of the work, and neither keys nor inputs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from plumbline.localmodel.errors import InvalidRequest, UnknownPath
from plumbline.localmodel.wire import Request

USAGE = "/v1/organization/usage/"
MOST_MINUTES = 100_000
"""Minutes, of each model and kind, that are remembered; the oldest go first."""
_KINDS = {
    "/v1/chat/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/moderations": "moderations",
}
_WIDTHS = {"1m": (60, 60, 1440), "1h": (3600, 24, 168), "1d": (86_400, 7, 31)}
"""By name: seconds, buckets of a page unless told otherwise, and at most."""
_GROUPS = ("project_id", "user_id", "api_key_id", "model", "batch")
_COUNTED = ("num_model_requests", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Used:
    """What was billed at once: when (Unix seconds), at which address, by which model, whether in a batch."""

    at: int
    path: str
    model: str
    batch: bool
    tokens_in: int
    tokens_out: int


@dataclass(slots=True)
class Usage:
    """What was billed, by minute."""

    _minutes: dict[tuple[str, int, str, bool], Counter[str]] = field(default_factory=dict)

    def add(self, used: Used) -> None:
        """Take something billed into account."""
        kind = _KINDS.get(used.path)
        if kind is None:
            return
        counted = self._minutes.setdefault((kind, used.at // 60 * 60, used.model, used.batch), Counter())
        counted.update(num_model_requests=1, input_tokens=used.tokens_in, output_tokens=used.tokens_out)
        if len(self._minutes) > MOST_MINUTES:
            del self._minutes[next(iter(self._minutes))]

    def answer(self, request: Request) -> bytes:
        """
        Return a page of buckets.

        Raises:
            UnknownPath: There are no records of that kind.
            InvalidRequest: A parameter says something that the provider does not take.
        """
        kind = request.path.removeprefix(USAGE)
        if kind not in _KINDS.values() or request.method != "GET":
            raise UnknownPath(request.method, request.path)
        asked = _Asked.read(request)
        found: dict[int, list[dict[str, Any]]] = {start: [] for start in asked.starts}
        for (of, at, model, batch), counted in self._minutes.items():
            start = at // asked.width * asked.width
            if of == kind and start in found and (not asked.models or model in asked.models):
                found[start].append({"model": model, "batch": batch, **counted})
        buckets = [asked.bucket(kind, start, used) for start, used in found.items()]
        return orjson.dumps(
            {
                "object": "page",
                "data": buckets,
                "has_more": asked.next_page is not None,
                "next_page": asked.next_page,
            }
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which buckets are wanted, and how they are told apart."""

    starts: range
    width: int
    end: int
    models: tuple[str, ...]
    groups: tuple[str, ...]
    next_page: str | None

    @classmethod
    def read(cls, request: Request) -> _Asked:
        width, usual, most = _width(request.query.get("bucket_width", "1d"))
        start, end = (
            _seconds(request.query, "start_time"),
            _seconds(request.query, "end_time", int(time.time())),
        )
        page = request.query.get("page")
        if page is not None:
            start = _number(page.removeprefix("page_"), "page")
        limit = _number(request.query.get("limit", str(usual)), "limit")
        if not 1 <= limit <= most:
            raise InvalidRequest(f"Invalid 'limit': expected an integer from 1 to {most}.", param="limit")
        groups = _listed(request, "group_by")
        if strange := set(groups) - set(_GROUPS):
            raise InvalidRequest(f"Invalid value for 'group_by': {sorted(strange)}.", param="group_by")
        first = start // width * width
        stop = min(end, first + limit * width)
        following = f"page_{first + limit * width}" if stop < end else None
        return cls(range(first, stop, width), width, end, _listed(request, "models"), groups, following)

    def bucket(self, kind: str, start: int, found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        results: dict[tuple[Any, ...], Counter[str]] = {}
        by = [
            name for name in self.groups if name in ("model", *(("batch",) if kind == "completions" else ()))
        ]
        for one in found:
            counted = results.setdefault(tuple(one[name] for name in by), Counter())
            counted.update({name: one[name] for name in _COUNTED})
        return {
            "object": "bucket",
            "start_time": start,
            "end_time": min(start + self.width, self.end),
            "results": [
                _result(kind, dict(zip(by, group, strict=True)), counted)
                for group, counted in results.items()
            ],
        }


def _result(kind: str, group: Mapping[str, Any], counted: Counter[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"object": f"organization.usage.{kind}.result", **dict.fromkeys(_GROUPS), **group}
    told |= {name: counted[name] for name in _COUNTED}
    if kind == "completions":
        return told | {"input_cached_tokens": 0}
    return {name: value for name, value in told.items() if name not in ("output_tokens", "batch")}


def _listed(request: Request, name: str) -> tuple[str, ...]:
    return tuple(value for given, value in request.asked if given in (name, f"{name}[]"))


def _width(name: str) -> tuple[int, int, int]:
    if name not in _WIDTHS:
        raise InvalidRequest(f"Invalid 'bucket_width': one of {', '.join(_WIDTHS)}.", param="bucket_width")
    return _WIDTHS[name]


def _seconds(query: Mapping[str, str], name: str, usual: int | None = None) -> int:
    if name in query:
        return _number(query[name], name)
    if usual is None:
        raise InvalidRequest(f"Missing required parameter: '{name}'.", param=name)
    return usual


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise InvalidRequest(f"Invalid '{name}': expected an integer.", param=name)
    return int(text)
