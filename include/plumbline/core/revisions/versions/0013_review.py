"""Run include/sql/migrations/0013_review.sql."""

from plumbline.core.migrations import apply_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0013_review.sql")
