"""An index for scans of some days."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_scan_metadata_study_date ON scan_metadata (study_date)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_scan_metadata_study_date")
