"""Organ masks that come in by command, the faults of their files, and where entities lie among organs."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ORGANS = """
ALTER TABLE organ_mask
  ADD COLUMN fingerprint VARCHAR,
  ADD COLUMN faults JSONB DEFAULT '[]'::jsonb NOT NULL,
  ADD COLUMN import_run_id BIGINT,
  ADD CONSTRAINT fk_organ_mask_import_run_id_import_run FOREIGN KEY(import_run_id) REFERENCES import_run (id);
COMMENT ON COLUMN organ_mask.fingerprint IS 'sha256 of the files'' names, sizes and times, and of what they were held against; by it a run passes by.';
COMMENT ON COLUMN organ_mask.faults IS 'What was odd about it, repeated by runs that pass by.';

ALTER TYPE fault_kind ADD VALUE 'frame_differs';
ALTER TYPE fault_kind ADD VALUE 'unknown_label';
ALTER TYPE fault_kind ADD VALUE 'organs_overlap';
"""

LOCATION = """
CREATE TABLE {schema}.location (
  entity_id UUID NOT NULL,
  organ_mask_id BIGINT NOT NULL,
  shares JSONB NOT NULL,
  lung_share DOUBLE PRECISION,
  left_share DOUBLE PRECISION,
  right_share DOUBLE PRECISION,
  lobe VARCHAR,
  lobe_share DOUBLE PRECISION,
  lung_border_mm DOUBLE PRECISION,
  rel_x DOUBLE PRECISION,
  rel_y DOUBLE PRECISION,
  rel_z DOUBLE PRECISION,
  kernel_version VARCHAR NOT NULL,
  device VARCHAR NOT NULL,
  computed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_location PRIMARY KEY (entity_id, organ_mask_id),
  CONSTRAINT ck_location_lung_share_is_share CHECK (lung_share BETWEEN 0 AND 1),
  CONSTRAINT ck_location_left_share_is_share CHECK (left_share BETWEEN 0 AND 1),
  CONSTRAINT ck_location_right_share_is_share CHECK (right_share BETWEEN 0 AND 1),
  CONSTRAINT ck_location_lobe_share_is_share CHECK (lobe_share BETWEEN 0 AND 1),
  CONSTRAINT ck_location_lobe_has_share CHECK ((lobe IS NULL) = (lobe_share IS NULL)),
  CONSTRAINT ck_location_distance_not_negative CHECK (lung_border_mm >= 0),
  CONSTRAINT ck_location_relative_all_or_none CHECK (num_nulls(rel_x, rel_y, rel_z) IN (0, 3)),
  CONSTRAINT ck_location_shares_are_named CHECK (jsonb_typeof(shares) = 'object'),
  CONSTRAINT fk_location_entity_id_entity FOREIGN KEY(entity_id) REFERENCES {schema}.entity (id) ON DELETE CASCADE,
  CONSTRAINT fk_location_organ_mask_id_organ_mask FOREIGN KEY(organ_mask_id) REFERENCES organ_mask (id) ON DELETE CASCADE
);
CREATE INDEX ix_location_kernel_version ON {schema}.location (kernel_version);
CREATE INDEX ix_location_lobe ON {schema}.location (lobe);
CREATE INDEX ix_location_lung_border_mm ON {schema}.location (lung_border_mm);
CREATE INDEX ix_location_organ_mask_id ON {schema}.location (organ_mask_id);
COMMENT ON TABLE {schema}.location IS 'Where an entity lies in one organ mask of its scan; null is not known, as where the mask holds no lung.';
COMMENT ON COLUMN {schema}.location.shares IS 'Organ name to the share of the entity''s voxels in it, for the organs that it touches.';
COMMENT ON COLUMN {schema}.location.lung_share IS 'Share of its voxels in the lungs.';
COMMENT ON COLUMN {schema}.location.left_share IS 'Share in the left lung; null also where neither names nor a midline tell the sides.';
COMMENT ON COLUMN {schema}.location.lobe IS 'The lobe with the largest share, such as `right middle lobe`; null where it is in none.';
COMMENT ON COLUMN {schema}.location.lobe_share IS 'Share of its voxels in that lobe.';
COMMENT ON COLUMN {schema}.location.lung_border_mm IS 'From its nearest voxel to the nearest border voxel of the lungs; outside them, the distance to them.';
COMMENT ON COLUMN {schema}.location.rel_x IS 'Centroid in the lungs'' box: 0 right, 1 left; may lie outside 0 to 1.';
COMMENT ON COLUMN {schema}.location.rel_y IS '0 front, 1 back.';
COMMENT ON COLUMN {schema}.location.rel_z IS '0 foot, 1 head.';
COMMENT ON COLUMN {schema}.location.kernel_version IS 'The version of the kernels; another one makes the row stale.';
COMMENT ON COLUMN {schema}.location.device IS 'cpu, or the GPU''s name.';
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON open.location TO groundct_api;
REVOKE ALL ON hidden.location FROM PUBLIC;
"""

KINDS_BEFORE = """
CREATE TYPE fault_kind_before AS ENUM ('unreadable_file', 'not_nifti', 'missing_volume', 'missing_mask', 'bad_json', 'missing_key', 'wrong_type', 'bad_keys', 'bad_name', 'duplicate_scan', 'unknown_category', 'empty_text', 'shape_differs', 'finding_axis_last', 'finding_count_differs', 'not_integral', 'negative_label', 'not_finite', 'empty_finding', 'entity_count_differs', 'pixels_differ', 'filled_plane', 'hu_out_of_range', 'constant_volume', 'orientation_suspect', 'patient_in_two_splits', 'changed_since');
DELETE FROM open.fault WHERE kind IN ('frame_differs', 'unknown_label', 'organs_overlap');
DELETE FROM hidden.fault WHERE kind IN ('frame_differs', 'unknown_label', 'organs_overlap');
ALTER TABLE open.fault ALTER COLUMN kind TYPE fault_kind_before USING kind::text::fault_kind_before;
ALTER TABLE hidden.fault ALTER COLUMN kind TYPE fault_kind_before USING kind::text::fault_kind_before;
DROP TYPE fault_kind;
ALTER TYPE fault_kind_before RENAME TO fault_kind;
"""


def upgrade() -> None:
    op.execute(ORGANS)
    for schema in ("open", "hidden"):
        op.execute(LOCATION.replace("{schema}", schema))
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP TABLE open.location, hidden.location")
    op.execute(KINDS_BEFORE)
    op.execute("ALTER TABLE organ_mask DROP COLUMN fingerprint, DROP COLUMN faults, DROP COLUMN import_run_id")
