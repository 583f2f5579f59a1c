"""
Caps on tokens by use: what one call may hold at most, from `include/uses.toml`.

They are a file and no table: they change with the code that needs them, are read in review, and cost a call nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from plumbline.core.errors import Misconfigured
from plumbline.core.sql import SQL_ROOT
from plumbline.models.errors import InputRefused

USES = SQL_ROOT.parent / "uses.toml"


@dataclass(frozen=True, slots=True)
class Cap:
    """The most tokens in a request and in its answer; None is as many as the model takes."""

    most_tokens_in: int | None = None
    most_tokens_out: int | None = None


def cap_of(use: str) -> Cap:
    """
    Return the caps of a use.

    Raises:
        Misconfigured: The file of uses cannot be read.
    """
    return _read(USES).get(use, Cap())


def require_within(use: str, tokens_in: int, most_tokens_out: int = 0) -> None:
    """
    Hold a call to the caps of its use, before anything is sent.

    Raises:
        InputRefused: It is longer than its use allows.
    """
    cap = cap_of(use)
    for tokens, most, of in (
        (tokens_in, cap.most_tokens_in, "input"),
        (most_tokens_out, cap.most_tokens_out, "output"),
    ):
        if most is not None and tokens > most:
            raise InputRefused(
                f"A call of {use} with {tokens} {of} tokens is refused: include/uses.toml allows {most}. Nothing was "
                "sent."
            )


def parse_caps(text: str) -> dict[str, Cap]:
    """
    Return the caps that a file declares, by use.  Pure.

    Raises:
        Misconfigured: It is no TOML, or says something that is no cap.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"include/uses.toml cannot be read: {error}.") from None
    caps = {}
    for use, table in tables.items():
        if not isinstance(table, dict) or table.keys() - {"most_tokens_in", "most_tokens_out"}:
            raise Misconfigured(
                f"include/uses.toml: a use has most_tokens_in and most_tokens_out; {use} does not."
            )
        if not all(type(tokens) is int and tokens > 0 for tokens in table.values()):
            raise Misconfigured(f"include/uses.toml: the caps of {use} must be whole numbers above 0.")
        caps[use] = Cap(**table)
    return caps


@cache
def _read(path: Path) -> dict[str, Cap]:
    return parse_caps(path.read_text(encoding="utf-8"))
