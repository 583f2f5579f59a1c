"""
Under which account PostgreSQL runs when we are root.

PostgreSQL refuses to run as root.  Three ways lead around that, tried in this order until one can reach both the
programs and the data:

1. a user namespace in which root bears another number: nothing changes hands, and a home closed to others stays so;
2. another account: the owner of the data, else of the project folder, else `nobody`;
3. the same account, with leave to pass folders closed to it: for containers that refuse namespaces.

Whoever is not root already runs it as himself.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.embedded.errors import NotPossibleHere

_REACHES = 'test "$(id -u)" -ne 0 && test -x "$1" && test -w "$2"'


@dataclass(frozen=True, slots=True)
class Account:
    """How to run a program: what to put before its command line, and who must own its files (None: as they are)."""

    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None

    def hand_over(self, path: Path) -> None:
        """Give a file or folder to the account that will use it."""
        if self.owner is not None:
            os.chown(path, *self.owner, follow_symlinks=False)

    def reaches(self, program: Path, folder: Path) -> bool:
        """Whether a program run this way is not root, can start `program` and can write into `folder`."""
        before = folder.stat()
        try:
            self.hand_over(folder)
            command = [*self.prefix, "/bin/sh", "-c", _REACHES, "sh", str(program), str(folder)]
            done = subprocess.run(command, capture_output=True, check=False, cwd="/")
            reached = done.returncode == 0
        except OSError:
            reached = False
        if not reached and self.owner is not None:
            os.chown(folder, before.st_uid, before.st_gid)
        return reached


def accounts(data_owner: tuple[int, int], project_owner: tuple[int, int]) -> list[Account]:
    """
    Return the ways open to root, best first.

    The owners are user and group; `(0, 0)` for the data means that they are root's or not there yet.
    """
    nobody = _number("nobody")
    namespace = Account(("unshare", "--user", f"--map-user={nobody[0]}", "--"))
    if data_owner[0] != 0:
        others = [data_owner]
        ways = []
    else:
        others = [owner for owner in (project_owner, nobody) if owner[0] != 0]
        ways = [namespace]
    return [*ways, *(_become(owner) for owner in others), *(_become(owner, passing=True) for owner in others)]


def choose_account(program: Path, folder: Path, ways: Sequence[Account]) -> Account:
    """
    Return the first way that reaches the program and the folder.

    Raises:
        NotPossibleHere: None does.
    """
    for way in ways:
        if (not way.prefix or shutil.which(way.prefix[0])) and way.reaches(program, folder):
            return way
    raise NotPossibleHere(
        f"PostgreSQL does not run as root, and no other account can reach {folder}: run this as an ordinary user, "
        "move the project to a folder that other accounts may enter, or allow user namespaces."
    )


def _become(owner: tuple[int, int], *, passing: bool = False) -> Account:
    user, group = owner
    drop = ("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups")
    leave = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override") if passing else ()
    return Account((*drop, *leave, "--"), owner)


def _number(name: str) -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid
