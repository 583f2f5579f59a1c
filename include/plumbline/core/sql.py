"""
SQL lives in `.sql` files; this module hands it out by name.

A statement's name is its path below `include/sql/queries`, without the ending: `statement("corpus/select_source")`.
Parameters are always named and bound by the driver; nothing is ever formatted into a statement.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

SQL_ROOT = Path(__file__).parents[2] / "sql"


@cache
def statement(name: str) -> str:
    """Return the text of `include/sql/queries/<name>.sql`."""
    return (SQL_ROOT / "queries" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def check_statement(name: str) -> str:
    """Return the text of `include/sql/checks/<name>.sql`."""
    return (SQL_ROOT / "checks" / f"{name}.sql").read_text(encoding="utf-8")
