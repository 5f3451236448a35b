"""The ontology, findings with their revisions, rounds and people."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TYPES = """
CREATE TYPE focality AS ENUM ('focal', 'non_focal', 'neither');
CREATE TYPE run_state AS ENUM ('running', 'done', 'failed');
CREATE TYPE side AS ENUM ('left', 'right', 'bilateral', 'midline');
CREATE TYPE revision_source AS ENUM ('import', 'model', 'person');
CREATE TYPE person_role AS ENUM ('annotator', 'reviewer');
"""

PUBLIC = """
CREATE TABLE ontology (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  version VARCHAR NOT NULL,
  source VARCHAR,
  CONSTRAINT pk_ontology PRIMARY KEY (id),
  CONSTRAINT uq_ontology_name_version UNIQUE (name, version)
);
COMMENT ON TABLE ontology IS 'One version of a tree of categories; what is published of it never changes.';
COMMENT ON COLUMN ontology.id IS 'Key, made by the database.';

CREATE TABLE category (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  ontology_id BIGINT NOT NULL,
  parent_id BIGINT,
  code VARCHAR NOT NULL,
  path TEXT COLLATE "C" NOT NULL,
  name VARCHAR NOT NULL,
  focality focality NOT NULL,
  segmented BOOLEAN NOT NULL,
  assignable BOOLEAN NOT NULL,
  CONSTRAINT pk_category PRIMARY KEY (id),
  CONSTRAINT uq_category_ontology_id_code UNIQUE (ontology_id, code),
  CONSTRAINT uq_category_ontology_id_path UNIQUE (ontology_id, path),
  CONSTRAINT uq_category_id_ontology_id UNIQUE (id, ontology_id),
  CONSTRAINT fk_category_parent_id_ontology_id_category FOREIGN KEY(parent_id, ontology_id) REFERENCES category (id, ontology_id),
  CONSTRAINT fk_category_ontology_id_ontology FOREIGN KEY(ontology_id) REFERENCES ontology (id)
);
COMMENT ON TABLE category IS 'One node of an ontology; a subtree is a range of paths.';
COMMENT ON COLUMN category.id IS 'Key, made by the database.';
COMMENT ON COLUMN category.parent_id IS 'The parent, of the same ontology; null for a root.';
COMMENT ON COLUMN category.code IS 'As sources write it: `2`, `2d`.';
COMMENT ON COLUMN category.path IS '`02/`, `02/d/`: the subtree of a path p is p <= path < p with its last character raised by one.';
COMMENT ON COLUMN category.segmented IS 'Whether masks are drawn for it.';
COMMENT ON COLUMN category.assignable IS 'Whether a finding may have this code.';

CREATE TABLE import_run (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  kind VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  settings JSONB NOT NULL,
  software_version VARCHAR NOT NULL,
  state run_state NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  finished_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_import_run PRIMARY KEY (id)
);
COMMENT ON TABLE import_run IS 'One run of an import.';
COMMENT ON COLUMN import_run.id IS 'Key, made by the database.';
COMMENT ON COLUMN import_run.kind IS 'The command: rexgroundingct, metadata, ...';
COMMENT ON COLUMN import_run.source IS 'The file that it read.';

CREATE TABLE finding (
  id UUID NOT NULL,
  scan_id UUID NOT NULL,
  source_index SMALLINT NOT NULL,
  CONSTRAINT pk_finding PRIMARY KEY (id),
  CONSTRAINT uq_finding_scan_id_source_index UNIQUE (scan_id, source_index),
  CONSTRAINT uq_finding_id_scan_id UNIQUE (id, scan_id),
  CONSTRAINT fk_finding_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
COMMENT ON TABLE finding IS 'One finding of a scan, for ever; what is said of it stands in its revisions.';
COMMENT ON COLUMN finding.id IS 'UUIDv5 of collection, scan and source index.';
COMMENT ON COLUMN finding.source_index IS 'The index under which a source named it first; a later one may be found in `release_finding`.';

CREATE TABLE finding_revision (
  id UUID NOT NULL,
  finding_id UUID NOT NULL,
  revision INTEGER NOT NULL,
  is_latest BOOLEAN NOT NULL,
  text VARCHAR NOT NULL,
  words TSVECTOR GENERATED ALWAYS AS (to_tsvector('english'::regconfig, text)) STORED,
  category_id BIGINT,
  category_code VARCHAR,
  present BOOLEAN NOT NULL,
  refers_to_prior BOOLEAN,
  text_side side,
  source revision_source NOT NULL,
  import_run_id BIGINT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_finding_revision PRIMARY KEY (id),
  CONSTRAINT uq_finding_revision_finding_id_revision UNIQUE (finding_id, revision),
  CONSTRAINT uq_finding_revision_id_finding_id UNIQUE (id, finding_id),
  CONSTRAINT ck_finding_revision_revision_from_one CHECK (revision >= 1),
  CONSTRAINT fk_finding_revision_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id),
  CONSTRAINT fk_finding_revision_category_id_category FOREIGN KEY(category_id) REFERENCES category (id),
  CONSTRAINT fk_finding_revision_import_run_id_import_run FOREIGN KEY(import_run_id) REFERENCES import_run (id)
);
CREATE INDEX ix_finding_revision_category ON finding_revision (category_id, finding_id) WHERE is_latest;
CREATE INDEX ix_finding_revision_words ON finding_revision USING gin (words) WHERE is_latest;
CREATE UNIQUE INDEX uq_finding_revision_latest ON finding_revision (finding_id) WHERE is_latest;
COMMENT ON TABLE finding_revision IS 'What is said of a finding, from one moment on; rows are only added.';
COMMENT ON COLUMN finding_revision.id IS 'UUIDv5 of the finding and the revision''s number.';
COMMENT ON COLUMN finding_revision.is_latest IS 'Kept by a trigger: the revision added last.';
COMMENT ON COLUMN finding_revision.words IS 'The text''s words for full-text search.';
COMMENT ON COLUMN finding_revision.category_id IS 'Null where the source''s code is in no known ontology, or none was given.';
COMMENT ON COLUMN finding_revision.category_code IS 'The code as the source wrote it.';
COMMENT ON COLUMN finding_revision.refers_to_prior IS 'Whether it speaks of an earlier examination; null is unknown.';
COMMENT ON COLUMN finding_revision.text_side IS 'The side that the words name.';

CREATE TABLE person (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  pseudonym VARCHAR NOT NULL,
  role person_role NOT NULL,
  CONSTRAINT pk_person PRIMARY KEY (id),
  CONSTRAINT uq_person_pseudonym UNIQUE (pseudonym)
);
COMMENT ON TABLE person IS 'Somebody who draws or checks, under a public pseudonym.';
COMMENT ON COLUMN person.id IS 'Key, made by the database.';

CREATE TABLE round (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  collection_id BIGINT NOT NULL,
  protocols TEXT[] NOT NULL,
  source VARCHAR,
  tool VARCHAR,
  licence VARCHAR,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_round PRIMARY KEY (id),
  CONSTRAINT ck_round_closed_after_opened CHECK (closed_at >= opened_at),
  CONSTRAINT uq_round_name UNIQUE (name),
  CONSTRAINT fk_round_collection_id_collection FOREIGN KEY(collection_id) REFERENCES collection (id)
);
COMMENT ON TABLE round IS 'One campaign of annotation.';
COMMENT ON COLUMN round.id IS 'Key, made by the database.';
COMMENT ON COLUMN round.protocols IS 'The protocols that its source names, sorted.';
COMMENT ON COLUMN round.source IS 'Where its annotations came from.';
COMMENT ON COLUMN round.tool IS 'What they were drawn with.';

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
"""


def upgrade() -> None:
    op.execute(TYPES)
    op.execute(PUBLIC)


def downgrade() -> None:
    op.execute(
        "DROP TABLE reasoning_step, reasoning, round, person, finding_revision, finding, import_run, category, ontology"
    )
    op.execute("DROP TYPE focality, run_state, side, revision_source, person_role")
