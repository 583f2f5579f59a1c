"""The rules of the moderation are checked as a whole, before the first text is judged by one of them."""

from __future__ import annotations

import pytest

from plumbline.core.errors import Misconfigured
from plumbline.models.moderating import read_rules, rules

RULES = """
[every_use]
any = "review"
[use.triage]
harassment = "block"
[unmoderated]
every_use = "wait"
[refusals]
every_use = "keep"
"""


def test_what_is_well_said_is_read() -> None:
    """Also the rules that are shipped."""
    assert read_rules(RULES)["use"] == {"triage": {"harassment": "block"}}
    assert rules()["every_use"]["any"] == "review"


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('any = "review"', 'any = "revue"', r"any of \[every_use\] .* not 'revue'"),
        ('any = "review"', 'hate = "review"', r"\[every_use\] .* say any"),
        ('harassment = "block"', 'harassment = "blok"', r"harassment of \[use\.triage\] .* not 'blok'"),
        ('harassment = "block"', "harassment = [1]", r"harassment of \[use\.triage\]"),
        ("[use.triage]", "[uses.triage]", r"nobody knows \[uses\]"),
        ("[unmoderated]", "[unmoderatd]", r"nobody knows \[unmoderatd\]"),
        ('every_use = "wait"', 'every_use = "wait"\ntriage = "keep"', r"triage of \[unmoderated\]"),
        ('every_use = "keep"', 'every_use = "wait"', r"every_use of \[refusals\]"),
        ('[refusals]\nevery_use = "keep"', "", r"\[refusals\] must be a table"),
        ("[every_use]", "[every_use", "no TOML"),
    ],
)
def test_a_slip_is_said_with_its_place(right: str, wrong: str, says: str) -> None:
    """Not as an error of Python, in the middle of a stream."""
    assert right in RULES

    with pytest.raises(Misconfigured, match=says):
        read_rules(RULES.replace(right, wrong))
