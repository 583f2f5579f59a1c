"""Run include/sql/migrations/0017_batches.sql."""

from plumbline.core.migrations import apply_file

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0017_batches.sql")
