"""Embeddings, the ledger of model calls, evaluators, submissions and scores."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PUBLIC = """
CREATE TABLE embedding_model (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  version VARCHAR NOT NULL,
  dimensions INTEGER NOT NULL,
  CONSTRAINT pk_embedding_model PRIMARY KEY (id),
  CONSTRAINT uq_embedding_model_name_version UNIQUE (name, version),
  CONSTRAINT ck_embedding_model_dimensions_fit_halfvec CHECK (dimensions BETWEEN 1 AND 4000)
);
COMMENT ON TABLE embedding_model IS 'A model that made vectors.';
COMMENT ON COLUMN embedding_model.id IS 'Key, made by the database.';
COMMENT ON COLUMN embedding_model.version IS 'The weights'' sha256, or what a hosted model calls its version.';

CREATE TABLE embedding (
  revision_id UUID NOT NULL,
  model_id BIGINT NOT NULL,
  vector HALFVEC NOT NULL,
  CONSTRAINT pk_embedding PRIMARY KEY (revision_id, model_id),
  CONSTRAINT fk_embedding_revision_id_finding_revision FOREIGN KEY(revision_id) REFERENCES finding_revision (id),
  CONSTRAINT fk_embedding_model_id_embedding_model FOREIGN KEY(model_id) REFERENCES embedding_model (id)
);
CREATE INDEX ix_embedding_model_id ON embedding (model_id);
COMMENT ON TABLE embedding IS 'The vector of a finding''s revision under one model, of unit length.';

CREATE TABLE model_call (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  stage VARCHAR NOT NULL,
  prompt_version VARCHAR NOT NULL,
  schema_version VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  model_answered VARCHAR,
  parameters JSONB NOT NULL,
  input_sha256 VARCHAR NOT NULL,
  output JSONB,
  error VARCHAR,
  attempt INTEGER NOT NULL,
  tokens_in INTEGER,
  tokens_out INTEGER,
  cost_usd NUMERIC(12, 6),
  latency_ms INTEGER,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_model_call PRIMARY KEY (id),
  CONSTRAINT ck_model_call_input_sha256_is_sha256 CHECK (input_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_model_call_output_or_error CHECK ((output IS NULL) <> (error IS NULL))
);
CREATE INDEX ix_model_call_stage_prompt_version_model_schema_version_ff64 ON model_call (stage, prompt_version, model, schema_version, input_sha256);
COMMENT ON TABLE model_call IS 'One request to a language model: what was asked, what came, what it cost. A failed call is never a result.';
COMMENT ON COLUMN model_call.id IS 'Key, made by the database.';
COMMENT ON COLUMN model_call.model IS 'As asked.';
COMMENT ON COLUMN model_call.model_answered IS 'As the answer names it.';
COMMENT ON COLUMN model_call.cost_usd IS 'By the price at the time; null is unknown.';

CREATE TABLE evaluator (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  version VARCHAR NOT NULL,
  settings JSONB NOT NULL,
  settings_sha256 VARCHAR NOT NULL,
  CONSTRAINT pk_evaluator PRIMARY KEY (id),
  CONSTRAINT uq_evaluator_name_version_settings_sha256 UNIQUE (name, version, settings_sha256),
  CONSTRAINT ck_evaluator_settings_sha256_is_sha256 CHECK (settings_sha256 ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE evaluator IS 'One version of an evaluator with its settings.';
COMMENT ON COLUMN evaluator.id IS 'Key, made by the database.';

CREATE TABLE submission (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  team VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  release_id BIGINT NOT NULL,
  split VARCHAR NOT NULL,
  digest VARCHAR NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_submission PRIMARY KEY (id),
  CONSTRAINT fk_submission_release_id_split_release_split FOREIGN KEY(release_id, split) REFERENCES release_split (release_id, name),
  CONSTRAINT ck_submission_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE submission IS 'Predictions for a split of a release.';
COMMENT ON COLUMN submission.id IS 'Key, made by the database.';
COMMENT ON COLUMN submission.digest IS 'sha256 of what was handed in.';
"""

HIDEABLE = """
CREATE TABLE {schema}.score (
  submission_id BIGINT NOT NULL,
  evaluator_id BIGINT NOT NULL,
  finding_id UUID NOT NULL,
  metrics JSONB NOT NULL,
  CONSTRAINT pk_score PRIMARY KEY (submission_id, evaluator_id, finding_id),
  CONSTRAINT fk_score_submission_id_submission FOREIGN KEY(submission_id) REFERENCES submission (id),
  CONSTRAINT fk_score_evaluator_id_evaluator FOREIGN KEY(evaluator_id) REFERENCES evaluator (id),
  CONSTRAINT fk_score_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id)
);
COMMENT ON TABLE {schema}.score IS 'What an evaluator gives a submission for one finding.';
"""


def upgrade() -> None:
    op.execute(PUBLIC)
    for schema in ("open", "hidden"):
        op.execute(HIDEABLE.replace("{schema}", schema))


def downgrade() -> None:
    for schema in ("hidden", "open"):
        op.execute("DROP TABLE {schema}.score".replace("{schema}", schema))
    op.execute("DROP TABLE submission, evaluator, model_call, embedding, embedding_model")
