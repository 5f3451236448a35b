"""What engines read in reports: rewritten sentences, observations, descriptors, results of stages, what was lost."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TYPES = """
CREATE TYPE region AS ENUM ('lungs', 'heart', 'mediastinum', 'chest_wall', 'lower_neck', 'bones', 'upper_abdomen', 'impression');
CREATE TYPE engine_name AS ENUM ('rules', 'openai', 'source', 'person');
CREATE TYPE sentence_use AS ENUM ('used', 'dropped', 'flagged');
CREATE TYPE drop_reason AS ENUM ('normal', 'speculation', 'recommendation', 'question', 'technique', 'not_a_finding');
CREATE TYPE loss_kind AS ENUM ('measurement', 'side', 'code', 'sentence');
CREATE TYPE descriptor_kind AS ENUM ('side', 'lobe', 'segment', 'size', 'count', 'attenuation', 'margin', 'distribution', 'change', 'certainty');
"""

PUBLIC = """
CREATE TABLE sentence_alignment (
  sentence_id BIGINT NOT NULL,
  original_id BIGINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  CONSTRAINT pk_sentence_alignment PRIMARY KEY (sentence_id, original_id),
  CONSTRAINT ck_sentence_alignment_two_sentences CHECK (sentence_id <> original_id),
  CONSTRAINT ck_sentence_alignment_score_is_share CHECK (score BETWEEN 0 AND 1),
  CONSTRAINT fk_sentence_alignment_sentence_id_sentence FOREIGN KEY(sentence_id) REFERENCES sentence (id),
  CONSTRAINT fk_sentence_alignment_original_id_sentence FOREIGN KEY(original_id) REFERENCES sentence (id)
);
CREATE INDEX ix_sentence_alignment_original_id ON sentence_alignment (original_id);
COMMENT ON TABLE sentence_alignment IS 'A sentence of a translation and the sentence of the original that it says.';

CREATE TABLE reading (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  report_id BIGINT NOT NULL,
  engine engine_name NOT NULL,
  engine_version VARCHAR NOT NULL,
  is_latest BOOLEAN NOT NULL,
  sentences INTEGER NOT NULL,
  flagged INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_reading PRIMARY KEY (id),
  CONSTRAINT ck_reading_flagged_within_sentences CHECK (flagged >= 0 AND flagged <= sentences),
  CONSTRAINT fk_reading_report_id_report FOREIGN KEY(report_id) REFERENCES report (id)
);
CREATE INDEX ix_reading_report_id ON reading (report_id);
CREATE UNIQUE INDEX uq_reading_latest ON reading (report_id) WHERE is_latest;
COMMENT ON TABLE reading IS 'What one engine read in one report, whole; the latest one counts, earlier ones stay.';
COMMENT ON COLUMN reading.id IS 'Key, made by the database.';
COMMENT ON COLUMN reading.engine_version IS 'Versions of the rules, or of prompts and model: another one makes the reading stale.';
COMMENT ON COLUMN reading.is_latest IS 'Kept by a trigger: the reading added last.';
COMMENT ON COLUMN reading.sentences IS 'Source sentences that it accounts for: all of them.';
COMMENT ON COLUMN reading.flagged IS 'Those that nothing was decided about.';

CREATE TABLE rewritten_sentence (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  reading_id BIGINT NOT NULL,
  position INTEGER NOT NULL,
  region region NOT NULL,
  text VARCHAR NOT NULL,
  CONSTRAINT pk_rewritten_sentence PRIMARY KEY (id),
  CONSTRAINT uq_rewritten_sentence_reading_id_position UNIQUE (reading_id, position),
  CONSTRAINT fk_rewritten_sentence_reading_id_reading FOREIGN KEY(reading_id) REFERENCES reading (id)
);
COMMENT ON TABLE rewritten_sentence IS 'A sentence of a rewritten report, in its region.';
COMMENT ON COLUMN rewritten_sentence.id IS 'Key, made by the database.';

CREATE TABLE rewritten_source (
  rewritten_id BIGINT NOT NULL,
  sentence_id BIGINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  CONSTRAINT pk_rewritten_source PRIMARY KEY (rewritten_id, sentence_id),
  CONSTRAINT ck_rewritten_source_score_is_share CHECK (score BETWEEN 0 AND 1),
  CONSTRAINT fk_rewritten_source_rewritten_id_rewritten_sentence FOREIGN KEY(rewritten_id) REFERENCES rewritten_sentence (id),
  CONSTRAINT fk_rewritten_source_sentence_id_sentence FOREIGN KEY(sentence_id) REFERENCES sentence (id)
);
CREATE INDEX ix_rewritten_source_sentence_id ON rewritten_source (sentence_id);
COMMENT ON TABLE rewritten_source IS 'A source sentence that a rewritten sentence says, and how surely.';

CREATE TABLE observation (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  reading_id BIGINT NOT NULL,
  position INTEGER NOT NULL,
  phrase VARCHAR NOT NULL,
  present BOOLEAN NOT NULL,
  refers_to_prior BOOLEAN NOT NULL,
  category_id BIGINT,
  category_code VARCHAR,
  finding_id UUID,
  match_score DOUBLE PRECISION,
  CONSTRAINT pk_observation PRIMARY KEY (id),
  CONSTRAINT uq_observation_reading_id_position UNIQUE (reading_id, position),
  CONSTRAINT fk_observation_reading_id_reading FOREIGN KEY(reading_id) REFERENCES reading (id),
  CONSTRAINT fk_observation_category_id_category FOREIGN KEY(category_id) REFERENCES category (id),
  CONSTRAINT fk_observation_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id)
);
CREATE INDEX ix_observation_category_id ON observation (category_id);
CREATE INDEX ix_observation_finding_id ON observation (finding_id);
COMMENT ON TABLE observation IS 'One thing that a reading says is there or is not; a finding may be drawn for it.';
COMMENT ON COLUMN observation.id IS 'Key, made by the database.';
COMMENT ON COLUMN observation.category_id IS 'Null where none was decided.';
COMMENT ON COLUMN observation.category_code IS 'As the engine gave it.';
COMMENT ON COLUMN observation.finding_id IS 'The finding that it is, where one of the study''s scans has it.';
COMMENT ON COLUMN observation.match_score IS 'How alike the words of both are, 0 to 1.';

CREATE TABLE observation_source (
  observation_id BIGINT NOT NULL,
  rewritten_id BIGINT NOT NULL,
  CONSTRAINT pk_observation_source PRIMARY KEY (observation_id, rewritten_id),
  CONSTRAINT fk_observation_source_observation_id_observation FOREIGN KEY(observation_id) REFERENCES observation (id),
  CONSTRAINT fk_observation_source_rewritten_id_rewritten_sentence FOREIGN KEY(rewritten_id) REFERENCES rewritten_sentence (id)
);
CREATE INDEX ix_observation_source_rewritten_id ON observation_source (rewritten_id);
COMMENT ON TABLE observation_source IS 'A rewritten sentence that an observation was read from.';

CREATE TABLE sentence_account (
  reading_id BIGINT NOT NULL,
  sentence_id BIGINT NOT NULL,
  use sentence_use NOT NULL,
  reason drop_reason,
  CONSTRAINT pk_sentence_account PRIMARY KEY (reading_id, sentence_id),
  CONSTRAINT ck_sentence_account_reason_when_dropped CHECK ((use = 'dropped') = (reason IS NOT NULL)),
  CONSTRAINT fk_sentence_account_reading_id_reading FOREIGN KEY(reading_id) REFERENCES reading (id),
  CONSTRAINT fk_sentence_account_sentence_id_sentence FOREIGN KEY(sentence_id) REFERENCES sentence (id)
);
CREATE INDEX ix_sentence_account_sentence_id ON sentence_account (sentence_id);
COMMENT ON TABLE sentence_account IS 'What a reading made of one source sentence: there is a row for each.';

CREATE TABLE loss (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  reading_id BIGINT NOT NULL,
  sentence_id BIGINT,
  kind loss_kind NOT NULL,
  what VARCHAR NOT NULL,
  repaired BOOLEAN NOT NULL,
  CONSTRAINT pk_loss PRIMARY KEY (id),
  CONSTRAINT fk_loss_reading_id_reading FOREIGN KEY(reading_id) REFERENCES reading (id),
  CONSTRAINT fk_loss_sentence_id_sentence FOREIGN KEY(sentence_id) REFERENCES sentence (id)
);
CREATE INDEX ix_loss_reading_id ON loss (reading_id);
CREATE INDEX ix_loss_sentence_id ON loss (sentence_id);
COMMENT ON TABLE loss IS 'What a reading lost of its source; what asking again did not repair waits for a person.';
COMMENT ON COLUMN loss.id IS 'Key, made by the database.';
COMMENT ON COLUMN loss.what IS 'The words that were not found again.';
COMMENT ON COLUMN loss.repaired IS 'Whether asking again brought it back.';

CREATE TABLE finding_sentence (
  finding_id UUID NOT NULL,
  sentence_id BIGINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  observation_id BIGINT,
  CONSTRAINT pk_finding_sentence PRIMARY KEY (finding_id, sentence_id),
  CONSTRAINT ck_finding_sentence_score_is_share CHECK (score BETWEEN 0 AND 1),
  CONSTRAINT fk_finding_sentence_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id),
  CONSTRAINT fk_finding_sentence_sentence_id_sentence FOREIGN KEY(sentence_id) REFERENCES sentence (id),
  CONSTRAINT fk_finding_sentence_observation_id_observation FOREIGN KEY(observation_id) REFERENCES observation (id)
);
CREATE INDEX ix_finding_sentence_sentence_id ON finding_sentence (sentence_id);
COMMENT ON TABLE finding_sentence IS 'A source sentence that says a finding, and how surely.';
COMMENT ON COLUMN finding_sentence.observation_id IS 'The observation by which they were matched; null where their words were compared directly.';

CREATE TABLE descriptor (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  revision_id UUID,
  observation_id BIGINT,
  kind descriptor_kind NOT NULL,
  value VARCHAR NOT NULL,
  sizes_mm DOUBLE PRECISION[],
  number INTEGER,
  start_char INTEGER NOT NULL,
  end_char INTEGER NOT NULL,
  engine_version VARCHAR NOT NULL,
  CONSTRAINT pk_descriptor PRIMARY KEY (id),
  CONSTRAINT ck_descriptor_of_one_text CHECK (num_nonnulls(revision_id, observation_id) = 1),
  CONSTRAINT ck_descriptor_span_not_empty CHECK (0 <= start_char AND start_char < end_char),
  CONSTRAINT ck_descriptor_size_has_mm CHECK ((kind = 'size') = (sizes_mm IS NOT NULL)),
  CONSTRAINT ck_descriptor_one_to_three_sizes CHECK (cardinality(sizes_mm) BETWEEN 1 AND 3),
  CONSTRAINT ck_descriptor_count_has_number CHECK ((kind = 'count') = (number IS NOT NULL)),
  CONSTRAINT fk_descriptor_revision_id_finding_revision FOREIGN KEY(revision_id) REFERENCES finding_revision (id),
  CONSTRAINT fk_descriptor_observation_id_observation FOREIGN KEY(observation_id) REFERENCES observation (id)
);
CREATE INDEX ix_descriptor_kind_value ON descriptor (kind, value);
CREATE INDEX ix_descriptor_observation_id ON descriptor (observation_id);
CREATE INDEX ix_descriptor_revision_id ON descriptor (revision_id);
COMMENT ON TABLE descriptor IS 'One thing that the words of a finding''s revision, or of an observation, say: `text[start_char:end_char]`.';
COMMENT ON COLUMN descriptor.id IS 'Key, made by the database.';
COMMENT ON COLUMN descriptor.value IS 'In a closed vocabulary by kind: `right`, `right lower lobe`, `12 x 10 mm`, `ground-glass`, `stable`.';
COMMENT ON COLUMN descriptor.sizes_mm IS 'One to three lengths in the order of the words; a range is its larger end.';
COMMENT ON COLUMN descriptor.end_char IS 'Half-open, in characters of the text.';
COMMENT ON COLUMN descriptor.engine_version IS 'What read it; another version makes the rows stale.';

CREATE TABLE stage_result (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  stage VARCHAR NOT NULL,
  engine engine_name NOT NULL,
  prompt_version VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  schema_version VARCHAR NOT NULL,
  input_sha256 VARCHAR NOT NULL,
  output JSONB NOT NULL,
  model_call_id BIGINT,
  overrides_id BIGINT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_stage_result PRIMARY KEY (id),
  CONSTRAINT ck_stage_result_input_sha256_is_sha256 CHECK (input_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_stage_result_call_when_asked CHECK ((engine = 'openai') = (model_call_id IS NOT NULL)),
  CONSTRAINT ck_stage_result_person_overrides CHECK (overrides_id IS NULL OR engine = 'person'),
  CONSTRAINT fk_stage_result_model_call_id_model_call FOREIGN KEY(model_call_id) REFERENCES model_call (id),
  CONSTRAINT fk_stage_result_overrides_id_stage_result FOREIGN KEY(overrides_id) REFERENCES stage_result (id)
);
CREATE INDEX ix_stage_result_overrides_id ON stage_result (overrides_id);
CREATE INDEX ix_stage_result_person ON stage_result (stage, input_sha256) WHERE engine = 'person';
CREATE UNIQUE INDEX uq_stage_result_key ON stage_result (stage, engine, prompt_version, model, schema_version, input_sha256) WHERE engine <> 'person';
COMMENT ON TABLE stage_result IS 'What a stage made of one input: never asked for twice, and never a failed call. A person''s own wins.';
COMMENT ON COLUMN stage_result.id IS 'Key, made by the database.';
COMMENT ON COLUMN stage_result.prompt_version IS 'Of the prompt, or of the rules.';
COMMENT ON COLUMN stage_result.model IS 'The model as asked; empty for rules.';
COMMENT ON COLUMN stage_result.input_sha256 IS 'sha256 of the input as canonical JSON.';
COMMENT ON COLUMN stage_result.overrides_id IS 'What a person''s result corrects.';
"""

LATEST = """
CREATE FUNCTION demote_latest_reading() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
  UPDATE public.reading SET is_latest = false WHERE report_id = NEW.report_id AND is_latest;
  NEW.is_latest := true;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION demote_latest_reading() IS 'Makes a reading that is added the latest one of its report.';
REVOKE EXECUTE ON FUNCTION demote_latest_reading() FROM PUBLIC;
CREATE TRIGGER demote_latest BEFORE INSERT ON reading FOR EACH ROW EXECUTE FUNCTION demote_latest_reading();
"""

CHANGEABLE = {
    "reading": ("is_latest",),
    "rewritten_sentence": (),
    "observation": ("finding_id", "match_score"),
    "sentence_account": (),
    "loss": (),
    "stage_result": (),
    "model_call": (),
}

GRANTS = """
GRANT SELECT, INSERT ON sentence_alignment, reading, rewritten_sentence, rewritten_source, observation, observation_source,
  sentence_account, loss, finding_sentence, descriptor, stage_result TO groundct_api;
GRANT UPDATE (finding_id, match_score) ON observation TO groundct_api;
GRANT DELETE ON descriptor, finding_sentence TO groundct_api;
"""

TABLES = """stage_result descriptor finding_sentence loss sentence_account observation_source observation
rewritten_source rewritten_sentence reading sentence_alignment"""


def upgrade() -> None:
    op.execute(TYPES)
    op.execute(PUBLIC)
    op.execute(LATEST)
    for table, columns in CHANGEABLE.items():
        arguments = ", ".join(f"'{column}'" for column in columns)
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION append_only({arguments})"
        )
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only ON model_call")
    op.execute("DROP TABLE " + ", ".join(TABLES.split()))
    op.execute("DROP FUNCTION demote_latest_reading")
    op.execute("DROP TYPE region, engine_name, sentence_use, drop_reason, loss_kind, descriptor_kind")
