"""
The company's own customer list: names, addresses and other values, loaded from a CSV file.

A list replaces the one before as a whole, in one transaction, or not at all: a row that could not be used would be a
customer who is not protected, so a file with one is refused.  Values are sealed by the keys of pseudonyms; nothing here
prints one.
"""

from __future__ import annotations

import csv
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from plumbline.core import db
from plumbline.core.db import Database
from plumbline.core.errors import Fatal
from plumbline.core.tools import Tools
from plumbline.privacy.keys import Keyring
from plumbline.privacy.matching import NAME, Listed, Matcher, normalised, words_of

_KIND = re.compile(r"[a-z][a-z_]{1,19}")
_LONGEST = 200
_MOST_WORDS = 16
_REASONS_SHOWN = 20
_PAGE = 5_000
_MATCHERS: dict[tuple[uuid.UUID, bytes], Matcher] = {}
_MATCHERS_KEPT = 4


class ListRefused(Fatal):
    """A customer list cannot be used; the one before stays in force."""


def load_list(tools: Tools, tenant: str, path: Path, *, loaded_by: str) -> dict[str, int]:
    """
    Put the customer list of a CSV file (columns kind and value) into force; return how many values of each kind it has.

    Raises:
        ListRefused: The file cannot be read, or has rows that cannot be used; named by row and reason, never by value.
        NoKeys: There is no key to seal the values with.
    """
    entries = read_list(path)
    keyring = Keyring.of(tools.pseudonyms)
    unique = {(entry.kind, normalised(*entry)): entry for entry in entries}
    with tools.db.transaction(tenant) as session:
        db.run(
            session,
            "privacy/upsert_listing",
            tenant=tenant,
            listing_id=uuid.uuid4(),
            entries=len(unique),
            loaded_by=loaded_by,
        )
        db.run(session, "privacy/delete_listed_values")
        named = list(unique)
        for start in range(0, len(named), _PAGE):
            page = named[start : start + _PAGE]
            db.run(
                session,
                "privacy/insert_listed_values",
                tenant=tenant,
                key_id=keyring.key_id,
                kinds=[kind for kind, _ in page],
                fingerprints=[keyring.fingerprints(tenant, *one)[0] for one in page],
                sealed=[keyring.seal(unique[one].shown, tenant, one[0]) for one in page],
            )
        return _counts(session)


def list_in_force(tools: Tools, tenant: str) -> dict[str, Any] | None:
    """Return when and by whom the list in force was loaded, and its counts by kind; None where there is none."""
    with tools.db.transaction(tenant) as session:
        listing = db.row(session, "privacy/select_listing")
        return None if listing is None else {**listing, "kinds": _counts(session)}


def read_list(path: Path) -> list[Listed]:
    """
    Read a customer list: CSV in UTF-8, whose header names kind and value.

    Raises:
        ListRefused: As for `load_list`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(path, csv.DictReader(file, strict=True)))
    except (OSError, UnicodeDecodeError) as error:
        raise ListRefused(f"{path} cannot be read as a text in UTF-8.") from error
    except csv.Error as error:
        raise ListRefused(f"{path} is not a CSV file that can be read to its end.") from error


def matcher_of(database: Database, tenant: str, keyring: Callable[[], Keyring]) -> Matcher | None:
    """
    Return what finds the values of the tenant's list in force, or None where it has no list.

    A process reads a list once, for as long as it is in force.

    Raises:
        NoKeys: There is a list and no key.
    """
    with database.transaction(tenant) as session:
        listing = db.row(session, "privacy/select_listing")
        if listing is None or not listing["entries"]:
            return None
        keys = keyring()
        known = (listing["listing_id"], keys.key_id)
        if known not in _MATCHERS:
            rows = db.rows(session, "privacy/select_listed_values")
            made = Matcher(
                Listed(
                    row["kind"],
                    keys.unseal(bytes(row["sealed"]), bytes(row["key_id"]), tenant, row["kind"]),
                )
                for row in rows
            )
            while len(_MATCHERS) >= _MATCHERS_KEPT:
                _MATCHERS.pop(next(iter(_MATCHERS)))
            _MATCHERS[known] = made
        return _MATCHERS[known]


def refusal(kind: str, value: str) -> str | None:
    """Return why a row cannot be used, or None.  Pure; the reason does not hold the value."""
    words = words_of(value)
    if not _KIND.fullmatch(kind) or kind == "credential":
        return "its kind is no word of 2 to 20 small letters, such as name or address"
    if not words:
        return "its value has no letter and no digit"
    if len(value) > _LONGEST or len(words) > _MOST_WORDS:
        return f"its value is longer than {_LONGEST} characters or {_MOST_WORDS} words"
    if len(words) == 1 and (kind in {NAME, "address"} or not any(sign.isdigit() for sign in value)):
        return "one word alone cannot be told from an ordinary word"
    return None


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterator[Listed]:
    columns = {name.strip().lower(): name for name in reader.fieldnames or []}
    if not {"kind", "value"} <= columns.keys():
        raise ListRefused(f"The first row of {path} must name the columns kind and value.")
    wrong: list[str] = []
    refused = 0
    for row in reader:
        kind, value = (_cell(row, columns[name]) for name in ("kind", "value"))
        kind = kind.lower()
        reason = "it has more cells than the first row" if None in row else refusal(kind, value)
        if reason is None:
            yield Listed(kind, turned(value) if kind == NAME else value)
        else:
            refused += 1
            wrong += [f"row {reader.line_num}: {reason}"] if len(wrong) < _REASONS_SHOWN else []
    if refused:
        more = f"; and {refused - len(wrong)} more" if refused > len(wrong) else ""
        raise ListRefused(
            f"{path} was not loaded, and the list before stays in force: {'; '.join(wrong)}{more}."
        )


def turned(name: str) -> str:
    """Return "Jane Doe" of "Doe, Jane"; every other name as it is.  Pure."""
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma and first.strip() and "," not in first else name


def _cell(row: Mapping[str, str | None], column: str) -> str:
    return " ".join((row.get(column) or "").split())


def _counts(session: db.Session) -> dict[str, int]:
    return {row["kind"]: row["entries"] for row in db.rows(session, "privacy/select_listed_counts")}
