"""What a provider says of its limits."""

from __future__ import annotations

import pytest

from plumbline.models.throttle import Told, duration, room_again, told


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
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            Told(3000, 1_000_000, 2999, 0, 0.02, 360),
        ),
        ({"x-ratelimit-limit-requests": "0", "x-ratelimit-limit-tokens": "lots"}, Told()),
        ({"x-ratelimit-remaining-tokens": "-5"}, Told()),
    ],
)
def test_limits_are_read_from_the_headers(headers: dict[str, str], expected: object) -> None:
    """Nonsense is not believed: a limit of nothing would close the bucket for good."""
    assert expected == told(headers)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("1.5s", 1.5),
        ("20ms", 0.02),
        ("1d2h", 93_600),
        ("7", 7),
        ("999999999d", 31 * 86_400),
        ("", None),
        ("soon", None),
        ("-1s", None),
    ],
)
def test_a_duration_is_read_as_providers_write_it(text: str, seconds: float | None) -> None:
    """Anything else is not said."""
    assert seconds == duration(text)


@pytest.mark.parametrize(
    ("heard", "seconds"),
    [
        (Told(3000, 60_000, 1, 1, 60, 60), 0),
        (Told(3000, 60_000, 0, 60_000, 60, 0), 0.02),
        (Told(10_000, 60_000, 0, 60_000, 86_400, 0), 8.64),
        (Told(3000, 60_000, 3000, 0, 0, 600), 0.01),
        (Told(None, None, 0, 0, 60, 60), 0),
        (Told(3000, None, 0, None, None, None), 0),
    ],
)
def test_where_nothing_is_left_the_reset_says_when_there_is_something(heard: Told, seconds: float) -> None:
    """Of requests and of tokens; a limit by the day gives its next request later than one by the minute."""
    assert seconds == pytest.approx(room_again(heard))
