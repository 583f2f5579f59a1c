"""Run include/sql/migrations/0021_mending.sql."""

from plumbline.core.migrations import apply_file

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0021_mending.sql")
