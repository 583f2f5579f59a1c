"""Run include/sql/migrations/0011_document_events.sql."""

from plumbline.core.migrations import apply_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    apply_file("0011_document_events.sql")
