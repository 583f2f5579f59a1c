"""
Numbers that a state gives to a person, told by their form and their check digits.

What has no form of its own and one check digit only (the Dutch BSN, a Swiss insurer's number) is told by its label
alone: every tenth number would pass.  The check digits are computed by python-stdnum.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module

_SSN = (3, 2, 4)
_SWISS = (3, 4, 4, 2)
_HYPHENED = {(6, 4): ("se.personnummer", "dk.cpr")}
_BARE = {
    9: (),
    11: ("de.idnr", "pl.pesel", "be.nn", "no.fodselsnummer"),
    13: ("ch.ssn",),
    15: ("fr.nir",),
}
_SPACED = {
    (2, 3, 3, 3): ("de.idnr",),
    (2, 2, 2, 3, 2): ("be.nn",),
    (1, 2, 2, 2, 3, 3, 2): ("fr.nir",),
    (1, 2, 2, 2, 3, 3): (),
}
_LETTERED = (
    ("es.dni", re.compile(r"(?<![0-9A-Za-z])[0-9]{8}[ -]?[A-Z](?![0-9A-Za-z])")),
    ("es.nie", re.compile(r"(?<![0-9A-Za-z])[XYZ][ -]?[0-9]{7}[ -]?[A-Z](?![0-9A-Za-z])")),
    (
        "gb.nino",
        re.compile(
            r"(?<![0-9A-Za-z])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?[0-9]{2}[ -]?[0-9]{2}"
            r"[ -]?[0-9]{2}[ -]?[A-D](?![0-9A-Za-z])"
        ),
    ),
    ("fi.hetu", re.compile(r"(?<![0-9A-Za-z])[0-9]{6}[-+A][0-9]{3}[0-9A-Y](?![0-9A-Za-z])")),
)
FISCAL = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]{6}[0-9]{2}[A-EHLMPR-Ta-ehlmpr-t][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z](?![0-9A-Za-z])"
)


@cache
def _check(name: str) -> Callable[[str], bool]:
    valid: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return valid


def passes(name: str, number: str) -> bool:
    """Whether a number has the check digits of a kind, by python-stdnum's name of it; of NINO, which has none, yes."""
    return name == "gb.nino" or _check(name)(number)


def is_identity(digits: str, groups: tuple[int, ...], between: str) -> bool:
    """
    Whether digits, in groups of so many, with this sign between them, are somebody's number wherever they stand.

    `between` is the one sign that stands between the groups, or empty where they differ or there is one group only.
    """
    if groups == _SSN:
        return between == "-" and passes("us.ssn", "-".join((digits[:3], digits[3:5], digits[5:])))
    if groups == _SWISS:
        return between in {".", " "} and passes("ch.ssn", digits)
    if between == "-" and groups in _HYPHENED:
        return any(passes(name, f"{digits[:6]}-{digits[6:]}") for name in _HYPHENED[groups])
    names = _BARE.get(len(digits), ()) if len(groups) == 1 else _SPACED.get(groups, ())
    return any(passes(name, digits) for name in names)


def lettered(token: str) -> re.Match[str] | None:
    """Return where a number with letters of its own is in a short text."""
    for name, form in _LETTERED:
        found = form.search(token)
        if found and passes(name, re.sub(r"[ -]", "", found[0]) if name != "fi.hetu" else found[0]):
            return found
    return None
