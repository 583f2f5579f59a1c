"""What a provider says of its limits."""

from __future__ import annotations

import pytest

from plumbline.models.throttle import Told, told


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Told()),
        (
            {
                "x-ratelimit-limit-requests": "3000",
                "x-ratelimit-limit-tokens": "1000000",
                "x-ratelimit-remaining-requests": "2999",
                "x-ratelimit-remaining-tokens": "0",
            },
            Told(3000, 1_000_000, 2999, 0),
        ),
        ({"x-ratelimit-limit-requests": "0", "x-ratelimit-limit-tokens": "lots"}, Told()),
        ({"x-ratelimit-remaining-tokens": "-5"}, Told()),
    ],
)
def test_limits_are_read_from_the_headers(headers: dict[str, str], expected: object) -> None:
    """Nonsense is not believed: a limit of nothing would close the bucket for good."""
    assert expected == told(headers)
