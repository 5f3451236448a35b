"""Releases, cohorts, and the reports of imports."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TYPES = """
CREATE TYPE release_kind AS ENUM ('published', 'made');
CREATE TYPE visibility AS ENUM ('open', 'hidden');
CREATE TYPE fault_kind AS ENUM ('unreadable_file', 'not_nifti', 'missing_volume', 'missing_mask', 'bad_json', 'missing_key', 'wrong_type', 'bad_keys', 'bad_name', 'duplicate_scan', 'unknown_category', 'empty_text', 'shape_differs', 'finding_axis_last', 'finding_count_differs', 'not_integral', 'negative_label', 'not_finite', 'empty_finding', 'entity_count_differs', 'pixels_differ', 'filled_plane', 'hu_out_of_range', 'constant_volume', 'orientation_suspect', 'patient_in_two_splits', 'changed_since');
CREATE TYPE severity AS ENUM ('left_out', 'warning', 'note');
"""

PUBLIC = """
CREATE TABLE release (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  collection_id BIGINT NOT NULL,
  ontology_id BIGINT NOT NULL,
  kind release_kind NOT NULL,
  source_sha256 VARCHAR,
  digest VARCHAR,
  storage_digest VARCHAR,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_release PRIMARY KEY (id),
  CONSTRAINT ck_release_source_sha256_is_sha256 CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_release_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_release_storage_digest_is_sha256 CHECK (storage_digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT uq_release_name UNIQUE (name),
  CONSTRAINT fk_release_collection_id_collection FOREIGN KEY(collection_id) REFERENCES collection (id),
  CONSTRAINT fk_release_ontology_id_ontology FOREIGN KEY(ontology_id) REFERENCES ontology (id)
);
COMMENT ON TABLE release IS 'A published state, imported with its faults, or one made here.';
COMMENT ON COLUMN release.id IS 'Key, made by the database.';
COMMENT ON COLUMN release.source_sha256 IS 'sha256 of the file that a published release came from.';
COMMENT ON COLUMN release.digest IS 'The logical digest, once complete.';
COMMENT ON COLUMN release.storage_digest IS 'The digest of the stored bytes, once complete.';

CREATE TABLE release_split (
  release_id BIGINT NOT NULL,
  name VARCHAR NOT NULL,
  visibility visibility NOT NULL,
  CONSTRAINT pk_release_split PRIMARY KEY (release_id, name),
  CONSTRAINT fk_release_split_release_id_release FOREIGN KEY(release_id) REFERENCES release (id)
);
COMMENT ON TABLE release_split IS 'A split of a release.';

CREATE TABLE release_scan (
  release_id BIGINT NOT NULL,
  scan_id UUID NOT NULL,
  split VARCHAR NOT NULL,
  protocol VARCHAR,
  CONSTRAINT pk_release_scan PRIMARY KEY (release_id, scan_id),
  CONSTRAINT fk_release_scan_release_id_split_release_split FOREIGN KEY(release_id, split) REFERENCES release_split (release_id, name),
  CONSTRAINT fk_release_scan_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
CREATE INDEX ix_release_scan_release_id_split ON release_scan (release_id, split);
CREATE INDEX ix_release_scan_scan_id ON release_scan (scan_id);
COMMENT ON TABLE release_scan IS 'A scan''s place in a release; a split is a fact about a release, not about a scan.';

CREATE TABLE release_finding (
  release_id BIGINT NOT NULL,
  finding_id UUID NOT NULL,
  scan_id UUID NOT NULL,
  revision_id UUID NOT NULL,
  index SMALLINT NOT NULL,
  CONSTRAINT pk_release_finding PRIMARY KEY (release_id, finding_id),
  CONSTRAINT fk_release_finding_finding_id_scan_id_finding FOREIGN KEY(finding_id, scan_id) REFERENCES finding (id, scan_id),
  CONSTRAINT fk_release_finding_revision_id_finding_id_finding_revision FOREIGN KEY(revision_id, finding_id) REFERENCES finding_revision (id, finding_id),
  CONSTRAINT fk_release_finding_release_id_scan_id_release_scan FOREIGN KEY(release_id, scan_id) REFERENCES release_scan (release_id, scan_id),
  CONSTRAINT uq_release_finding_release_id_scan_id_index UNIQUE (release_id, scan_id, index),
  CONSTRAINT ck_release_finding_index_from_zero CHECK (index >= 0)
);
CREATE INDEX ix_release_finding_finding_id ON release_finding (finding_id);
COMMENT ON TABLE release_finding IS 'A finding''s words and index in a release; the index is its channel in the mask.';

CREATE TABLE cohort (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  release_id BIGINT,
  selection JSONB NOT NULL,
  seed BIGINT NOT NULL,
  digest VARCHAR NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_cohort PRIMARY KEY (id),
  CONSTRAINT ck_cohort_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT uq_cohort_name UNIQUE (name),
  CONSTRAINT fk_cohort_release_id_release FOREIGN KEY(release_id) REFERENCES release (id)
);
COMMENT ON TABLE cohort IS 'A selection of findings, grouped by patient, that stays as it was made.';
COMMENT ON COLUMN cohort.id IS 'Key, made by the database.';
COMMENT ON COLUMN cohort.selection IS 'The query, size and strata that made it.';
COMMENT ON COLUMN cohort.digest IS 'sha256 of its sorted members.';

CREATE TABLE cohort_member (
  cohort_id BIGINT NOT NULL,
  finding_id UUID NOT NULL,
  revision_id UUID NOT NULL,
  CONSTRAINT pk_cohort_member PRIMARY KEY (cohort_id, finding_id),
  CONSTRAINT fk_cohort_member_revision_id_finding_id_finding_revision FOREIGN KEY(revision_id, finding_id) REFERENCES finding_revision (id, finding_id),
  CONSTRAINT fk_cohort_member_cohort_id_cohort FOREIGN KEY(cohort_id) REFERENCES cohort (id)
);
CREATE INDEX ix_cohort_member_finding_id ON cohort_member (finding_id);
COMMENT ON TABLE cohort_member IS 'A finding of a cohort, in the revision that was selected.';
"""

HIDEABLE = """
CREATE TABLE {schema}.release_annotation (
  release_id BIGINT NOT NULL,
  finding_id UUID NOT NULL,
  annotation_id UUID NOT NULL,
  declared_entities INTEGER,
  declared_voxels BIGINT,
  CONSTRAINT pk_release_annotation PRIMARY KEY (release_id, finding_id),
  CONSTRAINT fk_release_annotation_release_id_finding_id_release_finding FOREIGN KEY(release_id, finding_id) REFERENCES release_finding (release_id, finding_id),
  CONSTRAINT fk_release_annotation_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id)
);
CREATE INDEX ix_release_annotation_annotation_id ON {schema}.release_annotation (annotation_id);
COMMENT ON TABLE {schema}.release_annotation IS 'The annotation that a release gives for a finding, and the counts that its source declares.';
COMMENT ON COLUMN {schema}.release_annotation.declared_entities IS 'As the source says; the labels in the mask are counted by `entity`, components by `geometry`.';

CREATE TABLE {schema}.import_summary (
  run_id BIGINT NOT NULL,
  scans_new INTEGER NOT NULL,
  scans_unchanged INTEGER NOT NULL,
  scans_left_out INTEGER NOT NULL,
  findings_new INTEGER NOT NULL,
  findings_unchanged INTEGER NOT NULL,
  entities_new INTEGER NOT NULL,
  entities_unchanged INTEGER NOT NULL,
  CONSTRAINT pk_import_summary PRIMARY KEY (run_id),
  CONSTRAINT fk_import_summary_run_id_import_run FOREIGN KEY(run_id) REFERENCES import_run (id)
);
COMMENT ON TABLE {schema}.import_summary IS 'What a run counted; the hidden part of it stands in `hidden`.';

CREATE TABLE {schema}.imported_scan (
  source_key VARCHAR NOT NULL,
  scan VARCHAR NOT NULL,
  run_id BIGINT NOT NULL,
  fingerprint VARCHAR NOT NULL,
  scan_id UUID NOT NULL,
  faults JSONB NOT NULL,
  findings INTEGER NOT NULL,
  entities INTEGER NOT NULL,
  CONSTRAINT pk_imported_scan PRIMARY KEY (source_key, scan),
  CONSTRAINT fk_imported_scan_run_id_import_run FOREIGN KEY(run_id) REFERENCES import_run (id),
  CONSTRAINT fk_imported_scan_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
CREATE INDEX ix_imported_scan_run_id ON {schema}.imported_scan (run_id);
COMMENT ON TABLE {schema}.imported_scan IS 'What the last run over a scan of a source did; its fingerprint lets the next run pass by at once.';
COMMENT ON COLUMN {schema}.imported_scan.source_key IS 'Collection, round and release of the import.';
COMMENT ON COLUMN {schema}.imported_scan.scan IS 'The scan''s name as the source gives it.';
COMMENT ON COLUMN {schema}.imported_scan.fingerprint IS 'sha256 of the case''s own words, of its files'' sizes and times, and of the options.';
COMMENT ON COLUMN {schema}.imported_scan.faults IS 'Its faults, repeated by runs that pass by.';

CREATE TABLE {schema}.fault (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  run_id BIGINT NOT NULL,
  kind fault_kind NOT NULL,
  severity severity NOT NULL,
  scan VARCHAR,
  finding INTEGER,
  path VARCHAR,
  message VARCHAR NOT NULL,
  remedy VARCHAR NOT NULL,
  CONSTRAINT pk_fault PRIMARY KEY (id),
  CONSTRAINT fk_fault_run_id_import_run FOREIGN KEY(run_id) REFERENCES import_run (id)
);
CREATE INDEX ix_fault_run_id ON {schema}.fault (run_id);
CREATE INDEX ix_fault_scan ON {schema}.fault (scan);
COMMENT ON TABLE {schema}.fault IS 'One thing that was wrong with a source; a fault of a hidden split is hidden.';
COMMENT ON COLUMN {schema}.fault.id IS 'Key, made by the database.';
COMMENT ON COLUMN {schema}.fault.scan IS 'The scan''s name as the source gives it.';
COMMENT ON COLUMN {schema}.fault.finding IS 'The finding''s index in the source.';
"""


def upgrade() -> None:
    op.execute(TYPES)
    op.execute(PUBLIC)
    for schema in ("open", "hidden"):
        op.execute(HIDEABLE.replace("{schema}", schema))


def downgrade() -> None:
    for schema in ("hidden", "open"):
        op.execute(
            "DROP TABLE {schema}.fault, {schema}.imported_scan, {schema}.import_summary, {schema}.release_annotation".replace(
                "{schema}", schema
            )
        )
    op.execute("DROP TABLE cohort_member, cohort, release_finding, release_scan, release_split, release")
    op.execute("DROP TYPE release_kind, visibility, fault_kind, severity")
