import pytest

from plumbline.localmodel.errors import InvalidRequest, Throttled
from plumbline.localmodel.limits import Limits, duration, read_limits


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Read it."""
        return self.now


def test_room_comes_back_evenly_over_a_minute() -> None:
    """Sixty a minute is one a second."""
    clock = Clock()
    limits = Limits(requests_per_minute=60, clock=clock)
    for _ in range(60):
        limits.admit("m", 1)
    with pytest.raises(Throttled) as refusal:
        limits.admit("m", 1)
    assert refusal.value.headers == {"retry-after": "1", "retry-after-ms": "1000"}

    clock.now = 1.0
    limits.admit("m", 1)
    with pytest.raises(Throttled):
        limits.admit("m", 1)


def test_a_refused_request_takes_nothing() -> None:
    """Neither its request nor its tokens."""
    limits = Limits(requests_per_minute=2, tokens_per_minute=10, clock=Clock())
    limits.admit("m", 9)
    with pytest.raises(Throttled):
        limits.admit("m", 2)

    limits.admit("m", 1)

    assert limits.headers("m")["x-ratelimit-remaining-requests"] == "0"


def test_each_model_has_its_own_room() -> None:
    """As at the provider."""
    limits = Limits(requests_per_minute=1, clock=Clock())

    limits.admit("m", 1)
    with pytest.raises(Throttled):
        limits.admit("m", 1)

    assert "1" == limits.headers("n")["x-ratelimit-remaining-requests"]
    limits.admit("n", 1)
    assert "0" == limits.headers("n")["x-ratelimit-remaining-requests"]


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0s"), (0.02, "20ms"), (0.9999, "1s"), (1, "1s"), (1.5, "1.5s"), (60, "1m0s"), (363, "6m3s")],
)
def test_durations_are_written_as_the_provider_writes_them(seconds: float, written: str) -> None:
    """Clients parse them."""
    assert written == duration(seconds)


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_a_limit_is_a_whole_number_above_nothing(value: object) -> None:
    """Or there is none."""
    with pytest.raises(InvalidRequest):
        read_limits({"requests_per_minute": value})
    assert read_limits({"tokens_per_minute": None}) == (None, None, None)
