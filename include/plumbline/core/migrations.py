"""
Bring a database to the schema that this code expects.

Migrations that have landed are history: their hashes are committed in `frozen.txt`, and a file that was edited is
refused before anything is touched.  Everything here may be run again at any time: roles, views and prices are brought
up to date, migrations run once each.  There is no way back down: a mistake is mended by the next number.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psycopg

from plumbline.core.db import answering
from plumbline.core.errors import Fatal
from plumbline.core.sql import SQL_ROOT, statement

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)

PARTITIONS_AHEAD = 12
PRICES = SQL_ROOT.parent / "prices.csv"
_REVISIONS = Path(__file__).parent / "revisions"


class HistoryEdited(Fatal):
    """A released migration is not what it was when it was released."""


def migrate(
    owner_url: str, admin_url: str | None = None, passwords: Mapping[str, str] | None = None
) -> list[str]:
    """
    Bring roles, schema, views and prices up to date; return the revisions that were applied now.

    Args:
        owner_url: Postgres URI of the role plumbline_owner.
        admin_url: Postgres URI of an administrator; without one, roles are taken as they are.
        passwords: Role name without its prefix (`app`, `keeper`, …) to password, for the administrator to set.

    Raises:
        HistoryEdited: A released migration file was changed.  Nothing is touched.
        DatabaseUnreachable: Postgres does not answer.
    """
    verify_history()
    if admin_url:
        ensure_roles(admin_url, passwords or {})
    applied = _upgrade(owner_url)
    with _connected(owner_url) as session:
        for view in sorted((SQL_ROOT / "views").glob("*.sql")):
            session.execute(view.read_bytes())
        _load_prices(session)
        session.execute(statement("core/ensure_partitions").encode(), {"months_ahead": PARTITIONS_AHEAD})
    return applied


def _connected(url: str) -> psycopg.Connection:
    with answering():
        return psycopg.connect(url)


def verify_history(folder: Path = SQL_ROOT / "migrations") -> None:
    """Compare every released migration with its committed hash."""
    frozen = dict(
        line.split()[::-1] for line in (folder / "frozen.txt").read_text().splitlines() if line.strip()
    )
    for name, expected in frozen.items():
        path = folder / name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            message = (
                f"{name} was edited after its release. Restore it, and put the change into the next number."
            )
            raise HistoryEdited(message)


def ensure_roles(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Create the six roles and set the passwords that are given."""
    with _connected(admin_url) as session:
        # Two runs at once would both try to create the same role.
        session.execute("select pg_advisory_xact_lock(hashtextextended('plumbline.roles', 0))")
        for role, password in passwords.items():
            session.execute("select set_config(%s, %s, true)", [f"plumbline_password.{role}", password])
        session.execute((SQL_ROOT / "roles.sql").read_bytes())


def pending(owner_or_app_url: str) -> list[str]:
    """Return the revisions that the database does not have yet; all of them when it has no schema."""
    from alembic.script import ScriptDirectory

    with _connected(owner_or_app_url) as session:
        found = session.execute("select to_regclass('core.schema_version') is not null").fetchone()
        present = (
            session.execute("select version_num from core.schema_version").fetchone()
            if found and found[0]
            else None
        )
    script = ScriptDirectory.from_config(_config())
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]
    return revisions[revisions.index(present[0]) + 1 :] if present else revisions


def apply_file(name: str) -> None:
    """Run one migration file inside the transaction of the upgrade.  Called by the revisions."""
    from alembic import op

    session = cast("psycopg.Connection", op.get_bind().connection.driver_connection)
    session.execute((SQL_ROOT / "migrations" / name).read_bytes())
    log.info("applied %s", name)


def _upgrade(owner_url: str) -> list[str]:
    from alembic import command
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    before = pending(owner_url)
    if not before:
        return []
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connected(owner_url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("select pg_advisory_xact_lock(hashtextextended('plumbline.migrate', 0))")
        connection.exec_driver_sql("create schema if not exists core")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql("grant select on core.schema_version to plumbline_app, plumbline_auditor")
        connection.exec_driver_sql(
            "comment on table core.schema_version is 'The last migration that was applied.'"
        )
        connection.exec_driver_sql("comment on column core.schema_version.version_num is 'Its number.'")
    return before


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_REVISIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _load_prices(session: psycopg.Connection) -> None:
    with PRICES.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with session.cursor() as cursor:
        cursor.executemany(statement("ledger/upsert_price").encode(), rows)
