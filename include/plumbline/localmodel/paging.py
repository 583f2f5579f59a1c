"""Lists in pages, as the provider gives them: `after` an identity, at most `limit`, in either order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from plumbline.localmodel.errors import InvalidRequest


class Listed(Protocol):
    """Something that stands in a list."""

    @property
    def id(self) -> str:
        """By which it is asked for."""

    def card(self) -> dict[str, Any]:
        """What is told of it."""


def page(
    oldest_first: Sequence[Listed], asked: Mapping[str, str], *, usual: int, most: int, param: str = "after"
) -> bytes:
    """
    One page of a list, newest first unless `order` is `asc`.

    Raises:
        InvalidRequest: `limit` or `order` is none, or nothing of the identity `after` is in the list.
    """
    order = asked.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest(
            "Invalid value for 'order'. Supported values are: 'asc' and 'desc'.",
            param="order",
            code="invalid_value",
        )
    limit = _limit(asked.get("limit"), usual, most)
    items = list(oldest_first) if order == "asc" else list(reversed(oldest_first))
    after = asked.get("after")
    if after:
        start = next((number for number, item in enumerate(items, 1) if item.id == after), None)
        if start is None:
            raise InvalidRequest(f"Invalid '{param}': no object with the id '{after}'.", param=param)
        items = items[start:]
    shown = items[:limit]
    return orjson.dumps(
        {
            "object": "list",
            "data": [item.card() for item in shown],
            "first_id": shown[0].id if shown else None,
            "last_id": shown[-1].id if shown else None,
            "has_more": len(items) > len(shown),
        }
    )


def _limit(given: str | None, usual: int, most: int) -> int:
    if given is None:
        return usual
    if not given.isdecimal() or not 1 <= int(given) <= most:
        raise InvalidRequest(
            f"Invalid 'limit': expected an integer from 1 to {most}.", param="limit", code="invalid_value"
        )
    return int(given)
