"""What the database itself holds to: rows that only grow, one latest revision, hidden scans that stay hidden."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APPEND_ONLY = """
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_jsonb(NEW) - coalesce(TG_ARGV, '{}') IS DISTINCT FROM to_jsonb(OLD) - coalesce(TG_ARGV, '{}') THEN
    RAISE EXCEPTION '%.% is append-only; add a row instead', TG_TABLE_SCHEMA, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION append_only() IS 'Refuses updates of all columns but those named as arguments.';
"""

LATEST = """
CREATE FUNCTION demote_latest_revision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  UPDATE public.finding_revision SET is_latest = false WHERE finding_id = NEW.finding_id AND is_latest;
  NEW.is_latest := true;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION demote_latest_revision() IS 'Makes a revision that is added the latest one of its finding.';
-- Who may execute it may put it on a table of his own, and so run code as the owner; a trigger fires without that right.
REVOKE EXECUTE ON FUNCTION demote_latest_revision() FROM PUBLIC;
CREATE TRIGGER demote_latest BEFORE INSERT ON finding_revision FOR EACH ROW EXECUTE FUNCTION demote_latest_revision();
"""

STAY_HIDDEN = """
CREATE FUNCTION scan_is_hidden(scan uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM public.release_scan s
    JOIN public.release_split p ON p.release_id = s.release_id AND p.name = s.split
    WHERE s.scan_id = scan AND p.visibility = 'hidden')
$$;
COMMENT ON FUNCTION scan_is_hidden(uuid) IS 'Whether a scan stands in a hidden split of any release.';

CREATE FUNCTION refuse_open_rows_of_hidden_scan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF public.scan_is_hidden(NEW.scan_id)
     AND EXISTS (SELECT FROM open.annotation a WHERE a.scan_id = NEW.scan_id) THEN
    RAISE EXCEPTION 'scan % stands in a hidden split; its annotations belong into the schema hidden', NEW.scan_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER stays_hidden AFTER INSERT ON open.annotation
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_open_rows_of_hidden_scan();
CREATE CONSTRAINT TRIGGER stays_hidden AFTER INSERT ON release_scan
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_open_rows_of_hidden_scan();
"""

CHANGEABLE = {
    "public.finding": (),
    "public.finding_revision": ("is_latest", "words"),  # generated columns are not yet there before an update
    "public.release_split": (),
    "public.release_scan": (),
    "public.release_finding": (),
    "open.annotation": ("state",),
    "hidden.annotation": ("state",),
    "open.entity": (),
    "hidden.entity": (),
    "open.label_array": (),
    "hidden.label_array": (),
    "open.release_annotation": (),
    "hidden.release_annotation": (),
}


def upgrade() -> None:
    op.execute(APPEND_ONLY)
    op.execute(LATEST)
    op.execute(STAY_HIDDEN)
    for table, columns in CHANGEABLE.items():
        arguments = ", ".join(f"'{column}'" for column in columns)
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION append_only({arguments})"
        )


def downgrade() -> None:
    for table in CHANGEABLE:
        op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute("DROP TRIGGER stays_hidden ON open.annotation")
    op.execute("DROP TRIGGER stays_hidden ON release_scan")
    op.execute("DROP TRIGGER demote_latest ON finding_revision")
    op.execute("DROP FUNCTION append_only, demote_latest_revision, refuse_open_rows_of_hidden_scan, scan_is_hidden")
