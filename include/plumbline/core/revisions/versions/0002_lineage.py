"""Run include/sql/migrations/0002_lineage.sql."""

from plumbline.core.migrations import apply_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0002_lineage.sql")
