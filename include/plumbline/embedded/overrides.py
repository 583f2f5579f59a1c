"""
What .env or the shell put in the place of what the embedded form uses.

A `.env` that was filled in for the deployed form may name its database, too.  The demo and its Airflow go on with
their own; the command line obeys `.env`, as everywhere.  Whoever is not told looks for his documents in the wrong
database.  Names are said, values never: they hold passwords.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plumbline.embedded.terminal import listed

_CHOICES = {"PLUMBLINE_INBOX", "PLUMBLINE_FOLDERS"}  # another folder leads to no other service
_PASSWORDS = "PLUMBLINE_PASSWORD_"


def overridden(kept: Mapping[str, str], declared: Mapping[str, str]) -> list[str]:
    """Return the names that are declared otherwise than the embedded form keeps them for its own use.  Pure."""
    return sorted(
        name for name, value in kept.items() if name not in _CHOICES and declared.get(name, value) != value
    )


def sentence(names: Sequence[str]) -> str:
    """Say in one sentence what these settings mean for whom; the passwords of the roles are named together.  Pure."""
    said = list(dict.fromkeys(f"{_PASSWORDS}*" if name.startswith(_PASSWORDS) else name for name in names))
    obeyed = "is obeyed" if len(said) == 1 else "are obeyed"
    return (
        f"{listed(said)}, set in .env or your shell, {obeyed} by `plumbline` at the command line but not by the demo "
        "and its Airflow, which use their own."
    )
