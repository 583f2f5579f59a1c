"""Run include/sql/migrations/0006_kinds.sql."""

from plumbline.core.migrations import apply_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0006_kinds.sql")
