"""Run include/sql/migrations/0003_ledger.sql."""

from plumbline.core.migrations import apply_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0003_ledger.sql")
