"""Annotations, entities and geometry, once in `open` and once in `hidden`."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TYPES = """
CREATE TYPE annotation_state AS ENUM ('draft', 'submitted', 'in_review', 'accepted', 'rejected', 'superseded');
CREATE TYPE policy AS ENUM ('exhaustive', 'at_most', 'unknown');
CREATE TYPE review_target AS ENUM ('mask', 'entity', 'text', 'category', 'side', 'count');
CREATE TYPE verdict AS ENUM ('accept', 'reject', 'correct');
"""

HIDEABLE = """
CREATE TABLE {schema}.label_array (
  id UUID NOT NULL,
  scan_id UUID NOT NULL,
  digest VARCHAR NOT NULL,
  stored_sha256 VARCHAR NOT NULL,
  stored_bytes BIGINT NOT NULL,
  findings INTEGER NOT NULL,
  CONSTRAINT pk_label_array PRIMARY KEY (id),
  CONSTRAINT uq_label_array_scan_id_digest UNIQUE (scan_id, digest),
  CONSTRAINT uq_label_array_id_scan_id UNIQUE (id, scan_id),
  CONSTRAINT ck_label_array_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_label_array_stored_sha256_is_sha256 CHECK (stored_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_label_array_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
CREATE INDEX ix_label_array_digest ON {schema}.label_array (digest);
COMMENT ON TABLE {schema}.label_array IS 'One stored array (finding, z, y, x) of a scan: the labels of one batch of annotations.';
COMMENT ON COLUMN {schema}.label_array.id IS 'UUIDv5 of scan and digest.';
COMMENT ON COLUMN {schema}.label_array.digest IS 'sha256 of the canonical labels; its name in the array store.';
COMMENT ON COLUMN {schema}.label_array.stored_sha256 IS 'sha256 of the stored bytes.';
COMMENT ON COLUMN {schema}.label_array.findings IS 'The length of the first axis.';

CREATE TABLE {schema}.annotation (
  id UUID NOT NULL,
  finding_id UUID NOT NULL,
  scan_id UUID NOT NULL,
  round_id BIGINT NOT NULL,
  annotator_id BIGINT,
  version INTEGER NOT NULL,
  state annotation_state NOT NULL,
  policy policy NOT NULL,
  policy_limit INTEGER,
  protocol VARCHAR,
  label_array_id UUID NOT NULL,
  array_index INTEGER NOT NULL,
  labels_digest VARCHAR NOT NULL,
  voxels BIGINT NOT NULL,
  supersedes_id UUID,
  import_run_id BIGINT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_annotation PRIMARY KEY (id),
  CONSTRAINT fk_annotation_finding_id_scan_id_finding FOREIGN KEY(finding_id, scan_id) REFERENCES finding (id, scan_id),
  CONSTRAINT fk_annotation_label_array_id_scan_id_label_array FOREIGN KEY(label_array_id, scan_id) REFERENCES {schema}.label_array (id, scan_id),
  CONSTRAINT uq_annotation_finding_id_round_id_annotator_id_version UNIQUE NULLS NOT DISTINCT (finding_id, round_id, annotator_id, version),
  CONSTRAINT ck_annotation_limit_with_at_most CHECK ((policy = 'at_most') = (policy_limit IS NOT NULL)),
  CONSTRAINT ck_annotation_limit_positive CHECK (policy_limit > 0),
  CONSTRAINT ck_annotation_numbers_in_range CHECK (array_index >= 0 AND voxels >= 0 AND version >= 1),
  CONSTRAINT ck_annotation_labels_digest_is_sha256 CHECK (labels_digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_annotation_round_id_round FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_annotation_annotator_id_person FOREIGN KEY(annotator_id) REFERENCES person (id),
  CONSTRAINT fk_annotation_supersedes_id_annotation FOREIGN KEY(supersedes_id) REFERENCES {schema}.annotation (id),
  CONSTRAINT fk_annotation_import_run_id_import_run FOREIGN KEY(import_run_id) REFERENCES import_run (id)
);
CREATE INDEX ix_annotation_default ON {schema}.annotation (finding_id) WHERE state = 'accepted';
CREATE INDEX ix_annotation_label_array_id ON {schema}.annotation (label_array_id);
CREATE INDEX ix_annotation_round_id ON {schema}.annotation (round_id);
CREATE INDEX ix_annotation_scan_id ON {schema}.annotation (scan_id);
COMMENT ON TABLE {schema}.annotation IS 'What one round says about one finding by one annotator; nothing but its state ever changes.';
COMMENT ON COLUMN {schema}.annotation.id IS 'UUIDv5 of finding, round, annotator and version.';
COMMENT ON COLUMN {schema}.annotation.scan_id IS 'The finding''s scan, held equal to it by the key.';
COMMENT ON COLUMN {schema}.annotation.annotator_id IS 'Null where the source does not say who drew.';
COMMENT ON COLUMN {schema}.annotation.version IS 'Counts what the same annotator said of the same finding in the same round.';
COMMENT ON COLUMN {schema}.annotation.policy_limit IS 'Entities drawn at most, under the policy `at_most`.';
COMMENT ON COLUMN {schema}.annotation.protocol IS 'The protocol that the source names.';
COMMENT ON COLUMN {schema}.annotation.array_index IS 'Where on the first axis of the array.';
COMMENT ON COLUMN {schema}.annotation.labels_digest IS 'sha256 of this finding''s canonical labels: equal voxels and labels, equal digest.';
COMMENT ON COLUMN {schema}.annotation.voxels IS 'Voxels with any label.';

CREATE TABLE {schema}.entity (
  id UUID NOT NULL,
  annotation_id UUID NOT NULL,
  label INTEGER NOT NULL,
  voxels BIGINT NOT NULL,
  box_i INT4RANGE NOT NULL,
  box_j INT4RANGE NOT NULL,
  box_k INT4RANGE NOT NULL,
  CONSTRAINT pk_entity PRIMARY KEY (id),
  CONSTRAINT uq_entity_annotation_id_label UNIQUE (annotation_id, label),
  CONSTRAINT ck_entity_numbers_positive CHECK (label > 0 AND voxels > 0),
  CONSTRAINT ck_entity_box_not_negative CHECK (lower(box_i) >= 0 AND lower(box_j) >= 0 AND lower(box_k) >= 0),
  CONSTRAINT ck_entity_voxels_fit_box CHECK (voxels <= (upper(box_i) - lower(box_i))::bigint * (upper(box_j) - lower(box_j)) * (upper(box_k) - lower(box_k))),
  CONSTRAINT fk_entity_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id)
);
COMMENT ON TABLE {schema}.entity IS 'One label of one annotation; the field says instance.';
COMMENT ON COLUMN {schema}.entity.id IS 'UUIDv5 of annotation and label.';
COMMENT ON COLUMN {schema}.entity.box_i IS 'Voxels along i, half-open.';

CREATE TABLE {schema}.geometry (
  entity_id UUID NOT NULL,
  centroid_i DOUBLE PRECISION NOT NULL,
  centroid_j DOUBLE PRECISION NOT NULL,
  centroid_k DOUBLE PRECISION NOT NULL,
  x_lps_mm DOUBLE PRECISION,
  y_lps_mm DOUBLE PRECISION,
  z_lps_mm DOUBLE PRECISION,
  volume_mm3 DOUBLE PRECISION,
  volume_ml DOUBLE PRECISION GENERATED ALWAYS AS (volume_mm3 / 1000.0) STORED,
  side side,
  components6 INTEGER NOT NULL,
  components18 INTEGER NOT NULL,
  components26 INTEGER NOT NULL,
  hu_mean DOUBLE PRECISION,
  hu_std DOUBLE PRECISION,
  hu_min INTEGER,
  hu_max INTEGER,
  hu_median DOUBLE PRECISION,
  hu_p05 DOUBLE PRECISION,
  hu_p95 DOUBLE PRECISION,
  kernel_version VARCHAR NOT NULL,
  device VARCHAR NOT NULL,
  computed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_geometry PRIMARY KEY (entity_id),
  CONSTRAINT ck_geometry_mm_all_or_none CHECK ((volume_mm3 IS NULL) = (x_lps_mm IS NULL)),
  CONSTRAINT fk_geometry_entity_id_entity FOREIGN KEY(entity_id) REFERENCES {schema}.entity (id) ON DELETE CASCADE
);
CREATE INDEX ix_geometry_hu_mean ON {schema}.geometry (hu_mean);
CREATE INDEX ix_geometry_kernel_version ON {schema}.geometry (kernel_version);
CREATE INDEX ix_geometry_side ON {schema}.geometry (side);
CREATE INDEX ix_geometry_volume_ml ON {schema}.geometry (volume_ml);
COMMENT ON TABLE {schema}.geometry IS 'What kernels measured of an entity, and with which; an entity without a row is not yet measured.';
COMMENT ON COLUMN {schema}.geometry.centroid_i IS 'Mean voxel index along i.';
COMMENT ON COLUMN {schema}.geometry.x_lps_mm IS 'The centroid in the patient''s frame: towards the left; null without a volume.';
COMMENT ON COLUMN {schema}.geometry.y_lps_mm IS 'Towards the back.';
COMMENT ON COLUMN {schema}.geometry.z_lps_mm IS 'Towards the head.';
COMMENT ON COLUMN {schema}.geometry.volume_mm3 IS 'Voxels times the voxel''s volume; null without a volume''s spacing.';
COMMENT ON COLUMN {schema}.geometry.volume_ml IS 'volume_mm3 in ml.';
COMMENT ON COLUMN {schema}.geometry.side IS 'Side of the centroid against the body''s midline: left, right, or midline within 10 mm.';
COMMENT ON COLUMN {schema}.geometry.components6 IS 'Connected components, voxels joined by faces.';
COMMENT ON COLUMN {schema}.geometry.components18 IS 'Joined by faces or edges.';
COMMENT ON COLUMN {schema}.geometry.components26 IS 'Joined by faces, edges or corners.';
COMMENT ON COLUMN {schema}.geometry.hu_std IS 'Population standard deviation.';
COMMENT ON COLUMN {schema}.geometry.kernel_version IS 'The version of the kernels; another one makes the row stale.';
COMMENT ON COLUMN {schema}.geometry.device IS 'cpu, or the GPU''s name.';

CREATE TABLE {schema}.review (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  annotation_id UUID NOT NULL,
  entity_id UUID,
  reviewer_id BIGINT NOT NULL,
  target review_target NOT NULL,
  verdict verdict NOT NULL,
  reason VARCHAR,
  words VARCHAR,
  correction_id UUID,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_review PRIMARY KEY (id),
  CONSTRAINT ck_review_entity_when_named CHECK ((target = 'entity') = (entity_id IS NOT NULL)),
  CONSTRAINT ck_review_reason_unless_accepted CHECK (verdict = 'accept' OR reason IS NOT NULL),
  CONSTRAINT fk_review_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id),
  CONSTRAINT fk_review_entity_id_entity FOREIGN KEY(entity_id) REFERENCES {schema}.entity (id),
  CONSTRAINT fk_review_reviewer_id_person FOREIGN KEY(reviewer_id) REFERENCES person (id),
  CONSTRAINT fk_review_correction_id_annotation FOREIGN KEY(correction_id) REFERENCES {schema}.annotation (id)
);
CREATE INDEX ix_review_annotation_id ON {schema}.review (annotation_id);
COMMENT ON TABLE {schema}.review IS 'A verdict on a named target of an annotation, with its reason.';
COMMENT ON COLUMN {schema}.review.id IS 'Key, made by the database.';
COMMENT ON COLUMN {schema}.review.reason IS 'A code of the versioned list of reasons.';
COMMENT ON COLUMN {schema}.review.correction_id IS 'The annotation that corrects this one.';

CREATE TABLE {schema}.adjudication (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  finding_id UUID NOT NULL,
  round_id BIGINT NOT NULL,
  chosen_id UUID NOT NULL,
  adjudicator_id BIGINT,
  reason VARCHAR NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_adjudication PRIMARY KEY (id),
  CONSTRAINT fk_adjudication_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id),
  CONSTRAINT fk_adjudication_round_id_round FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_adjudication_chosen_id_annotation FOREIGN KEY(chosen_id) REFERENCES {schema}.annotation (id),
  CONSTRAINT fk_adjudication_adjudicator_id_person FOREIGN KEY(adjudicator_id) REFERENCES person (id)
);
CREATE INDEX ix_adjudication_finding_id ON {schema}.adjudication (finding_id);
COMMENT ON TABLE {schema}.adjudication IS 'Which annotation of a finding was chosen where readers disagreed.';
COMMENT ON COLUMN {schema}.adjudication.id IS 'Key, made by the database.';
COMMENT ON COLUMN {schema}.adjudication.adjudicator_id IS 'Null where a rule decided.';
"""


def upgrade() -> None:
    op.execute(TYPES)
    for schema in ("open", "hidden"):
        op.execute(HIDEABLE.replace("{schema}", schema))


def downgrade() -> None:
    for schema in ("hidden", "open"):
        op.execute(
            "DROP TABLE {schema}.adjudication, {schema}.review, {schema}.geometry, {schema}.entity, {schema}.annotation, {schema}.label_array".replace(
                "{schema}", schema
            )
        )
    op.execute("DROP TYPE annotation_state, policy, review_target, verdict")
