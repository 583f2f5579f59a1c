"""Run include/sql/migrations/0019_mending.sql."""

from plumbline.core.migrations import apply_file

revision = "0019"
down_revision = "0017"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0019_mending.sql")
