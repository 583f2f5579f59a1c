"""Bank accounts by their international number, and the Italian fiscal code, which begins as it does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from plumbline.privacy.detection.identities import FISCAL, passes
from plumbline.privacy.detection.spans import Span

_HEAD = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?=[ \u00a0-]?[0-9A-Za-z])")
_BODY = re.compile(r"(?:[ \u00a0-]?[0-9A-Za-z]){11,30}+")
_SHORTEST = 15


def ibans(text: str) -> Iterator[Span]:
    """Yield account numbers whose remainder by 97 is 1 and whose form is that of their country, spaced or not."""
    for head in _HEAD.finditer(text):
        body = _BODY.match(text, head.end())
        if body:
            found = _longest_valid(text, head.start(), body.end())
            if found:
                shown = text[head.start() : found]
                yield Span(head.start(), found, "iban", re.sub(r"[^0-9A-Za-z]", "", shown).upper(), shown)


def fiscal_codes(text: str) -> Iterator[Span]:
    """Yield Italian fiscal codes."""
    for found in FISCAL.finditer(text):
        if passes("it.codicefiscale", found[0]):
            yield Span(found.start(), found.end(), "id", found[0].upper(), found[0])


def _longest_valid(text: str, start: int, end: int) -> int | None:
    """Return where the account number ends: words may follow it that could be part of one."""
    for last in range(end, start + _SHORTEST - 1, -1):
        if text[last - 1].isalnum() and not text[last : last + 1].isalnum():
            compact = re.sub(r"[^0-9A-Za-z]", "", text[start:last]).upper()
            if _remainder(compact) == 1 and passes("iban", compact):
                return last
    return None


def _remainder(compact: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97
