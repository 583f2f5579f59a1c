"""Run include/sql/migrations/0018_batch_shares.sql."""

from plumbline.core.migrations import apply_file

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0018_batch_shares.sql")
