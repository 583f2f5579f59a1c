"""What is decided about batches without a database or a network."""

from __future__ import annotations

import functools
import json
import uuid
from typing import Any

import pytest

from plumbline.models.batches.lines import Line, Part, read_result, written
from plumbline.models.batches.polling import decide
from plumbline.models.calls import Billed, Call, Unusable, read_answer, read_bill
from plumbline.models.requests import BatchLimits
from plumbline.models.transport import _whole_lines

CALL = uuid.UUID(int=7)
DEEP: Any = functools.reduce(lambda within, _: [within], range(300), 1)


def line(inputs: int = 1, tokens: int = 10) -> Line:
    """A line of so many inputs."""
    return Line(CALL, [b"k"] * inputs, [tokens] * inputs, b'{"input":"text"}')


def said(**fields: Any) -> bytes:
    """A line of the provider's files about our call."""
    return json.dumps({"custom_id": str(CALL), **fields}).encode()


def test_a_line_is_one_line_of_json_with_the_very_bytes_of_the_request() -> None:
    """What the ledger has recorded is what is sent."""
    text = written(CALL, "/v1/embeddings", line().request)

    assert text.endswith(b'"body":{"input":"text"}}\n')
    assert {
        "custom_id": str(CALL),
        "method": "POST",
        "url": "/v1/embeddings",
        "body": {"input": "text"},
    } == json.loads(text)


@pytest.mark.parametrize(
    ("limits", "enqueued", "taken"),
    [
        (BatchLimits(), None, True),
        (BatchLimits(requests=1), None, False),
        (BatchLimits(inputs=3), None, False),
        (BatchLimits(inputs=4), None, True),
        (BatchLimits(bytes=99), None, False),
        (BatchLimits(), 39, False),
        (BatchLimits(), 40, True),
    ],
)
def test_a_part_is_full_at_the_first_limit_it_would_break(
    limits: BatchLimits, enqueued: int | None, *, taken: bool
) -> None:
    """Requests, inputs, bytes, and tokens that may be enqueued."""
    part = Part(1)
    assert part.takes(line(inputs=2), 50, BatchLimits(requests=1, inputs=1, bytes=1), 1), (
        "an empty part takes any"
    )
    part.add(line(inputs=2), 50)

    assert taken == part.takes(line(inputs=2), 50, limits, enqueued)


@pytest.mark.parametrize(
    ("given", "state", "code"),
    [
        (said(response={"status_code": 200, "body": {"model": "m"}}), "answered", ""),
        (
            said(response={"status_code": 400, "body": {"error": {"code": "bad_thing"}}}),
            "refused",
            "bad_thing",
        ),
        (said(response={"status_code": 429, "body": {}}), "failed", ""),
        (
            said(response={"status_code": 500, "body": None}, error={"code": "server_error"}),
            "failed",
            "server_error",
        ),
        (said(response={"status_code": 200, "body": "no object"}), "answered", ""),
        (said(response={"status_code": 200}), "answered", ""),
        (said(response={"status_code": 200, "body": DEEP}), "answered", ""),
        (said(response=None, error={"code": "batch_expired"}), "expired", "batch_expired"),
        (said(response=None, error={"code": "batch_cancelled"}), "failed", "batch_cancelled"),
        (said(response=None, error={"code": "a key sk-123 or worse"}), "failed", ""),
        (said(), "failed", ""),
    ],
)
def test_a_result_is_one_of_four_and_its_error_quotes_nothing(given: bytes, state: str, code: str) -> None:
    """Whatever stands under 200 was billed; only the provider's word for it is an expiry."""
    found = read_result(given)

    assert found
    assert (CALL, state, code) == (found.call_id, found.state, found.code)
    assert "sk-123" not in found.error + found.label


def test_whatever_goes_wrong_while_an_answer_is_read_is_said_of_that_answer_and_quotes_nothing() -> None:
    """A reader that stumbles stops nobody, and what it says may be personal."""

    class Stumbling:
        def read(self, call: Call, content: bytes) -> Any:
            raise RecursionError("Ada Lovelace")

        def billed(self, content: bytes) -> Any:
            raise KeyError("Ada Lovelace")

    service: Any = Stumbling()
    call: Any = None
    with pytest.raises(Unusable, match=r"^it cannot be read \(RecursionError\)$") as raised:
        read_answer(service, call, b"{}")

    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert Billed(None, 0, None) == read_bill(service, b"{}")


@pytest.mark.parametrize(
    "given", [b"", b"no json", b"[]", b"7", b"{}", b'{"custom_id": 7}', b'{"custom_id": "x"}']
)
def test_what_is_not_ours_is_no_result(given: bytes) -> None:
    """It is counted, and touches nothing."""
    assert read_result(given) is None


@pytest.mark.parametrize(
    ("card", "follows"),
    [
        ({"status": "validating"}, "wait"),
        ({"status": "in_progress", "output_file_id": "early"}, "wait"),
        ({"status": "finalizing"}, "wait"),
        ({"status": "cancelling"}, "wait"),
        ({"status": "completed"}, "land"),
        ({"status": "expired"}, "land"),
        ({"status": "cancelled"}, "land"),
        ({"status": "failed"}, "fail"),
        ({"status": "failed", "errors": {"data": [{"code": "bad_line"}]}}, "fail"),
        ({"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded"}]}}, "make room"),
        (
            {
                "status": "failed",
                "errors": {"data": [{"code": "token_limit_exceeded"}, {"code": "bad_line"}]},
            },
            "fail",
        ),
        ({"status": "something new"}, "wait"),
        ({}, "wait"),
    ],
)
def test_only_an_end_is_landed_and_only_want_of_room_is_tried_again(
    card: dict[str, Any], follows: str
) -> None:
    """A state that nobody knows yet is waited for: it may still be billed."""
    assert follows == decide(card).next


def test_lines_are_whole_wherever_the_pieces_end() -> None:
    """A piece may end within a line, at its end, or hold many."""
    pieces = [b"on", b"e\ntw", b"o\n", b"three\nfour\nfi", b"ve"]

    assert [b"one", b"two", b"three", b"four", b"five"] == list(_whole_lines(iter(pieces)))
