"""What one call of a use may hold."""

from __future__ import annotations

import pytest

from plumbline.core.errors import Misconfigured
from plumbline.models.caps import require_within
from plumbline.models.errors import InputRefused
from plumbline.models.uses import Use, parse_uses, use_of


def test_a_use_that_is_not_named_has_no_cap() -> None:
    """The model's own limits hold it."""
    assert use_of("nobody") == Use()
    require_within("nobody", 10**9, 10**9)


@pytest.mark.parametrize(("tokens_in", "tokens_out"), [(1001, 0), (1000, 101)])
def test_a_longer_call_is_refused(tokens_in: int, tokens_out: int) -> None:
    """By its input or by its answer; at the cap it passes."""
    require_within("verify", 1000, 100)

    with pytest.raises(InputRefused, match="verify"):
        require_within("verify", tokens_in, tokens_out)


@pytest.mark.parametrize(
    "text",
    [
        "[a",
        "a = 1",
        "[a]\nmost = 1",
        "[a]\nmost_tokens_in = 0",
        "[a]\nmost_tokens_in = true",
        "[a]\nmost_tokens_out = '1'",
    ],
)
def test_a_file_that_says_something_else_is_refused(text: str) -> None:
    """A cap with a slip of the finger would be none."""
    with pytest.raises(Misconfigured, match=r"include/uses\.toml"):
        parse_uses(text)
