"""
Find everything of a known form in a text.

The promise is a bounded time for every text: no expression can go back over more than a fixed number of characters,
and what the cheap hints rule out is not looked for at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from plumbline.privacy.detection import accounts, credentials, network
from plumbline.privacy.detection.hints import hints
from plumbline.privacy.detection.numbers import numbers
from plumbline.privacy.detection.spans import LEFT_ALONE, Span, longest


def find(text: str, besides: Iterable[Span] = ()) -> list[Span]:
    """
    Return what is personal or secret in a text, in order and without overlaps: of two that overlap, the longer.

    `besides` are spans that were found otherwise, as by a list of names.  Nothing is found in words that stand for a
    value already.
    """
    spans = [*besides, *_all(text)]
    if not spans:
        return []
    taken = [found.span() for found in LEFT_ALONE.finditer(text)] if "[" in text else []
    return longest(spans, taken)


def _all(text: str) -> Iterator[Span]:
    yield from credentials.shapes(text)
    hint = hints(text)
    if hint.password:
        yield from credentials.passwords(text)
    if hint.email:
        secrets = list(credentials.in_addresses(text))
        yield from secrets
        # A password before a host is no mailbox.
        ends = {span.end for span in secrets}
        yield from (span for span in network.emails(text) if text.find("@", span.start) not in ends)
    if hint.ipv6:
        yield from network.ipv6(text)
    if hint.numeric:
        yield from accounts.ibans(text)
        yield from accounts.fiscal_codes(text)
        yield from network.ipv4(text)
        yield from numbers(text)
