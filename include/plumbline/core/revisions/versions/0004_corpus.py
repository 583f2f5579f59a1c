"""Run include/sql/migrations/0004_corpus.sql."""

from plumbline.core.migrations import apply_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0004_corpus.sql")
