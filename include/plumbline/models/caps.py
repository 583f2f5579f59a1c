"""Caps on tokens by use: what one call may hold at most, from `include/uses.toml`."""

from __future__ import annotations

from plumbline.models.errors import InputRefused
from plumbline.models.uses import use_of


def require_within(use: str, tokens_in: int, most_tokens_out: int = 0) -> None:
    """
    Hold a call to the caps of its use, before anything is sent.

    Raises:
        InputRefused: It is longer than its use allows.
    """
    cap = use_of(use)
    for tokens, most, of in (
        (tokens_in, cap.most_tokens_in, "input"),
        (most_tokens_out, cap.most_tokens_out, "output"),
    ):
        if most is not None and tokens > most:
            raise InputRefused(
                f"A call of {use} with {tokens} {of} tokens is refused: include/uses.toml allows {most}. Nothing was "
                "sent."
            )
