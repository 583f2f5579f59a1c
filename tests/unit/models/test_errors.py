"""What a person reads when money is at stake."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from plumbline.core.errors import Fatal, Later, Passing
from plumbline.models import errors


def test_a_cut_off_call_says_what_is_at_stake_and_what_to_do() -> None:
    """Which calls, how many tokens, how much money, which command."""
    call_id = uuid.uuid4()

    message = str(errors.MayHaveBeenBilled([call_id], 1234, Decimal("0.000024680")))

    assert f"{call_id}" in message
    assert "1234 tokens" in message
    assert "0.000024680 USD" in message
    assert f"plumbline calls release {call_id} --billed" in message


def test_a_refusal_to_go_on_buying_names_the_way_out() -> None:
    """Which call, what to look at, which command."""
    call_id = uuid.uuid4()

    message = str(errors.StillUnusable(call_id, "embed_chunk", "a-model at https://api.example/v1"))

    assert all(part in message for part in (f"{call_id}", "a-model at https", "`plumbline doctor --live`"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.PriceUnknown, Fatal),
        (errors.InputRefused, Fatal),
        (errors.KeyRejected, Fatal),
        (errors.CreditUsedUp, Fatal),
        (errors.AnswerUnusable, Fatal),
        (errors.StillUnusable, Fatal),
        (errors.MayHaveBeenBilled, Fatal),
        (errors.RetryLater, Later),
        (errors.ProviderUnreachable, Passing),
        (errors.ProviderFailing, Passing),
        (errors.ProviderResting, Later),
    ],
)
def test_the_type_says_whether_trying_again_can_help(error: type[Exception], kind: type[Exception]) -> None:
    """A task that raises a fatal one is not retried: a retry could pay twice."""
    assert issubclass(error, kind)
