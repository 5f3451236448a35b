"""The role of who changes things over the network: it adds what annotators and reviewers say, and no more."""

from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from schema.errors import ServerError

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ROLE_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundct_editor')"
API_ACTS = "SELECT pg_has_role('groundct_api', 'groundct_editor', 'SET')"
CREATE_ROLE = "CREATE ROLE groundct_editor NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
LET_API_ACT = "GRANT groundct_editor TO groundct_api WITH INHERIT FALSE, SET TRUE"

GRANTS = """
GRANT USAGE ON SCHEMA public, open TO groundct_editor;
GRANT SELECT ON ALL TABLES IN SCHEMA public, open TO groundct_editor;
REVOKE SELECT ON alembic_version, token, release_leaf FROM groundct_editor;
GRANT INSERT ON import_run, open.import_summary, open.fault TO groundct_editor;
GRANT INSERT ON open.label_array, open.annotation, open.entity, open.geometry, open.location TO groundct_editor;
GRANT INSERT ON open.annotation_event, open.annotation_source, open.agreement, open.round_agreement TO groundct_editor;
GRANT INSERT ON open.review, finding_revision, round, cohort, cohort_member TO groundct_editor;
GRANT UPDATE (state, finished_at) ON import_run TO groundct_editor;
GRANT UPDATE (closed_at) ON round TO groundct_editor;
GRANT UPDATE (state) ON open.annotation TO groundct_editor;
GRANT UPDATE (state, annotation_id) ON open.handout TO groundct_editor;
GRANT UPDATE ON open.geometry, open.location, open.agreement, open.round_agreement TO groundct_editor;
"""


def upgrade() -> None:
    needed = [] if _holds(ROLE_EXISTS) else [CREATE_ROLE]
    if needed or not _holds(API_ACTS):
        needed.append(LET_API_ACT)
    for statement in needed:
        _administer(statement, needed)
    op.execute(GRANTS)


def _holds(query: str) -> bool:
    return bool(op.get_bind().scalar(text(query)))


def _administer(statement: str, needed: list[str]) -> None:
    try:
        with op.get_bind().begin_nested():
            op.execute(statement)
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        remedy = " ".join(f"{each};" for each in needed)
        raise ServerError(f"{reason}: ask an administrator to run {remedy}") from error


def downgrade() -> None:
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public, open FROM groundct_editor")
    op.execute("REVOKE USAGE ON SCHEMA public, open FROM groundct_editor")
