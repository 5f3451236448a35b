"""Cohorts stay as they were drawn: members come with the cohort, in its transaction, or not at all."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FROZEN = """
CREATE FUNCTION refuse_later_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM public.cohort c WHERE c.id = NEW.cohort_id AND c.created_at <> now()) THEN
    RAISE EXCEPTION 'cohort % is frozen; draw another one', NEW.cohort_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_later_members() IS 'Lets members into a cohort only in the transaction that makes it.';
CREATE TRIGGER frozen BEFORE INSERT ON cohort_member FOR EACH ROW EXECUTE FUNCTION refuse_later_members();
CREATE TRIGGER append_only BEFORE UPDATE ON cohort FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON cohort_member FOR EACH ROW EXECUTE FUNCTION append_only();
"""


def upgrade() -> None:
    op.execute(FROZEN)


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only ON cohort_member")
    op.execute("DROP TRIGGER append_only ON cohort")
    op.execute("DROP TRIGGER frozen ON cohort_member")
    op.execute("DROP FUNCTION refuse_later_members")
