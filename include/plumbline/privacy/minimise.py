"""
What leaves for a model is reduced to what it needs, before anything is stored or sent.

Personal values become pseudonyms, which are turned back on delivery only (`plumbline.privacy.restore`); credentials
become words that lead back to nothing.  The door takes its keys over the minimised text, so a better detection buys
anew only what it changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.core.tools import Tools
from plumbline.privacy.detection import Span, find
from plumbline.privacy.keys import Keyring
from plumbline.privacy.listed import matcher_of
from plumbline.privacy.matching import Matcher
from plumbline.privacy.pseudonyms import Named, Pseudonyms

_ROUNDS = 8
_UNREAD = object()


class Minimiser:
    """
    Minimises the texts of one tenant.  For one thread.

    Cheap where nothing is found: no key is read and no row.  With `keep` false it writes nothing, for plans: a value
    that was never met gets a word of this object's own.  The customer list is the one in force when the first text
    comes.
    """

    def __init__(self, tools: Tools, tenant: str, *, keep: bool = True) -> None:
        self._tools = tools
        self._tenant = tenant
        self._keyring: Keyring | None = None
        self._matcher: Matcher | object | None = _UNREAD
        self._pseudonyms = Pseudonyms(tools.db, tenant, self._keys, keep=keep)

    def minimise(self, text: str) -> str:
        """
        Return the text with pseudonyms for what is personal; the very same text where nothing is.

        Raises:
            NoKeys: Something personal is in it, or the tenant has a customer list, and no key is configured.
        """
        spans = self._find(text)
        return self._replaced_in([text], [spans])[0] if spans else text

    def minimise_all(self, texts: Sequence[str]) -> list[str]:
        """Do the same for several texts at once: values that are new are written down together."""
        return self._replaced_in(list(texts), [self._find(text) for text in texts])

    def _replaced_in(self, texts: list[str], found: list[list[Span]]) -> list[str]:
        """Replace what was found, and look again until nothing is: what is minimised stays as it is."""
        for _ in range(_ROUNDS):
            personal = [span for spans in found for span in spans if span.word is None]
            words = self._pseudonyms.words(personal) if personal else {}
            texts = [replaced(text, spans, words) for text, spans in zip(texts, found, strict=True)]
            found = [self._find(text) if spans else [] for text, spans in zip(texts, found, strict=True)]
            if not any(found):
                break
        return texts

    def _find(self, text: str) -> list[Span]:
        if self._matcher is _UNREAD:
            self._matcher = matcher_of(self._tools.db, self._tenant, self._keys)
        listed = self._matcher.find(text) if isinstance(self._matcher, Matcher) else ()
        return find(text, listed)

    def _keys(self) -> Keyring:
        if self._keyring is None:
            self._keyring = Keyring.of(self._tools.pseudonyms)
        return self._keyring


def replaced(text: str, spans: Sequence[Span], words: dict[Named, str]) -> str:
    """Return the text with a word for each span; the spans are in order and do not overlap.  Pure."""
    if not spans:
        return text
    pieces, end = [], 0
    for span in spans:
        pieces += [text[end : span.start], span.word or words[span.kind, span.value]]
        end = span.end
    return "".join([*pieces, text[end:]])
