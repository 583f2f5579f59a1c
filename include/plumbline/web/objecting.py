"""
What can be said against an address before anybody is asked.
"""

from __future__ import annotations

from plumbline.web.addresses import demand_public, demand_public_name, is_number
from plumbline.web.outcomes import Ended, Refused
from plumbline.web.urls import parse


def objection_to(url: str) -> Refused | None:
    """
    Return why a page will never be read from this address, by its spelling alone; None where nothing speaks against it.

    A name may still lead to an address that is not public: that is seen when it is looked up.  Pure.
    """
    try:
        host = parse(url).host
        demand_public_name(host)
        if is_number(host):
            demand_public(host, (host,))
    except Ended as ended:
        return ended.outcome if isinstance(ended.outcome, Refused) else None
    return None
