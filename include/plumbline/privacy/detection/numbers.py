"""
Numbers: cards, telephones, numbers of persons, told apart by form, check digits and the words before them.

A run of digits may hold several numbers with spaces between, and a number may be in groups with spaces between; so
each sequence of whole groups is looked at, at most nine groups from each, and the longest that is something wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from plumbline.privacy.detection import labels
from plumbline.privacy.detection.identities import is_identity, lettered
from plumbline.privacy.detection.spans import Span

_BETWEEN = r"[ .\-/()\u00a0\u2009\u202f\u2010-\u2013]"
_RUN = re.compile(rf"(?:\+[ ]?|\()*+[0-9](?:{_BETWEEN}{{0,3}}[0-9])*+")
_GROUP = re.compile(r"[0-9]+")
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2}"
)
_CHAIN = re.compile(r"[ \t]{0,2}(?:[,/;]|\by|\be|\bo|\bor|\band|\bund|\boder|\bet|\bou)[ \t]{1,2}\(?\Z")
_HEAD = re.compile(r"[0-9A-Za-z]{1,4}-?\Z")
_TAIL = re.compile(r"[0-9A-Za-z]{0,4}")
_PLAIN = str.maketrans("\u2010\u2011\u2012\u2013\u00a0\u2009\u202f", "----   ")
_PARTING = " \u00a0\u2009\u202f/()"
_FEWEST, _MOST, _MOST_GROUPS = 6, 19, 9
_CARD_PREFIX = re.compile(r"4|5[0-8]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720|131)|3[0-9]|6(?:011|[2-9])|1800")
_CARD_LENGTHS = (12, 19)
_CARD_GROUPS = (4, 6)
_ADDRESS = 256


@dataclass(frozen=True, slots=True)
class _Number:
    """Some groups of a run: where, which digits, and what stands around and between them."""

    start: int
    end: int
    raw: str
    digits: str
    groups: tuple[int, ...]
    between: str
    first: bool
    context: str


def numbers(text: str) -> Iterator[Span]:
    """Yield every number that is something; what overlaps is left to the caller."""
    after_phone = -1
    for run in _RUN.finditer(text):
        if run.end() - run.start() < _FEWEST or _in_address(text, run.start()):
            continue
        with_letters = _with_letters(text, run)
        if with_letters is not None:
            yield with_letters
        for number in _candidates(text, run):
            kind = _kind(number, chained=_is_chained(text, after_phone, number.start))
            if kind is not None:
                after_phone = number.end if kind == "phone" else after_phone
                sign = "+" if "+" in number.raw[:2] else ""
                yield Span(number.start, number.end, kind, sign + number.digits, number.raw)


def luhn(digits: str) -> bool:
    """Whether digits end in the check digit by Luhn."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digits of a two-digit product are added
    return total % 10 == 0


def _candidates(text: str, run: re.Match[str]) -> Iterator[_Number]:
    groups = [found.span() for found in _GROUP.finditer(text, run.start(), run.end())]
    before = text[run.start() - 1] if run.start() else " "
    after = text[run.end() : run.end() + 1]
    for first, (start, _) in enumerate(groups):
        if not _may_begin(text, groups, first, before):
            continue
        begin = _opening(text, run.start() if first == 0 else groups[first - 1][1], start)
        digits = singles = 0
        for last in range(first, min(first + _MOST_GROUPS, len(groups))):
            size = groups[last][1] - groups[last][0]
            digits, singles = digits + size, singles + (size == 1)
            # Numbers of one digit side by side are a table.
            if digits > _MOST or singles > 1:
                break
            if digits >= _FEWEST and _may_end(text, groups, last, after):
                yield _number(text, begin, groups[first : last + 1], first=first == 0)


def _number(text: str, begin: int, groups: list[tuple[int, int]], *, first: bool) -> _Number:
    betweens = {text[left[1] : right[0]].translate(_PLAIN) for left, right in pairwise(groups)}
    end = groups[-1][1]
    return _Number(
        start=begin,
        end=end,
        raw=text[begin:end],
        digits="".join(text[left:right] for left, right in groups),
        groups=tuple(right - left for left, right in groups),
        between=betweens.pop() if len(betweens) == 1 else "",
        first=first,
        context=labels.context(text, begin),
    )


def _opening(text: str, earliest: int, start: int) -> int:
    """Where a number begins: with its first digit, or the plus or parenthesis before it."""
    begin = start
    while begin > earliest and text[begin - 1] in "+(":
        begin -= 1
    if begin - 1 > earliest and text[begin - 2 : begin] == "+ ":
        begin -= 2
    return begin


def _may_begin(text: str, groups: list[tuple[int, int]], first: int, before: str) -> bool:
    """A number begins where no word, decimal or hyphen goes on."""
    if first == 0:
        signed = text[groups[0][0] - 1 : groups[0][0]] == "+"
        return not (before.isalnum() or before in ("_" if signed else "_.,"))
    return _parts(text[groups[first - 1][1] : groups[first][0]])


def _may_end(text: str, groups: list[tuple[int, int]], last: int, after: str) -> bool:
    if last == len(groups) - 1:
        return not (after.isalnum() or after == "_")
    return _parts(text[groups[last][1] : groups[last + 1][0]])


def _parts(between: str) -> bool:
    """Whether two numbers may be told apart here: a hyphen or a point binds."""
    return not between.strip(_PARTING) and any(sign not in "()" for sign in between)


def _is_chained(text: str, after_phone: int, start: int) -> bool:
    """Whether it stands beside a telephone number, with nothing but "and" between."""
    return 0 <= after_phone < start and _CHAIN.fullmatch(text, after_phone, start) is not None


def _in_address(text: str, start: int) -> bool:
    """Whether it is part of the address of a page, and no value of its query: those number pages, not people."""
    before = text[max(0, start - _ADDRESS) : start]
    if "://" not in before or before.endswith("=") or before[-1:].isspace():
        return False
    return "://" in before.rsplit(maxsplit=1)[-1]


def _with_letters(text: str, run: re.Match[str]) -> Span | None:
    """A number with letters of its own, around the run; or one that a label names, with a letter before it."""
    left, right = max(0, run.start() - 4), min(len(text), run.end() + 4)
    if run.end() - run.start() > 2 * _MOST:
        return None
    if found := lettered(text[left:right]):
        start, end = left + found.start(), left + found.end()
        if (start == 0 or not text[start - 1].isalnum()) and not text[end : end + 1].isalnum():
            return _span(text, start, end, "id")
    head, tail = _HEAD.search(text, left, run.start()), _TAIL.match(text, run.end())
    start, end = head.start() if head else run.start(), tail.end() if tail else run.end()
    if (start, end) == run.span() or (start and text[start - 1].isalnum()) or text[end : end + 1].isalnum():
        return None
    kind = labels.kind_of(labels.context(text, start))
    return _span(text, start, end, kind) if kind in {"licence", "id"} else None


def _span(text: str, start: int, end: int, kind: str) -> Span:
    shown = text[start:end]
    return Span(start, end, kind, re.sub(r"[\W_]", "", shown).upper(), shown)


def _kind(number: _Number, *, chained: bool) -> str | None:
    """What a number is, or None.  Pure."""
    if _is_card(number):
        return "card"
    if _DATE.search(number.raw):
        return None
    if is_identity(number.digits, number.groups, number.between):
        return "id"
    labelled = labels.kind_of(number.context)
    return labelled or ("phone" if _is_phone(number, chained=chained) else None)


def _is_card(number: _Number) -> bool:
    digits, groups = number.digits, number.groups
    if not _CARD_LENGTHS[0] <= len(digits) <= _CARD_LENGTHS[1] or "+" in number.raw:
        return False
    in_groups = len(groups) == 1 or (
        number.between in {" ", "-"}
        and _CARD_GROUPS[0] <= min(groups[:-1])
        and max(groups) <= _CARD_GROUPS[1]
    )
    if not in_groups or not luhn(digits):
        return False
    plain = len(digits) > _CARD_LENGTHS[0] and _CARD_PREFIX.match(digits) is not None
    return plain or labels.says_card(number.context)


_NANP = ((3, 3, 4), (1, 3, 3, 4))
_INTERNATIONAL = (8, 15)
_NATIONAL = (9, 11)
_LOCAL = (7, 13)
_LONGEST_AREA = 5


def _is_phone(number: _Number, *, chained: bool) -> bool:
    """By its form; or, in groups, by a word that says that somebody is reached there, or beside another one."""
    digits, groups = number.digits, number.groups
    if "+" in number.raw[:2]:
        return digits[0] != "0" and _INTERNATIONAL[0] <= len(digits) <= _INTERNATIONAL[1]
    if groups in _NANP and _is_nanp(number):
        return True
    if not number.first and not chained:
        return False
    if digits.startswith("00"):
        return len(groups) > 1 and _INTERNATIONAL[0] <= len(digits) - 2 <= _INTERNATIONAL[1]
    if _is_national(number):
        return True
    several = len(groups) > 1 and min(groups) > 1 and _LOCAL[0] <= len(digits) <= _LOCAL[1]
    return several and (chained or labels.says_reached(number.context))


def _is_nanp(number: _Number) -> bool:
    """North America: neither area nor exchange begins with 0 or 1; hyphens, points or parentheses between."""
    local = number.digits[-10:]
    marked = number.between in {"-", "."} or "(" in number.raw
    return marked and local[0] in "23456789" and local[3] in "23456789" and number.digits[:-10] in {"", "1"}


def _is_national(number: _Number) -> bool:
    """Europe: a 0 for the trunk, then groups with one kind of sign between, which do not simply count upwards."""
    digits, groups = number.digits, number.groups
    if digits[0] != "0" or not _NATIONAL[0] <= len(digits) <= _NATIONAL[1]:
        return False
    if len(groups) == 1:
        return len(digits) > _NATIONAL[0] and not (
            _counts_upwards(digits, 1) or labels.says_book(number.context)
        )
    if min(groups) == 1 or groups[0] > _LONGEST_AREA or len(number.between.strip()) > 1:
        return False
    counted = len(set(groups)) == 1 and _counts_upwards(digits, groups[0])
    return bool(number.between or "(" in number.raw or "/" in number.raw) and not counted


def _counts_upwards(digits: str, size: int) -> bool:
    values = [int(digits[place : place + size]) for place in range(0, len(digits), size)]
    return all(right - left == 1 for left, right in pairwise(values))
