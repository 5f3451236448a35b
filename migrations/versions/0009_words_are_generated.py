"""A revision may cease to be the latest: its generated `words` are not there yet when the trigger compares rows."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TRIGGER = """
DROP TRIGGER append_only ON finding_revision;
CREATE TRIGGER append_only BEFORE UPDATE ON finding_revision FOR EACH ROW EXECUTE FUNCTION append_only({columns});
"""


def upgrade() -> None:
    op.execute(TRIGGER.format(columns="'is_latest', 'words'"))


def downgrade() -> None:
    op.execute(TRIGGER.format(columns="'is_latest'"))
