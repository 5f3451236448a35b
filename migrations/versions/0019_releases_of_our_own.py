"""Releases of our own: frozen once complete, with waivers and leaves; and patients who withdraw."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TYPES = """
CREATE TYPE leak_kind AS ENUM ('patient', 'volume', 'report');
CREATE TYPE tree AS ENUM ('logical', 'storage');
"""

PUBLIC = """
CREATE TABLE release_waiver (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  release_id BIGINT NOT NULL,
  kind leak_kind NOT NULL,
  one VARCHAR NOT NULL,
  other VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  CONSTRAINT pk_release_waiver PRIMARY KEY (id),
  CONSTRAINT uq_release_waiver_release_id_kind_one_other UNIQUE (release_id, kind, one, other),
  CONSTRAINT fk_release_waiver_release_id_release FOREIGN KEY(release_id) REFERENCES release (id)
);
COMMENT ON TABLE release_waiver IS 'A leak between splits that a made release has knowingly; it is published with it.';
COMMENT ON COLUMN release_waiver.id IS 'Key, made by the database.';
COMMENT ON COLUMN release_waiver.one IS 'A scan''s name, or `*` on both sides for every pair of this kind.';

CREATE TABLE release_leaf (
  release_id BIGINT NOT NULL,
  tree tree NOT NULL,
  position INTEGER NOT NULL,
  scan_id UUID NOT NULL,
  sha256 VARCHAR NOT NULL,
  withdrawn BOOLEAN NOT NULL,
  CONSTRAINT pk_release_leaf PRIMARY KEY (release_id, tree, position),
  CONSTRAINT ck_release_leaf_sha256_is_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_release_leaf_release_id_release FOREIGN KEY(release_id) REFERENCES release (id)
);
CREATE INDEX ix_release_leaf_release_id_scan_id ON release_leaf (release_id, scan_id);
COMMENT ON TABLE release_leaf IS 'One leaf of a release''s Merkle trees: what it says stays provable when its rows are withdrawn. The API''s role has no right on it.';
COMMENT ON COLUMN release_leaf.position IS 'In the order in which leaves are hashed.';
COMMENT ON COLUMN release_leaf.scan_id IS 'No key: a scan that was withdrawn is gone.';
COMMENT ON COLUMN release_leaf.sha256 IS 'The leaf''s hash, as RFC 9162 defines it.';

CREATE TABLE withdrawal (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  collection_id BIGINT NOT NULL,
  patient VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  removed JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_withdrawal PRIMARY KEY (id),
  CONSTRAINT fk_withdrawal_collection_id_collection FOREIGN KEY(collection_id) REFERENCES collection (id)
);
COMMENT ON TABLE withdrawal IS 'A patient who was removed, rows and voxels, by the owner.';
COMMENT ON COLUMN withdrawal.id IS 'Key, made by the database.';
COMMENT ON COLUMN withdrawal.patient IS 'The patient''s key.';
COMMENT ON COLUMN withdrawal.removed IS 'How many rows of each table, and arrays.';

ALTER TABLE release
  ADD COLUMN rounds TEXT[] DEFAULT '{}' NOT NULL,
  ADD COLUMN notes VARCHAR;
COMMENT ON COLUMN release.rounds IS 'The rounds that a made release chose from, first choice first.';
"""

FROZEN = """
CREATE FUNCTION refuse_rows_of_complete_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_SCHEMA = 'hidden' THEN  -- where a scan is hidden later, its rows are copied before they go
    IF EXISTS (SELECT FROM open.release_annotation o WHERE o.release_id = NEW.release_id AND o.finding_id = NEW.finding_id AND to_jsonb(o) = to_jsonb(NEW)) THEN
      RETURN NEW;
    END IF;
  END IF;
  IF EXISTS (SELECT FROM public.release r WHERE r.id = NEW.release_id AND r.kind = 'made' AND r.digest IS NOT NULL) THEN
    RAISE EXCEPTION 'release % is complete; make another one', NEW.release_id
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_rows_of_complete_release() IS 'Lets rows into a made release only until it has its digest.';
"""

CLOSED = (
    "release_split",
    "release_scan",
    "release_finding",
    "release_waiver",
    "open.release_annotation",
    "hidden.release_annotation",
)

GRANTS = """
GRANT SELECT ON release_waiver, withdrawal TO groundct_api;
"""


def upgrade() -> None:
    op.execute(TYPES)
    op.execute(PUBLIC)
    op.execute(FROZEN)
    for table in CLOSED:
        op.execute(
            f"CREATE TRIGGER frozen BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_rows_of_complete_release()"
        )
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE ON release_waiver FOR EACH ROW EXECUTE FUNCTION append_only()")
    op.execute("CREATE TRIGGER append_only BEFORE UPDATE ON withdrawal FOR EACH ROW EXECUTE FUNCTION append_only()")
    op.execute(GRANTS)


def downgrade() -> None:
    for table in CLOSED:
        op.execute(f"DROP TRIGGER frozen ON {table}")
    op.execute("DROP TABLE withdrawal, release_leaf, release_waiver")
    op.execute("ALTER TABLE release DROP COLUMN rounds, DROP COLUMN notes")
    op.execute("DROP FUNCTION refuse_rows_of_complete_release")
    op.execute("DROP TYPE leak_kind, tree")
