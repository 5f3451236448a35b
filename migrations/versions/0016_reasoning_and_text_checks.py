"""Chains of thought with boxes, and checks of words against masks, in `open` and in `hidden`; nothing wrote the tables before."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TYPES = """
CREATE TYPE reasoning_level AS ENUM ('scan', 'side', 'lobe', 'segment', 'structure', 'lesion');
CREATE TYPE check_outcome AS ENUM ('holds', 'contradicts', 'unknown');
"""

HIDEABLE = """
CREATE TABLE {schema}.reasoning (
  id UUID NOT NULL,
  finding_id UUID NOT NULL,
  origin VARCHAR NOT NULL,
  source JSONB,
  annotation_id UUID,
  version VARCHAR NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_reasoning PRIMARY KEY (id),
  CONSTRAINT uq_reasoning_finding_id_origin UNIQUE (finding_id, origin),
  CONSTRAINT fk_reasoning_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id),
  CONSTRAINT fk_reasoning_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id)
);
CREATE INDEX ix_reasoning_annotation_id ON {schema}.reasoning (annotation_id);
COMMENT ON TABLE {schema}.reasoning IS 'One chain of thought about a finding: imported, its source kept as it came, or made from words and masks.';
COMMENT ON COLUMN {schema}.reasoning.id IS 'UUIDv5 of finding and origin.';
COMMENT ON COLUMN {schema}.reasoning.origin IS 'The file that it came from, or `groundct`.';
COMMENT ON COLUMN {schema}.reasoning.source IS 'As it came; null for a chain of our own.';
COMMENT ON COLUMN {schema}.reasoning.annotation_id IS 'The annotation whose entities a chain of our own walks to.';
COMMENT ON COLUMN {schema}.reasoning.version IS 'Of what made or read it; another one makes the row stale.';

CREATE TABLE {schema}.reasoning_step (
  reasoning_id UUID NOT NULL,
  position INTEGER NOT NULL,
  level reasoning_level,
  place VARCHAR,
  text VARCHAR NOT NULL,
  box_source DOUBLE PRECISION[],
  box_frame VARCHAR,
  box_vox_min INTEGER[],
  box_vox_max INTEGER[],
  box_lps_mm_min DOUBLE PRECISION[],
  box_lps_mm_max DOUBLE PRECISION[],
  holds BOOLEAN,
  evidence JSONB,
  CONSTRAINT pk_reasoning_step PRIMARY KEY (reasoning_id, position),
  CONSTRAINT ck_reasoning_step_box_has_six CHECK (box_source IS NULL OR cardinality(box_source) = 6),
  CONSTRAINT ck_reasoning_step_position_from_zero CHECK (position >= 0),
  CONSTRAINT ck_reasoning_step_box_vox_both_or_none CHECK (num_nulls(box_vox_min, box_vox_max) IN (0, 2)),
  CONSTRAINT ck_reasoning_step_box_lps_mm_both_or_none CHECK (num_nulls(box_lps_mm_min, box_lps_mm_max) IN (0, 2)),
  CONSTRAINT fk_reasoning_step_reasoning_id_reasoning FOREIGN KEY(reasoning_id) REFERENCES {schema}.reasoning (id) ON DELETE CASCADE
);
COMMENT ON TABLE {schema}.reasoning_step IS 'One step of a chain of thought, and the claim that it makes.';
COMMENT ON COLUMN {schema}.reasoning_step.level IS 'Null where an imported step is not recognised.';
COMMENT ON COLUMN {schema}.reasoning_step.place IS 'What the step names: `right`, `right lower lobe`.';
COMMENT ON COLUMN {schema}.reasoning_step.box_source IS 'The box as the source gives it; its frame is unknown unless `box_frame` names it.';
COMMENT ON COLUMN {schema}.reasoning_step.box_vox_min IS 'Voxels along i, j, k; the box is half-open.';
COMMENT ON COLUMN {schema}.reasoning_step.box_lps_mm_min IS 'The same box along the patient''s axes, outer faces included, LPS.';
COMMENT ON COLUMN {schema}.reasoning_step.holds IS 'Whether the masks agree with the claim; null is not checked.';
COMMENT ON COLUMN {schema}.reasoning_step.evidence IS 'The figures by which it was told.';

CREATE TABLE {schema}.text_check (
  annotation_id UUID NOT NULL,
  name VARCHAR NOT NULL,
  version VARCHAR NOT NULL,
  revision_id UUID NOT NULL,
  outcome check_outcome NOT NULL,
  severity DOUBLE PRECISION,
  evidence JSONB NOT NULL,
  computed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_text_check PRIMARY KEY (annotation_id, name),
  CONSTRAINT fk_text_check_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id) ON DELETE CASCADE,
  CONSTRAINT fk_text_check_revision_id_finding_revision FOREIGN KEY(revision_id) REFERENCES finding_revision (id)
);
CREATE INDEX ix_text_check_name ON {schema}.text_check (name) WHERE outcome = 'contradicts';
CREATE INDEX ix_text_check_revision_id ON {schema}.text_check (revision_id);
COMMENT ON TABLE {schema}.text_check IS 'One named check of an annotation against the words of its finding, with its evidence.';
COMMENT ON COLUMN {schema}.text_check.name IS 'Of the check: `count`, `size`, `side`, `lobe`, ...';
COMMENT ON COLUMN {schema}.text_check.version IS 'Of the check; another one makes the row stale.';
COMMENT ON COLUMN {schema}.text_check.revision_id IS 'The words that were held against it.';
COMMENT ON COLUMN {schema}.text_check.severity IS 'How far apart both are, 0 to 1, for the order of a review queue; null unless they contradict.';
COMMENT ON COLUMN {schema}.text_check.evidence IS 'The figures and words by which it was told.';
"""

BEFORE = """
CREATE TABLE reasoning (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  finding_id UUID NOT NULL,
  origin VARCHAR NOT NULL,
  source JSONB NOT NULL,
  CONSTRAINT pk_reasoning PRIMARY KEY (id),
  CONSTRAINT uq_reasoning_finding_id_origin UNIQUE (finding_id, origin),
  CONSTRAINT fk_reasoning_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id)
);
COMMENT ON TABLE reasoning IS 'One chain of thought about a finding, its source kept as it came.';
COMMENT ON COLUMN reasoning.id IS 'Key, made by the database.';
COMMENT ON COLUMN reasoning.origin IS 'The file or model that it came from.';

CREATE TABLE reasoning_step (
  reasoning_id BIGINT NOT NULL,
  position INTEGER NOT NULL,
  text VARCHAR NOT NULL,
  box_source DOUBLE PRECISION[],
  box_frame VARCHAR,
  holds BOOLEAN,
  CONSTRAINT pk_reasoning_step PRIMARY KEY (reasoning_id, position),
  CONSTRAINT ck_reasoning_step_box_has_six CHECK (box_source IS NULL OR cardinality(box_source) = 6),
  CONSTRAINT ck_reasoning_step_position_from_zero CHECK (position >= 0),
  CONSTRAINT fk_reasoning_step_reasoning_id_reasoning FOREIGN KEY(reasoning_id) REFERENCES reasoning (id)
);
COMMENT ON TABLE reasoning_step IS 'One step of a chain of thought: scan, side, lobe, segment, lesion.';
COMMENT ON COLUMN reasoning_step.box_source IS 'The box as the source gives it; its frame is unknown unless `box_frame` names it.';
COMMENT ON COLUMN reasoning_step.holds IS 'Whether it agrees with the masks; null is not checked.';
GRANT SELECT, INSERT ON reasoning, reasoning_step TO groundct_api;
GRANT USAGE ON SEQUENCE reasoning_id_seq TO groundct_api;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON open.reasoning, open.reasoning_step, open.text_check TO groundct_api;
REVOKE ALL ON hidden.reasoning, hidden.reasoning_step, hidden.text_check FROM PUBLIC;
"""


def upgrade() -> None:
    op.execute("DROP TABLE reasoning_step, reasoning")
    op.execute(TYPES)
    for schema in ("open", "hidden"):
        op.execute(HIDEABLE.replace("{schema}", schema))
    op.execute(GRANTS)


def downgrade() -> None:
    for schema in ("hidden", "open"):
        op.execute(
            "DROP TABLE {schema}.text_check, {schema}.reasoning_step, {schema}.reasoning".replace("{schema}", schema)
        )
    op.execute("DROP TYPE reasoning_level, check_outcome")
    op.execute(BEFORE)
