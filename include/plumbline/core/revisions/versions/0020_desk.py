"""Run include/sql/migrations/0020_desk.sql."""

from plumbline.core.migrations import apply_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0020_desk.sql")
