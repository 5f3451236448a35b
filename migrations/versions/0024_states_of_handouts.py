"""Only a handout that is out can come back or be withdrawn."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

REFUSE = """
CREATE FUNCTION refuse_second_end_of_handout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a handout that is % cannot become %', OLD.state, NEW.state
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
COMMENT ON FUNCTION refuse_second_end_of_handout() IS 'What came back cannot be withdrawn, and what was withdrawn cannot come back.';
"""

TRIGGER = """
CREATE TRIGGER ends_once BEFORE UPDATE OF state ON {schema}.handout FOR EACH ROW
  WHEN (OLD.state <> 'out' AND NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION refuse_second_end_of_handout();
"""


def upgrade() -> None:
    op.execute(REFUSE)
    for schema in ("open", "hidden"):
        op.execute(TRIGGER.replace("{schema}", schema))


def downgrade() -> None:
    for schema in ("hidden", "open"):
        op.execute(f"DROP TRIGGER ends_once ON {schema}.handout")
    op.execute("DROP FUNCTION refuse_second_end_of_handout")
