"""
One word for one value: `[email-7f3k2q9a]`, the same in every text, run and worker of a tenant.

The id is random and says nothing.  A value finds its word by a keyed HMAC, is kept sealed, and is written down and
committed before a text with the word can leave; so a crash leaves a word that the next run finds again.  Deleting the
row destroys the way back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence

from plumbline.core import db
from plumbline.core.db import Database
from plumbline.core.errors import Passing
from plumbline.privacy.detection import Span
from plumbline.privacy.keys import Keyring

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH = 8
_TRIES = 5
_REMEMBERED = 50_000

Named = tuple[str, str]
"""Kind and normalised value."""


class NoFreeId(Passing):
    """Random ids met others again and again."""


class Pseudonyms:
    """
    The words of one tenant.  For one thread.

    With `keep` false nothing is written: a value that has no word yet gets one that lasts as long as this object, for
    plans.
    """

    def __init__(
        self, database: Database, tenant: str, keyring: Callable[[], Keyring], *, keep: bool = True
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._keyring = keyring
        self._keep = keep
        self._known: dict[Named, str] = {}

    def words(self, spans: Iterable[Span]) -> dict[Named, str]:
        """
        Return the word of each value, made and committed where there was none.

        Raises:
            NoKeys: There is no key.  Nothing was written.
        """
        shown = {(span.kind, span.value): span.shown for span in spans}
        missing = [named for named in shown if named not in self._known]
        if missing:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
                missing = list(shown)
            self._known |= self._kept({named: shown[named] for named in missing})
        return {named: self._known[named] for named in shown}

    def _kept(self, shown: dict[Named, str]) -> dict[Named, str]:
        keyring = self._keyring()
        prints = {named: keyring.fingerprints(self._tenant, *named) for named in shown}
        found: dict[Named, str] = {}
        for _ in range(_TRIES):
            with self._database.transaction(self._tenant) as session:
                found |= self._found(session, prints, shown.keys() - found.keys())
                missing = [named for named in shown if named not in found]
                if missing and self._keep:
                    self._insert(session, keyring, missing, prints, shown)
                    found |= self._found(session, prints, missing)
            if not self._keep:
                found |= {named: _word(named[0], _new_id()) for named in missing}
            if len(found) == len(shown):
                return found
        raise NoFreeId(
            f"No free id was found for {len(shown) - len(found)} pseudonyms; start the same again."
        )

    def _found(
        self, session: db.Session, prints: dict[Named, tuple[bytes, ...]], wanted: Iterable[Named]
    ) -> dict[Named, str]:
        """Return the words that are kept, under whichever key; of several the oldest."""
        owners = {(named[0], one): named for named in wanted for one in prints[named]}
        fingerprints = [one for _, one in owners]
        found: dict[Named, str] = {}
        for row in db.rows(session, "privacy/select_pseudonyms", fingerprints=fingerprints):
            named = owners.get((row["kind"], bytes(row["fingerprint"])))
            if named is not None:
                found.setdefault(named, _word(row["kind"], row["pseudonym_id"]))
        return found

    def _insert(
        self,
        session: db.Session,
        keyring: Keyring,
        missing: Sequence[Named],
        prints: dict[Named, tuple[bytes, ...]],
        shown: dict[Named, str],
    ) -> None:
        ids = [_new_id() for _ in missing]
        db.run(
            session,
            "privacy/insert_pseudonyms",
            tenant=self._tenant,
            key_id=keyring.key_id,
            ids=ids,
            kinds=[kind for kind, _ in missing],
            fingerprints=[prints[named][0] for named in missing],
            sealed=[
                keyring.seal(shown[named], self._tenant, named[0], made)
                for named, made in zip(missing, ids, strict=True)
            ],
        )


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def _word(kind: str, pseudonym_id: str) -> str:
    return f"[{kind}-{pseudonym_id}]"
