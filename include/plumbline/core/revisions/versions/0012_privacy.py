"""Run include/sql/migrations/0012_privacy.sql."""

from plumbline.core.migrations import apply_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0012_privacy.sql")
