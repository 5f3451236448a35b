"""What the role `groundct_api` may do: read and add; change only what is named here; nothing in `hidden`."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ADDABLE = """
GRANT SELECT ON ALL TABLES IN SCHEMA public, open TO groundct_api;
GRANT INSERT ON ALL TABLES IN SCHEMA public, open TO groundct_api;
REVOKE INSERT ON alembic_version, ontology, category, release FROM groundct_api;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, open TO groundct_api;
REVOKE ALL ON ALL TABLES IN SCHEMA hidden FROM PUBLIC;
"""

CHANGEABLE = """
GRANT UPDATE (state, finished_at) ON import_run TO groundct_api;
GRANT UPDATE ON open.import_summary, open.imported_scan, open.geometry, scan_metadata, abnormality TO groundct_api;
GRANT UPDATE (protocols, closed_at) ON round TO groundct_api;
GRANT UPDATE (state) ON open.annotation TO groundct_api;
GRANT UPDATE (language, machine_translated, clinical_information, technique, findings, impression)
  ON report TO groundct_api;
"""


def upgrade() -> None:
    op.execute(ADDABLE)
    op.execute(CHANGEABLE)


def downgrade() -> None:
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public, open FROM groundct_api")
    op.execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public, open FROM groundct_api")
