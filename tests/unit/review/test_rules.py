"""The rules of the queue are data, and data that says nothing that can be kept is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from plumbline.core.errors import Misconfigured
from plumbline.review import NoSuchItem, NotInTheRules, rules
from plumbline.review.effects import BILLED, NOT_BILLED, ON_DECIDED
from plumbline.review.items import id_range
from plumbline.review.rules import kind, kinds, read_rules

SHIPPED = Path(rules.__file__).with_name("rules.toml").read_text(encoding="utf-8")
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_the_rules_that_ship_are_whole() -> None:
    """Every effect that they name exists, and every effect is named."""
    assert {"unknown_call", "flagged_input", "spend_approval", "model_refusal"} <= kinds().keys()
    assert {one.on_decided for one in kinds().values() if one.on_decided} == ON_DECIDED.keys()
    assert set(kind("unknown_call").decisions) == {BILLED, NOT_BILLED}
    for one in kinds().values():
        assert all(one.due_at(MONDAY, urgency) > MONDAY for urgency in one.hours)
        assert all([*one.reasons.values(), *one.decisions.values()])


def test_what_the_rules_do_not_know_is_refused_with_what_they_do() -> None:
    """A misspelt kind would wait in a queue that nobody looks at."""
    with pytest.raises(
        NotInTheRules, match=r"'unknown_cal' is no kind of question\. There are: unknown_call, "
    ):
        kind("unknown_cal")
    with pytest.raises(
        NotInTheRules, match=r"'tired' is no reason of the kind unknown_call\. There are: cut_off"
    ):
        kind("unknown_call").check_reason("tired")
    with pytest.raises(
        NotInTheRules, match=r"'at once' is no urgency of the kind unknown_call\. There are: normal"
    ):
        kind("unknown_call").due_at(MONDAY, "at once")


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ("[business_hours]", "[business_hours", "no TOML"),
        ("[business_hours]", "[hours]", "lack 'business_hours'"),
        ('zone = "Europe/Berlin"', 'zone = "Europe/Bonn"', "No time zone"),
        ('"Monday"', '"Mondays"', "know no Mondays"),
        ('from = "09:00"', 'from = "17:00"', "leave no hour"),
        ("holidays = []", 'holidays = ["Christmas"]', "isoformat"),
        ('clock = "around"', 'clock = "sun"', "one of business, around"),
        ("normal = 8, ", "", "needs hours for 'normal'"),
        ("normal = 8, ", "normal = 0, ", "above 0"),
        ('cut_off = "it was sent and never answered"', "", "needs reasons"),
        ('subject = "call"', "", "lack 'subject'"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(old: str, new: str, fact: str) -> None:
    """When they are read, not when somebody is waiting."""
    assert old in SHIPPED

    with pytest.raises(Misconfigured, match=fact):
        read_rules(SHIPPED.replace(old, new, 1))


def test_the_beginning_of_an_id_is_a_range_of_ids() -> None:
    """With or without its dashes; too short a beginning would meet strangers."""
    first, last = id_range("AB12-cd34")

    assert (first.hex, last.hex) == ("ab12cd34".ljust(32, "0"), "ab12cd34".ljust(32, "f"))
    for wrong in ("", "abc", "xyz12345", "a" * 33, "ab12 or 1=1"):
        with pytest.raises(NoSuchItem, match="is not the id of an item"):
            id_range(wrong)
