"""What a site lets robots read (RFC 9309).  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from protego import Protego

from plumbline.web.outcomes import Away, Ended, Gone, Page, Refused, Same, refusal
from plumbline.web.urls import Address, parse

PARSED_AT_MOST = 500 * 1024
"""Bytes of a robots.txt that are read; RFC 9309 asks for these at least."""
DELAY_AT_MOST = 60.0
"""Seconds: a site that asks for longer pauses between requests is not read at all."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one robots.txt says to one robot."""

    agent: str
    said: Protego | None
    sitemaps: frozenset[str] = frozenset()

    @property
    def delay(self) -> float:
        """Seconds that the site wants between two requests."""
        return (self.said.crawl_delay(self.agent) or 0.0) if self.said else 0.0

    def demand_permission(self, address: Address, *, sitemap: bool = False) -> None:
        """
        Hold a request to the rules; a sitemap that robots.txt names may be read, whatever the rules are.

        Raises:
            Ended: They forbid it (`robots`).
        """
        # Waiting less than is asked for would break the rule, and waiting for hours would keep nobody's refresh.
        if self.delay > DELAY_AT_MOST:
            raise refusal(
                "robots",
                f"The robots.txt of {address.host} asks for {self.delay:,.0f} seconds between requests;"
                f" at most {DELAY_AT_MOST:.0f} are waited.",
            )
        if sitemap and address.url in self.sitemaps:
            return
        if self.said and not self.said.can_fetch(address.url, self.agent):
            raise refusal("robots", f"The robots.txt of {address.host} forbids it.")


def read_rules(agent: str, outcome: Page | Same | Gone | Refused | Away) -> Rules | Refused | Away:
    """Make rules of what became of the request for a robots.txt; where it cannot be read now, nothing may be."""
    match outcome:
        case Page(content=content):
            said = Protego.parse(_text(content))
            return Rules(agent, said, _spelled(said))
        case Away(reason=reason, retry_after=seconds):
            return Away(f"The robots.txt cannot be read: {reason}", seconds)
        # RFC 9309, 2.3.1: what is not there, is not shown to us or leads in circles forbids nothing.
        case Gone() | Same() | Refused(code="denied" | "too_many_redirects"):
            return Rules(agent, None)
        case Refused(code="forbidden_address" | "forbidden_scheme"):
            return outcome
        case Refused(reason=reason):
            return Away(f"The robots.txt cannot be read: {reason}")


def _text(content: bytes) -> str:
    if len(content) >= PARSED_AT_MOST:
        # Half a line would be another rule.
        content = content[: content.rfind(b"\n") + 1]
    return content.decode("utf-8-sig", "replace")


def _spelled(said: Protego) -> frozenset[str]:
    spelled = set()
    for url in said.sitemaps:
        try:
            spelled.add(parse(url).url)
        except Ended:
            continue
    return frozenset(spelled)
