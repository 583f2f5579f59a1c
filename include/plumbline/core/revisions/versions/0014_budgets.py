"""Run include/sql/migrations/0014_budgets.sql."""

from plumbline.core.migrations import apply_file

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0014_budgets.sql")
