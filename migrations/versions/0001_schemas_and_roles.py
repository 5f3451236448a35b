"""Schemas, the extension, and the role that everything but migrations uses."""

from collections.abc import Iterator

from alembic import op
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from schema.errors import ServerError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EXTENSION_EXISTS = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')"
ROLE_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundct_api')"
CREATE_EXTENSION = "CREATE EXTENSION vector"
CREATE_ROLE = "CREATE ROLE groundct_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
LET_OWNER_ACT_AS_API = """
DO $$
BEGIN
  IF NOT pg_has_role('groundct_api', 'SET') THEN
    GRANT groundct_api TO CURRENT_USER WITH SET TRUE;
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  NULL; -- needed only where one address serves both roles, and said there
END $$
"""


def upgrade() -> None:
    refused = list(_refused())
    if refused:
        reasons = "; ".join(reason for reason, _ in refused)
        statements = " ".join(f"{statement};" for _, statement in refused)
        database = op.get_bind().scalar(text("SELECT current_database()"))
        raise ServerError(f"{reasons}: ask an administrator to run in the database {database}: {statements}")
    op.execute(LET_OWNER_ACT_AS_API)
    op.execute("CREATE SCHEMA open")
    op.execute("CREATE SCHEMA hidden")
    op.execute("REVOKE ALL ON SCHEMA hidden FROM PUBLIC")
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public, open TO groundct_api")


def _refused() -> Iterator[tuple[str, str]]:
    """Make what is missing, and give the reason and the statements of what this login may not make."""
    connection = op.get_bind()
    if not connection.scalar(text(EXTENSION_EXISTS)) and (reason := _refusal(CREATE_EXTENSION)):
        yield reason, CREATE_EXTENSION
    if not connection.scalar(text(ROLE_EXISTS)) and (reason := _refusal(CREATE_ROLE)):
        owner = sql.Identifier(str(connection.scalar(text("SELECT CURRENT_USER")))).as_string()
        yield reason, f"{CREATE_ROLE}; GRANT groundct_api TO {owner}"


def _refusal(statement: str) -> str | None:
    try:
        with op.get_bind().begin_nested():
            op.execute(statement)
    except DBAPIError as error:
        return str(error.orig).splitlines()[0]
    return None


def downgrade() -> None:
    op.execute("REVOKE USAGE ON SCHEMA public, open FROM groundct_api")
    op.execute("DROP SCHEMA hidden")
    op.execute("DROP SCHEMA open")
