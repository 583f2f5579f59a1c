"""
Settings, read once from the environment.

Three places are read, the first that has a name wins: the process environment, `.env` of the project, and
`embedded.env` in the state folder, which the embedded form writes.  An empty one counts as none, so that a line of
`.env.example` that was left empty hides nothing.  Nothing here has a secret as its default.

Two settings are not so simple.  PLUMBLINE_FOLDERS of `embedded.env` adds to one that is set elsewhere: what the demo
was told to read stays open to its DAGs.  And a PLUMBLINE_CODE_VERSION in `.env` is the commit that was deployed when
the file was made: a checkout knows its own better, and only the process environment, as of an image, comes before it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path

from plumbline.core.connections import Connection, parse_connection
from plumbline.core.env_files import read_env_file
from plumbline.core.errors import Misconfigured

PROJECT_ROOT = Path(__file__).parents[3]
_FOLDERS = "PLUMBLINE_FOLDERS"
_CODE_VERSION = "PLUMBLINE_CODE_VERSION"
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.  `values` holds secrets and never appears in a repr; `base` is where paths begin."""

    values: Mapping[str, str] = field(repr=False)
    home: Path
    base: Path = PROJECT_ROOT

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, *, project: Path = PROJECT_ROOT) -> Settings:
        """
        Return the settings of this process.

        Raises:
            Misconfigured: A file of settings cannot be read; the message names its line.
        """
        environment = os.environ if environment is None else environment
        written = read_env_file(project / ".env")
        if commit := checked_out_commit(project):
            written[_CODE_VERSION] = commit
        declared = {**written, **environment}
        home = _place(project, declared.get("PLUMBLINE_HOME") or ".plumbline")
        kept = read_env_file(home / "embedded.env")
        declared = {name: value for name, value in declared.items() if value or name not in kept}
        folders = [place[_FOLDERS] for place in (declared, kept) if place.get(_FOLDERS)]
        both = {_FOLDERS: ":".join(folders)} if folders else {}
        return cls(values={**kept, **declared, **both}, home=home, base=project)

    def text(self, name: str, default: str | None = None) -> str:
        """Return one setting; without a default it is required."""
        value = self.values.get(name) or default
        if value is None:
            message = f"{name} is not set. `make demo` sets it for the embedded form; deployed, .env does."
            raise Misconfigured(message)
        return value

    def connection(self, conn_id: str) -> Connection | None:
        """Return the Airflow connection that the environment declares, or None where it declares none."""
        name = f"AIRFLOW_CONN_{conn_id.upper()}"
        value = self.values.get(name)
        return parse_connection(name, value) if value else None

    @property
    def tenant(self) -> str:
        """The tenant that a call without one works for."""
        return checked_tenant(self.text("PLUMBLINE_TENANT", "main"))

    @property
    def tenants(self) -> list[str]:
        """The tenants that DAGs may be told to work for: the default one, and those of PLUMBLINE_TENANTS."""
        named = (self.values.get("PLUMBLINE_TENANTS") or "").split(",")
        return list(
            dict.fromkeys([self.tenant, *(checked_tenant(name.strip()) for name in named if name.strip())])
        )

    @property
    def contact(self) -> str | None:
        """Where the owner of a site that we read can write to; it stands in our requests."""
        return self.values.get("PLUMBLINE_CONTACT") or None

    @property
    def project(self) -> str:
        """The project that spending is booked on."""
        return self.text("PLUMBLINE_PROJECT", "plumbline")

    @property
    def team(self) -> str:
        """The team that spending is booked on."""
        return self.text("PLUMBLINE_TEAM", "data")

    @property
    def inbox(self) -> Path:
        """The folder that `ingest_documents` reads."""
        return _place(self.base, self.text("PLUMBLINE_INBOX", "samples/documents"))

    @property
    def questions(self) -> Path:
        """The golden questions that index versions are compared by: JSON lines {id, text, relevant: [paths]}."""
        return _place(self.base, self.text("PLUMBLINE_QUESTIONS", "samples/questions.jsonl"))

    @property
    def open_folders(self) -> list[Path]:
        """The folders that a DAG may be told to read: the inbox, those of PLUMBLINE_FOLDERS, and all below them."""
        named = (self.values.get(_FOLDERS) or "").split(":")
        return [self.inbox, *(_place(self.base, name) for name in named if name)]

    @property
    def shards_at_once(self) -> int:
        """
        How many mapped tasks of one run prepare documents at the same time.

        Raises:
            Misconfigured: It is no whole number from 1 to 1,000.
        """
        said = self.text("PLUMBLINE_SHARDS_AT_ONCE", "4")
        if not re.fullmatch(r"[1-9][0-9]{0,2}|1000", said):
            raise Misconfigured(
                f"PLUMBLINE_SHARDS_AT_ONCE must be a whole number from 1 to 1000, not {said!r}."
            )
        return int(said)

    @property
    def approve_above_usd(self) -> Decimal | None:
        """
        The price in US dollars above which a run waits for a person; None where no run does.

        Raises:
            Misconfigured: It is no amount.
        """
        said = self.values.get("PLUMBLINE_APPROVE_ABOVE_USD")
        if not said:
            return None
        if not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,9})?", said):
            raise Misconfigured(
                f"PLUMBLINE_APPROVE_ABOVE_USD must be an amount of US dollars, such as 5 or 0.50, not {said!r}."
            )
        return Decimal(said)

    @property
    def code_version(self) -> str:
        """The version of the code that writes a row: a git commit where there is one."""
        return self.values.get(_CODE_VERSION) or checked_out_commit(self.base) or installed_version()


def checked_tenant(name: str) -> str:
    """
    Return the name of a tenant, if it can be one.  Pure.

    Raises:
        Misconfigured: The database would refuse it.
    """
    if not _TENANT.fullmatch(name):
        raise Misconfigured(
            f"{name!r} cannot be a tenant: its name is made of small letters, digits, - and _, begins with a letter "
            "or a digit, and has at most 63 of them."
        )
    return name


def _place(base: Path, named: str) -> Path:
    """The folder that a setting names: `~` is the home of the user, and a relative one does not move with us."""
    return base / os.path.expanduser(named)  # noqa: PTH111 - pathlib's raises for an unknown user


@cache
def checked_out_commit(project: Path) -> str | None:
    """Read the commit from .git itself: starting git costs more than the whole look-up."""
    git = project / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head[:12]
        branch = head.removeprefix("ref: ")
        if (git / branch).exists():
            return (git / branch).read_text(encoding="utf-8").strip()[:12]
        packed = (git / "packed-refs").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(rf"^([0-9a-f]+) {re.escape(branch)}$", packed, re.MULTILINE)
    return found[1][:12] if found else None


@cache
def installed_version() -> str:
    """Return the version of Plumbline that is installed, or `unknown`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("plumbline")
    except PackageNotFoundError:
        return "unknown"
