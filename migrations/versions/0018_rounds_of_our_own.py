"""Rounds of our own: what went out, states and who changed them, reasons of reviews, agreement, differences."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TYPES = "CREATE TYPE handout_state AS ENUM ('out', 'returned', 'withdrawn')"

PUBLIC = """
CREATE TABLE annotation_transition (
  from_state annotation_state NOT NULL,
  to_state annotation_state NOT NULL,
  CONSTRAINT pk_annotation_transition PRIMARY KEY (from_state, to_state)
);
COMMENT ON TABLE annotation_transition IS 'A change of an annotation''s state that is allowed; the database refuses every other.';

CREATE TABLE review_reason (
  code VARCHAR NOT NULL,
  target review_target NOT NULL,
  words VARCHAR NOT NULL,
  since VARCHAR NOT NULL,
  CONSTRAINT pk_review_reason PRIMARY KEY (code)
);
COMMENT ON TABLE review_reason IS 'A reason of the versioned list that verdicts are given with.';
COMMENT ON COLUMN review_reason.target IS 'What it can be said of.';
COMMENT ON COLUMN review_reason.since IS 'The version of the list that brought it; what was withdrawn stays readable.';

ALTER TABLE round
  ADD COLUMN cohort_id BIGINT,
  ADD COLUMN policy policy,
  ADD COLUMN policy_limit INTEGER,
  ADD COLUMN instructions VARCHAR,
  ADD COLUMN readers INTEGER,
  ADD COLUMN tolerance_mm DOUBLE PRECISION,
  ADD COLUMN accept_above DOUBLE PRECISION,
  ADD CONSTRAINT fk_round_cohort_id_cohort FOREIGN KEY(cohort_id) REFERENCES cohort (id),
  ADD CONSTRAINT ck_round_limit_with_at_most CHECK ((policy = 'at_most') = (policy_limit IS NOT NULL)),
  ADD CONSTRAINT ck_round_numbers_in_range CHECK (policy_limit > 0 AND readers > 0 AND tolerance_mm >= 0),
  ADD CONSTRAINT ck_round_accept_above_is_share CHECK (accept_above BETWEEN 0 AND 1);
CREATE INDEX ix_round_cohort_id ON round (cohort_id);
COMMENT ON COLUMN round.cohort_id IS 'The findings that are to be drawn; null for a round that was imported.';
COMMENT ON COLUMN round.policy IS 'What its annotators are asked for; null: as each protocol says.';
COMMENT ON COLUMN round.instructions IS 'What annotators are told to draw.';
COMMENT ON COLUMN round.readers IS 'How many draw each finding without seeing one another.';
COMMENT ON COLUMN round.tolerance_mm IS 'How far apart two surfaces may be and agree.';
COMMENT ON COLUMN round.accept_above IS 'The mean Dice of a finding''s readers from which their consensus is accepted by rule; null: never.';
"""

HIDEABLE = """
ALTER TABLE {schema}.annotation ADD COLUMN method VARCHAR;
COMMENT ON COLUMN {schema}.annotation.method IS 'How it was made of others, such as `majority`; null where somebody drew it.';
ALTER TABLE {schema}.review
  ADD COLUMN correction_revision_id UUID,
  ADD COLUMN source_sha256 VARCHAR,
  ADD CONSTRAINT fk_review_reason_review_reason FOREIGN KEY(reason) REFERENCES review_reason (code),
  ADD CONSTRAINT fk_review_correction_revision_id_finding_revision FOREIGN KEY(correction_revision_id) REFERENCES finding_revision (id),
  ADD CONSTRAINT uq_review_source_sha256 UNIQUE (source_sha256),
  ADD CONSTRAINT ck_review_source_sha256_is_sha256 CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT ck_review_correction_corrects CHECK (verdict = 'correct' OR num_nonnulls(correction_id, correction_revision_id) = 0);
COMMENT ON COLUMN {schema}.review.correction_revision_id IS 'The revision that corrects the finding''s words, category or side.';
COMMENT ON COLUMN {schema}.review.source_sha256 IS 'sha256 of the row of a file that it came from, so that the file may come again.';

CREATE TABLE {schema}.handout (
  id UUID NOT NULL,
  round_id BIGINT NOT NULL,
  finding_id UUID NOT NULL,
  scan_id UUID NOT NULL,
  revision_id UUID NOT NULL,
  annotator_id BIGINT NOT NULL,
  shown_id UUID,
  file_name VARCHAR NOT NULL,
  file_sha256 VARCHAR NOT NULL,
  affine_ras DOUBLE PRECISION[] NOT NULL,
  state handout_state NOT NULL,
  annotation_id UUID,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_handout PRIMARY KEY (id),
  CONSTRAINT fk_handout_finding_id_scan_id_finding FOREIGN KEY(finding_id, scan_id) REFERENCES finding (id, scan_id),
  CONSTRAINT uq_handout_round_id_finding_id_annotator_id UNIQUE (round_id, finding_id, annotator_id),
  CONSTRAINT ck_handout_affine_is_4x4 CHECK (cardinality(affine_ras) = 16),
  CONSTRAINT ck_handout_returned_has_annotation CHECK ((state = 'returned') = (annotation_id IS NOT NULL)),
  CONSTRAINT ck_handout_file_sha256_is_sha256 CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_handout_round_id_round FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_handout_revision_id_finding_revision FOREIGN KEY(revision_id) REFERENCES finding_revision (id),
  CONSTRAINT fk_handout_annotator_id_person FOREIGN KEY(annotator_id) REFERENCES person (id),
  CONSTRAINT fk_handout_shown_id_annotation FOREIGN KEY(shown_id) REFERENCES {schema}.annotation (id),
  CONSTRAINT fk_handout_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id)
);
CREATE INDEX ix_handout_annotator_id_state ON {schema}.handout (annotator_id, state);
CREATE INDEX ix_handout_finding_id ON {schema}.handout (finding_id);
COMMENT ON TABLE {schema}.handout IS 'One finding that one annotator was given to draw or to correct in one round.';
COMMENT ON COLUMN {schema}.handout.id IS 'UUIDv5 of round, finding and annotator.';
COMMENT ON COLUMN {schema}.handout.revision_id IS 'The words that went out.';
COMMENT ON COLUMN {schema}.handout.shown_id IS 'The annotation whose labels went out to be corrected; null where the file was empty.';
COMMENT ON COLUMN {schema}.handout.affine_ras IS 'Of the file: the CT''s own, voxel centre to RAS mm, 4 x 4 row by row.';
COMMENT ON COLUMN {schema}.handout.annotation_id IS 'What came back last.';

CREATE TABLE {schema}.annotation_event (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  annotation_id UUID NOT NULL,
  from_state annotation_state NOT NULL,
  to_state annotation_state NOT NULL,
  person VARCHAR,
  reason VARCHAR,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_annotation_event PRIMARY KEY (id),
  CONSTRAINT fk_annotation_event_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id)
);
CREATE INDEX ix_annotation_event_annotation_id ON {schema}.annotation_event (annotation_id);
COMMENT ON TABLE {schema}.annotation_event IS 'A change of an annotation''s state: who, when, why; written by a trigger.';
COMMENT ON COLUMN {schema}.annotation_event.id IS 'Key, made by the database.';
COMMENT ON COLUMN {schema}.annotation_event.person IS 'The pseudonym that the session named; null: a rule or an import.';

CREATE TABLE {schema}.annotation_source (
  annotation_id UUID NOT NULL,
  source_id UUID NOT NULL,
  CONSTRAINT pk_annotation_source PRIMARY KEY (annotation_id, source_id),
  CONSTRAINT ck_annotation_source_two_annotations CHECK (annotation_id <> source_id),
  CONSTRAINT fk_annotation_source_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id),
  CONSTRAINT fk_annotation_source_source_id_annotation FOREIGN KEY(source_id) REFERENCES {schema}.annotation (id)
);
CREATE INDEX ix_annotation_source_source_id ON {schema}.annotation_source (source_id);
COMMENT ON TABLE {schema}.annotation_source IS 'An annotation that another one was made of.';

CREATE TABLE {schema}.confirmation (
  round_id BIGINT NOT NULL,
  annotation_id UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_confirmation PRIMARY KEY (round_id, annotation_id),
  CONSTRAINT fk_confirmation_round_id_round FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_confirmation_annotation_id_annotation FOREIGN KEY(annotation_id) REFERENCES {schema}.annotation (id)
);
CREATE INDEX ix_confirmation_annotation_id ON {schema}.confirmation (annotation_id);
COMMENT ON TABLE {schema}.confirmation IS 'An annotation that a later round says again, voxel by voxel: it is not stored twice.';

CREATE TABLE {schema}.agreement (
  round_id BIGINT NOT NULL,
  finding_id UUID NOT NULL,
  readers INTEGER NOT NULL,
  dice DOUBLE PRECISION NOT NULL,
  surface DOUBLE PRECISION,
  detection DOUBLE PRECISION NOT NULL,
  pairs JSONB NOT NULL,
  kernel_version VARCHAR NOT NULL,
  computed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_agreement PRIMARY KEY (round_id, finding_id),
  CONSTRAINT ck_agreement_two_readers CHECK (readers >= 2),
  CONSTRAINT ck_agreement_dice_is_share CHECK (dice BETWEEN 0 AND 1),
  CONSTRAINT ck_agreement_surface_is_share CHECK (surface BETWEEN 0 AND 1),
  CONSTRAINT ck_agreement_detection_is_share CHECK (detection BETWEEN 0 AND 1),
  CONSTRAINT fk_agreement_round_id_round FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_agreement_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id)
);
CREATE INDEX ix_agreement_finding_id ON {schema}.agreement (finding_id);
COMMENT ON TABLE {schema}.agreement IS 'How the readers of one finding agree in one round.';
COMMENT ON COLUMN {schema}.agreement.dice IS 'Mean over pairs of readers; 1 where both drew nothing.';
COMMENT ON COLUMN {schema}.agreement.surface IS 'Mean share of both surfaces within the round''s tolerance of the other; null without the CT''s frame.';
COMMENT ON COLUMN {schema}.agreement.detection IS 'Mean F1 of entities matched at a Dice of 0.2 or more.';
COMMENT ON COLUMN {schema}.agreement.pairs IS 'Every pair: both annotations, dice, surface, detection.';

CREATE TABLE {schema}.round_agreement (
  round_id BIGINT NOT NULL,
  category VARCHAR NOT NULL,
  measure VARCHAR NOT NULL,
  value DOUBLE PRECISION,
  low DOUBLE PRECISION,
  high DOUBLE PRECISION,
  findings INTEGER NOT NULL,
  CONSTRAINT pk_round_agreement PRIMARY KEY (round_id, category, measure),
  CONSTRAINT ck_round_agreement_interval_around_value CHECK (low <= value AND value <= high),
  CONSTRAINT fk_round_agreement_round_id_round FOREIGN KEY(round_id) REFERENCES round (id)
);
COMMENT ON TABLE {schema}.round_agreement IS 'One figure over a closed round, or over one category of it, with its interval; the hidden part stands apart.';
COMMENT ON COLUMN {schema}.round_agreement.category IS 'A code; empty over all.';
COMMENT ON COLUMN {schema}.round_agreement.measure IS '`dice`, `surface`, `detection`, `alpha`.';
COMMENT ON COLUMN {schema}.round_agreement.value IS 'Null where it is not defined, as alpha where all readers say the same of everything.';
COMMENT ON COLUMN {schema}.round_agreement.low IS 'The bootstrap interval that covers 95 in 100, findings drawn anew.';

CREATE TABLE {schema}.annotation_difference (
  before_id UUID NOT NULL,
  after_id UUID NOT NULL,
  dice DOUBLE PRECISION NOT NULL,
  voxels_added BIGINT NOT NULL,
  voxels_removed BIGINT NOT NULL,
  changes JSONB NOT NULL,
  digest VARCHAR,
  kernel_version VARCHAR NOT NULL,
  computed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_annotation_difference PRIMARY KEY (before_id, after_id),
  CONSTRAINT ck_annotation_difference_two_annotations CHECK (before_id <> after_id),
  CONSTRAINT ck_annotation_difference_voxels_not_negative CHECK (voxels_added >= 0 AND voxels_removed >= 0),
  CONSTRAINT ck_annotation_difference_dice_is_share CHECK (dice BETWEEN 0 AND 1),
  CONSTRAINT ck_annotation_difference_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_annotation_difference_before_id_annotation FOREIGN KEY(before_id) REFERENCES {schema}.annotation (id) ON DELETE CASCADE,
  CONSTRAINT fk_annotation_difference_after_id_annotation FOREIGN KEY(after_id) REFERENCES {schema}.annotation (id) ON DELETE CASCADE
);
CREATE INDEX ix_annotation_difference_after_id ON {schema}.annotation_difference (after_id);
COMMENT ON TABLE {schema}.annotation_difference IS 'How a later annotation of a finding differs from an earlier one, entity by entity; kept once told.';
COMMENT ON COLUMN {schema}.annotation_difference.changes IS 'What became of each entity: kind (same, moved, changed, added, removed, split, merged, relabelled), labels before and after, dice, volume and centroid shift in mm.';
COMMENT ON COLUMN {schema}.annotation_difference.digest IS 'The sparse array of the voxels that differ, 1 removed and 2 added, in the array store; null where none do.';
"""

VOCABULARY = """
INSERT INTO annotation_transition (from_state, to_state) VALUES
  ('draft', 'submitted'), ('draft', 'superseded'),
  ('submitted', 'in_review'), ('submitted', 'accepted'), ('submitted', 'rejected'), ('submitted', 'superseded'),
  ('in_review', 'accepted'), ('in_review', 'rejected'), ('in_review', 'superseded'),
  ('accepted', 'in_review'), ('accepted', 'rejected'), ('accepted', 'superseded'),
  ('rejected', 'in_review'), ('rejected', 'superseded');
INSERT INTO review_reason (code, target, words, since) VALUES
  ('mask_misses_part', 'mask', 'A part of the finding is not drawn.', '1'),
  ('mask_spills', 'mask', 'The mask goes beyond the finding.', '1'),
  ('mask_elsewhere', 'mask', 'The mask is not where the finding is.', '1'),
  ('mask_empty', 'mask', 'Nothing is drawn, and the finding is there.', '1'),
  ('mask_other', 'mask', 'Something else is wrong with the mask; the words say what.', '1'),
  ('entity_not_finding', 'entity', 'This entity is something else.', '1'),
  ('entity_split_needed', 'entity', 'These are several entities drawn as one.', '1'),
  ('entity_merge_needed', 'entity', 'This is a part of another entity.', '1'),
  ('entity_boundary', 'entity', 'The outline of this entity is wrong.', '1'),
  ('text_not_seen', 'text', 'What the words say is not seen on this scan.', '1'),
  ('text_ambiguous', 'text', 'The words can be read in several ways.', '1'),
  ('text_wrong', 'text', 'The words say something wrong.', '1'),
  ('category_wrong', 'category', 'The category does not fit what is seen.', '1'),
  ('side_wrong', 'side', 'The side of the words is not the side of the mask.', '1'),
  ('count_wrong', 'count', 'The number in the words is not the number of entities.', '1');
"""

STATES = """
CREATE FUNCTION refuse_unknown_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM public.annotation_transition t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN
    RAISE EXCEPTION 'an annotation that is % cannot become %', OLD.state, NEW.state
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_unknown_transition() IS 'Lets an annotation change its state as annotation_transition says, and not otherwise.';
CREATE FUNCTION log_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO %I.annotation_event (annotation_id, from_state, to_state, person, reason) VALUES ($1, $2, $3, $4, $5)', TG_TABLE_SCHEMA)
    USING NEW.id, OLD.state, NEW.state, nullif(current_setting('groundct.person', true), ''), nullif(current_setting('groundct.reason', true), '');
  RETURN NULL;
END $$;
COMMENT ON FUNCTION log_transition() IS 'Writes who changed an annotation''s state and why: the settings groundct.person and groundct.reason.';
"""

TRIGGERS = """
CREATE TRIGGER known_transition BEFORE UPDATE OF state ON {schema}.annotation FOR EACH ROW
  WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION refuse_unknown_transition();
CREATE TRIGGER logged_transition AFTER UPDATE OF state ON {schema}.annotation FOR EACH ROW
  WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION log_transition();
CREATE TRIGGER append_only BEFORE UPDATE ON {schema}.annotation_event FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON {schema}.annotation_source FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON {schema}.confirmation FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON {schema}.review FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON {schema}.handout FOR EACH ROW EXECUTE FUNCTION append_only('state', 'annotation_id');
"""

GRANTS = """
GRANT SELECT ON annotation_transition, review_reason TO groundct_api;
GRANT SELECT, INSERT ON open.handout, open.annotation_event, open.annotation_source, open.confirmation, open.agreement, open.round_agreement,
  open.annotation_difference TO groundct_api;
GRANT UPDATE (state, annotation_id) ON open.handout TO groundct_api;
GRANT UPDATE, DELETE ON open.agreement, open.round_agreement, open.annotation_difference TO groundct_api;
REVOKE ALL ON hidden.handout, hidden.annotation_event, hidden.annotation_source, hidden.confirmation, hidden.agreement, hidden.round_agreement,
  hidden.annotation_difference FROM PUBLIC;
"""

TABLES = "annotation_difference round_agreement agreement confirmation annotation_source annotation_event handout"


def upgrade() -> None:
    op.execute(TYPES)
    op.execute(PUBLIC)
    for schema in ("open", "hidden"):
        op.execute(HIDEABLE.replace("{schema}", schema))
    op.execute(VOCABULARY)
    op.execute(STATES)
    for schema in ("open", "hidden"):
        op.execute(TRIGGERS.replace("{schema}", schema))
    op.execute(GRANTS)


def downgrade() -> None:
    for schema in ("hidden", "open"):
        for trigger, table in (
            ("append_only", "review"),
            ("logged_transition", "annotation"),
            ("known_transition", "annotation"),
        ):
            op.execute(f"DROP TRIGGER {trigger} ON {schema}.{table}")
        op.execute("DROP TABLE " + ", ".join(f"{schema}.{table}" for table in TABLES.split()))
        op.execute(
            f"ALTER TABLE {schema}.review DROP CONSTRAINT ck_review_correction_corrects, DROP CONSTRAINT fk_review_reason_review_reason, "
            "DROP COLUMN correction_revision_id, DROP COLUMN source_sha256"
        )
        op.execute(f"ALTER TABLE {schema}.annotation DROP COLUMN method")
    op.execute("DROP FUNCTION refuse_unknown_transition, log_transition")
    op.execute(
        "ALTER TABLE round DROP COLUMN cohort_id, DROP COLUMN policy, DROP COLUMN policy_limit, DROP COLUMN instructions, "
        "DROP COLUMN readers, DROP COLUMN tolerance_mm, DROP COLUMN accept_above"
    )
    op.execute("DROP TABLE review_reason, annotation_transition")
    op.execute("DROP TYPE handout_state")
