"""
Pages of strangers' sites, read safely and politely.

    with Web(contact="https://example.com/bot") as web:
        for entry in web.sitemap("https://docs.example.com/sitemap.xml"):
            ...

It knows nothing of documents, tenants or databases.
"""

from plumbline.web.browsing import Web
from plumbline.web.guard import Clock, Dial, Resolve
from plumbline.web.manners import Sleep
from plumbline.web.objecting import objection_to
from plumbline.web.outcomes import Away, Entry, Gone, Page, Refused, RefusedCode, Same
from plumbline.web.paths import path_of

__all__ = [
    "Away",
    "Clock",
    "Dial",
    "Entry",
    "Gone",
    "Page",
    "Refused",
    "RefusedCode",
    "Resolve",
    "Same",
    "Sleep",
    "Web",
    "objection_to",
    "path_of",
]
