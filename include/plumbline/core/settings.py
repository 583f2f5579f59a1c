"""
Settings, read once from the environment.

Three places are read, the first that has a name wins: the process environment, `.env` of the project, and
`embedded.env` in the state folder, which the embedded form writes.  Nothing here has a secret as its default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from plumbline.core.connections import Connection, parse_connection
from plumbline.core.errors import Misconfigured

PROJECT_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.  `values` holds secrets and never appears in a repr."""

    values: Mapping[str, str] = field(repr=False)
    home: Path

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, *, project: Path = PROJECT_ROOT) -> Settings:
        """Return the settings of this process."""
        environment = os.environ if environment is None else environment
        declared = {**read_env_file(project / ".env"), **environment}
        home = Path(declared.get("PLUMBLINE_HOME") or project / ".plumbline")
        return cls(values={**read_env_file(home / "embedded.env"), **declared}, home=home)

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
        return self.text("PLUMBLINE_TENANT", "main")

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
        return Path(self.text("PLUMBLINE_INBOX", str(PROJECT_ROOT / "samples" / "documents")))

    @property
    def open_folders(self) -> list[Path]:
        """The folders that a DAG may be told to read: the inbox, those of PLUMBLINE_FOLDERS, and all below them."""
        named = (self.values.get("PLUMBLINE_FOLDERS") or "").split(":")
        return [self.inbox, *(Path(name) for name in named if name)]

    @property
    def code_version(self) -> str:
        """The version of the code that writes a row: a git commit where there is one."""
        return self.values.get("PLUMBLINE_CODE_VERSION") or _checked_out_commit() or _installed_version()


def read_env_file(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of a file; an absent file has none.  Quotes around a whole value are dropped."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in map(str.strip, lines) if "=" in line and not line.startswith("#"))
    return {name.strip().removeprefix("export "): _unquoted(value.strip()) for name, value in pairs}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


@cache
def _checked_out_commit() -> str | None:
    """Read the commit from .git itself: starting git costs more than the whole look-up."""
    git = PROJECT_ROOT / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:12]
        return (git / head.removeprefix("ref: ")).read_text().strip()[:12]
    except OSError:
        return None


@cache
def _installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("plumbline")
    except PackageNotFoundError:
        return "unknown"
