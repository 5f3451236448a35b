"""Schemas, the extension, and the role that everything but migrations uses."""

from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROLE = """
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundct_api') THEN
    CREATE ROLE groundct_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
  IF NOT pg_has_role('groundct_api', 'SET') THEN
    GRANT groundct_api TO CURRENT_USER WITH SET TRUE;
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundct_api') THEN
    RAISE EXCEPTION 'ask an administrator to run: CREATE ROLE groundct_api LOGIN NOSUPERUSER NOBYPASSRLS; GRANT groundct_api TO %;', CURRENT_USER;
  END IF;
END $$
"""


def upgrade() -> None:
    if not op.get_bind().scalar(text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')")):
        _create_extension()
    op.execute(_ROLE)
    op.execute("CREATE SCHEMA open")
    op.execute("CREATE SCHEMA hidden")
    op.execute("REVOKE ALL ON SCHEMA hidden FROM PUBLIC")
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public, open TO groundct_api")


def _create_extension() -> None:
    try:
        with op.get_bind().begin_nested():
            op.execute("CREATE EXTENSION vector")
    except ProgrammingError as error:
        raise RuntimeError("ask an administrator to run in this database: CREATE EXTENSION vector;") from error


def downgrade() -> None:
    op.execute("REVOKE USAGE ON SCHEMA public, open FROM groundct_api")
    op.execute("DROP SCHEMA hidden")
    op.execute("DROP SCHEMA open")
