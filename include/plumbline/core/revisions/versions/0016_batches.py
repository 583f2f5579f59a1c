"""Run include/sql/migrations/0016_batches.sql."""

from plumbline.core.migrations import apply_file

revision = "0016"
down_revision = "0012"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0016_batches.sql")
