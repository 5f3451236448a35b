"""Sentences say what their report says: checked as they come, and a report's text changes only without them."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KEPT = """
CREATE FUNCTION refuse_other_sentences() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  other bigint;
BEGIN
  SELECT s.id INTO other FROM added s JOIN public.report r ON r.id = s.report_id
    WHERE s.text IS DISTINCT FROM substr(
      CASE s.section WHEN 'clinical_information' THEN r.clinical_information WHEN 'technique' THEN r.technique
        WHEN 'findings' THEN r.findings ELSE r.impression END,
      s.start_char + 1, s.end_char - s.start_char)
    LIMIT 1;
  IF other IS NOT NULL THEN
    RAISE EXCEPTION 'sentence % is not what its report says there', other
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_other_sentences() IS 'Refuses sentences that are not their section''s text from start_char to end_char.';
CREATE TRIGGER says_its_report AFTER INSERT ON sentence REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_sentences();
CREATE TRIGGER append_only BEFORE UPDATE ON sentence FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE FUNCTION refuse_other_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM public.sentence s WHERE s.report_id = NEW.id) THEN
    RAISE EXCEPTION 'report % has sentences; its text stays as it is', NEW.id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_other_text() IS 'Keeps a report''s text while sentences were taken from it.';
CREATE TRIGGER kept_text BEFORE UPDATE ON report FOR EACH ROW
  WHEN ((OLD.clinical_information, OLD.technique, OLD.findings, OLD.impression)
    IS DISTINCT FROM (NEW.clinical_information, NEW.technique, NEW.findings, NEW.impression))
  EXECUTE FUNCTION refuse_other_text();

GRANT DELETE ON sentence, sentence_alignment TO groundct_api;
"""


def upgrade() -> None:
    op.execute(KEPT)


def downgrade() -> None:
    op.execute("REVOKE DELETE ON sentence, sentence_alignment FROM groundct_api")
    op.execute("DROP TRIGGER kept_text ON report")
    op.execute("DROP TRIGGER append_only ON sentence")
    op.execute("DROP TRIGGER says_its_report ON sentence")
    op.execute("DROP FUNCTION refuse_other_text, refuse_other_sentences")
