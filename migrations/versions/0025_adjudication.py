"""Adjudication: what readers disagree about waits for somebody who decides, and is decided once."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

ROLE = "ALTER TYPE person_role ADD VALUE 'adjudicator'"

WAITS = """
DROP TABLE {schema}.adjudication;
CREATE TABLE {schema}.adjudication (
  round_id BIGINT NOT NULL,
  finding_id UUID NOT NULL,
  chosen_id UUID,
  adjudicator_id BIGINT,
  reason VARCHAR,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  decided_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_adjudication PRIMARY KEY (round_id, finding_id),
  CONSTRAINT ck_adjudication_waits_or_is_decided CHECK (num_nonnulls(chosen_id, adjudicator_id, reason, decided_at) IN (0, 4)),
  CONSTRAINT fk_adjudication_finding_id_finding FOREIGN KEY(finding_id) REFERENCES finding (id),
  CONSTRAINT fk_adjudication_round_id_round FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_adjudication_chosen_id_annotation FOREIGN KEY(chosen_id) REFERENCES {schema}.annotation (id),
  CONSTRAINT fk_adjudication_adjudicator_id_person FOREIGN KEY(adjudicator_id) REFERENCES person (id)
);
CREATE INDEX ix_adjudication_finding_id ON {schema}.adjudication (finding_id);
COMMENT ON TABLE {schema}.adjudication IS 'A finding about which the readers of a round disagree, and what an adjudicator chose.';
COMMENT ON COLUMN {schema}.adjudication.chosen_id IS 'The annotation that holds, of any round; null as long as it waits.';
COMMENT ON COLUMN {schema}.adjudication.reason IS 'What the adjudicator said.';
CREATE TRIGGER append_only BEFORE UPDATE ON {schema}.adjudication FOR EACH ROW
  EXECUTE FUNCTION append_only('chosen_id', 'adjudicator_id', 'reason', 'decided_at');
CREATE TRIGGER decided_once BEFORE UPDATE ON {schema}.adjudication FOR EACH ROW
  WHEN (OLD.chosen_id IS NOT NULL) EXECUTE FUNCTION append_only();
"""

GRANTS = """
GRANT SELECT, INSERT ON open.adjudication TO groundct_api, groundct_editor;
GRANT UPDATE (chosen_id, adjudicator_id, reason, decided_at) ON open.adjudication TO groundct_api, groundct_editor;
REVOKE ALL ON hidden.adjudication FROM PUBLIC;
"""

CHOSEN = """
DROP TABLE {schema}.adjudication;
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

GRANTS_BEFORE = """
GRANT SELECT, INSERT ON open.adjudication TO groundct_api;
GRANT SELECT ON open.adjudication TO groundct_editor;
GRANT USAGE ON SEQUENCE open.adjudication_id_seq TO groundct_api;
REVOKE ALL ON hidden.adjudication FROM PUBLIC;
"""

ROLE_BEFORE = """
CREATE TYPE person_role_before AS ENUM ('annotator', 'reviewer');
UPDATE person SET role = 'reviewer' WHERE role = 'adjudicator';
ALTER TABLE person ALTER COLUMN role TYPE person_role_before USING role::text::person_role_before;
DROP TYPE person_role;
ALTER TYPE person_role_before RENAME TO person_role;
"""


def upgrade() -> None:
    op.execute(ROLE)
    for schema in ("open", "hidden"):
        op.execute(WAITS.replace("{schema}", schema))
    op.execute(GRANTS)


def downgrade() -> None:
    for schema in ("open", "hidden"):
        op.execute(CHOSEN.replace("{schema}", schema))
    op.execute(GRANTS_BEFORE)
    op.execute(ROLE_BEFORE)
