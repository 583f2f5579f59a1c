"""
Number formats of workbooks: a figure as people see it, with its decimals, thousands, percent sign and currency.

Points and commas are those of the format itself, whatever country the file comes from: a workbook does not say in
which one it will be opened.  Formats that no figure of ours can follow (fractions, exponents, conditions) leave the
figure as it is.  Pure.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r"\"(?P<quoted>[^\"]*)\"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[(?P<bracket>[^\]]*)\]|[_*](?P<space>.)"
    r"|(?P<figure>[#0?][#0?,]*(?:\.[#0?]*)?,*|\.[#0?]+)|(?P<general>General)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_SECTION = re.compile(r"((?:\"[^\"]*\"|\\.|\[[^\]]*\]|[^;])*);", re.DOTALL)
_PLAIN = frozenset(" -+()/:%$€£¥₹'~^&{}=!<>")
_COLOURS = frozenset(["black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"])
_FORMAT_AT_MOST = 255  # characters; Excel allows no more
_FIGURES_AT_MOST = 15  # all that a cell can hold exactly
_SECTIONS = 3  # for figures; a fourth is for text


class _Style(NamedTuple):
    """What stands before and after a figure, and how it is written; `least` digits stand before the point at least."""

    before: str
    after: str
    least: int
    most: int
    fixed: int
    thousands: bool
    shift: int


def figure(value: float, number_format: str) -> str | None:
    """Return a figure in this format; None where it asks for nothing that can be followed."""
    styles = _styles(number_format)
    if not styles or abs(value) >= 10**_FIGURES_AT_MOST:
        return None
    exact = Decimal(f"{value:.15g}")
    section = 1 if exact < 0 and len(styles) > 1 else 2 if not exact and len(styles) > _SECTIONS - 1 else 0
    style = styles[section]
    sign = "-" if exact < 0 and section == 0 else ""
    if style.most < 0:  # words instead of a figure
        return f"{sign}{style.before}".strip()
    said = _written(abs(exact).scaleb(style.shift), style)
    if not any(digit in said for digit in "123456789"):
        sign = ""
    return f"{sign}{style.before}{said}{style.after}".strip()


def _written(exact: Decimal, style: _Style) -> str:
    rounded = exact.quantize(Decimal(1).scaleb(-style.most), ROUND_HALF_UP)
    whole, _, decimals = f"{rounded:,f}".partition(".")
    if not style.thousands:
        whole = whole.replace(",", "")
    if whole == "0" and not style.least:
        whole = ""
    while len(decimals) > style.fixed and decimals.endswith("0"):
        decimals = decimals[:-1]
    whole = whole.rjust(style.least, "0")
    return f"{whole}.{decimals}" if decimals else whole or "0"


@lru_cache(maxsize=1_024)
def _styles(number_format: str) -> tuple[_Style, ...]:
    """The sections of a format: for figures, for those below nought, and for nought; none where one is beyond us."""
    if len(number_format) > _FORMAT_AT_MOST or number_format.lower() in ("", "general", "@"):
        return ()
    styles = [_style(section) for section in _SECTION.findall(f"{number_format};")[:_SECTIONS]]
    return tuple(style for style in styles if style) if all(styles) else ()


def _style(section: str) -> _Style | None:
    before, after, found = "", "", ""
    percent = 0
    for token in _TOKEN.finditer(section):
        kind, said = token.lastgroup, token[token.lastgroup or 0]
        if kind == "figure" and not found:
            found = said
            continue
        if kind == "bracket" and said.lower() in _COLOURS:
            continue
        if kind in ("figure", "general", "bracket") or (kind == "other" and said not in _PLAIN):
            return None
        percent += kind == "other" and said == "%"
        shown = " " if kind == "space" else said
        before, after = (before, after + shown) if found else (before + shown, after)
    if not found:
        return _Style(before, "", 0, -1, 0, thousands=False, shift=0)
    whole, _, decimals = found.partition(".")
    scaled = len(found) - len(found.rstrip(","))
    return _Style(
        before,
        after,
        whole.count("0"),
        len(decimals.rstrip(",")),
        decimals.rstrip("#?,").count("0"),
        thousands="," in whole.rstrip(","),
        shift=2 * percent - 3 * scaled,
    )
