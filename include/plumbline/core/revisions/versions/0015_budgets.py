"""Run include/sql/migrations/0015_budgets.sql."""

from plumbline.core.migrations import apply_file

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0015_budgets.sql")
