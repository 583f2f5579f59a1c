"""Addresses that machines read: e-mail, IP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from plumbline.privacy.detection.spans import Span

# Both look from the sign outwards, a bounded way: a text of signs alone costs no more than one of words.
_LOCAL = re.compile(r"[\w.%+'-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_LOOKED_BACK = 64
_QUAD = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])")
_VERSION = re.compile(r"(?:\bv|version|release|section|chapter|§)[^\w\n]{0,3}\Z", re.IGNORECASE)
_GROUPS = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_FEWEST_DIGITS = 4


def emails(text: str) -> Iterator[Span]:
    """Yield addresses of e-mail; the case of an address says nothing."""
    at = text.find("@")
    end = 0
    while at >= 0:
        # What belongs to the address before is not looked at again.
        local = _LOCAL.search(text, max(end, at - _LOOKED_BACK), at)
        domain = _DOMAIN.match(text, at + 1)
        if local and domain:
            start = local.start() + len(local[0]) - len(local[0].lstrip(".'-+%"))
            if start < at:
                end = domain.end()
                shown = text[start:end]
                yield Span(start, end, "email", shown.casefold(), shown)
        at = text.find("@", max(at + 1, end))


def ipv4(text: str) -> Iterator[Span]:
    """Yield addresses of the fourth version that could be somebody's: no loopback, no mask, no version of a program."""
    for found in _QUAD.finditer(text):
        try:
            address = IPv4Address(found[0])
        except AddressValueError:
            continue
        if address.is_loopback or address.is_unspecified or address.packed[0] == 255:  # noqa: PLR2004 - a mask
            continue
        if not _VERSION.search(text, max(0, found.start() - 12), found.start()):
            yield Span(found.start(), found.end(), "ip", str(address), found[0])


def ipv6(text: str) -> Iterator[Span]:
    """Yield addresses of the sixth version; names with colons in them, as of programs, have hardly a digit."""
    for found in _GROUPS.finditer(text):
        try:
            address = IPv6Address(found[0])
        except AddressValueError:
            continue
        groups = [group for group in found[0].split(":") if group]
        if (
            len(groups) > 1
            and sum(map(len, groups)) >= _FEWEST_DIGITS
            and any(sign.isdigit() for sign in found[0])
        ):
            yield Span(found.start(), found.end(), "ip", str(address), found[0])
