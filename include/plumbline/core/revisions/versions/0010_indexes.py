"""Run include/sql/migrations/0010_indexes.sql."""

from plumbline.core.migrations import apply_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0010_indexes.sql")
