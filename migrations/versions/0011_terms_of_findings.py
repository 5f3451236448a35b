"""What a finding's words say in radiology's terms, and what they deny: `finding_terms`, kept in `finding_revision.terms`.

The dictionary stands beside this file and is copied into the function, so that the column depends on nothing else, also
while a backup is restored. Another dictionary is another function, and a migration that makes the column anew.
"""

from pathlib import Path

from alembic import op

from migrations.dictionary import read_arrays

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

DICTIONARY = Path(__file__).with_name("radiology_terms_1.txt")

DENIALS = r"""
CREATE FUNCTION split_denied(words text, OUT affirmed text, OUT denied text) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog AS $$
DECLARE
  clause text;
  start integer;
BEGIN
  affirmed := '';
  denied := '';
  FOREACH clause IN ARRAY regexp_split_to_array(
    words, '[;:\n]|\.(?!\d)|\m(?:but|however|although|though|except|whereas|while|yet|otherwise)\M|, (?:with|there|and)\M')
  LOOP
    -- What is said of change, or left open, denies nothing.
    clause := regexp_replace(clause,
      '\m(?:no|not|without)(?: \w+)? (?:change|changes|changed|increase|increased|decrease|decreased|progression|regression|excluded|exclude|ruled|only|clearly|certain)\M|\mcannot be (?:excluded|ruled)\M|\mnon[ -]specific\M',
      ' ', 'g');
    IF clause ~ '\m(?:not|never) (?:\w+ )?(?:seen|observed|detected|identified|found|noted|present|visible|visualized|visualised|demonstrated|evident|appreciated|available|watched|encountered|selected|monitored)\M|\m(?:is|are|was|were) absent\M|\m(?:has|have) (?:resolved|disappeared)\M|\m(?:resolved|excluded|ruled out)\M\s*$|\mabsent\M\s*$|\mno longer\M' THEN
      denied := denied || ' . ' || clause;
    ELSE
      start := regexp_instr(clause,
        '\m(?:no|not|without|absence of|absent|negative for|free of|free from|lack of|lacks|denies|neither|nor|never|resolution of|disappearance of)\M');
      IF start > 0 THEN
        affirmed := affirmed || ' . ' || left(clause, start - 1);
        denied := denied || ' . ' || substr(clause, start);
      ELSE
        affirmed := affirmed || ' . ' || clause;
      END IF;
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION split_denied(text) IS 'What a text in lower case says there is, and what it says there is not.';
"""

TERMS = r"""
CREATE FUNCTION finding_terms(words text, present boolean) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog AS $$
DECLARE
  terms CONSTANT text[] := {terms};
  kinds CONSTANT text[] := {kinds};
  queries CONSTANT tsquery[] := {queries};
  empty CONSTANT text[] := ARRAY['without', 'observ', 'seen', 'see', 'detect', 'identifi', 'found', 'note', 'present',
    'evid', 'measur', 'approxim', 'consist', 'cm', 'mm', 'x', 'absenc', 'absent'];
  plain text := regexp_replace(lower(words), '(?<=[[:alpha:]])[-/](?=[[:alpha:]])', ' ', 'g');
  parts record;
  there tsvector := '';
  denied tsvector := '';
  found text;
BEGIN
  IF present THEN
    parts := public.split_denied(plain);
    there := to_tsvector('english', parts.affirmed);
    denied := to_tsvector('english', parts.denied);
  ELSE
    denied := to_tsvector('english', plain);
  END IF;
  SELECT string_agg(quote_literal(lexeme) || ':1' || kind, ' ') INTO found FROM (
    SELECT CASE WHEN kind = 'C' OR there @@ query THEN term ELSE '-' || term END AS lexeme, kind
      FROM unnest(terms, kinds, queries) AS known (term, kind, query)
      WHERE there @@ query OR denied @@ query
    UNION ALL
    SELECT lexeme, 'D' FROM unnest(there) WHERE lexeme <> ALL (empty) AND lexeme !~ '^[\d.,]+$'
    UNION ALL
    SELECT '-' || lexeme, 'D' FROM unnest(denied) WHERE lexeme <> ALL (empty) AND lexeme !~ '^[\d.,]+$'
    UNION ALL
    SELECT round(replace(size, ',', '.')::numeric * CASE measure[2] WHEN 'cm' THEN 10 ELSE 1 END) || 'mm', 'D'
      FROM regexp_matches(plain, '((?:\d{1,4}(?:[.,]\d{1,3})?\s*x\s*)*\d{1,4}(?:[.,]\d{1,3})?)\s*(cm|mm)\M', 'g') AS measure,
        regexp_split_to_table(measure[1], '\s*x\s*') AS size
  ) AS each;
  RETURN coalesce(found, '')::tsvector;
END $$;
COMMENT ON FUNCTION finding_terms(text, boolean) IS 'A finding''s terms: A what is seen, B how, C where, D its other words; what is denied has a minus before it, but where it is not.';
"""

COLUMN = """
ALTER TABLE finding_revision ADD COLUMN terms TSVECTOR GENERATED ALWAYS AS (finding_terms(text, present)) STORED;
CREATE INDEX ix_finding_revision_terms ON finding_revision USING gin (terms) WHERE is_latest;
COMMENT ON COLUMN finding_revision.terms IS 'What the text says in radiology''s terms, and what it denies, for search.';
"""

CHANGEABLE = """
DROP TRIGGER append_only ON finding_revision;
CREATE TRIGGER append_only BEFORE UPDATE ON finding_revision FOR EACH ROW EXECUTE FUNCTION append_only({columns});
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DENIALS)
    function = TERMS
    for name, array in read_arrays(op.get_bind(), DICTIONARY).items():
        function = function.replace(f"{{{name}}}", array)
    op.get_bind().exec_driver_sql(function)
    op.execute(COLUMN)
    op.execute(CHANGEABLE.replace("{columns}", "'is_latest', 'words', 'terms'"))


def downgrade() -> None:
    op.execute("ALTER TABLE finding_revision DROP COLUMN terms")
    op.execute("DROP FUNCTION finding_terms, split_denied")
    op.execute(CHANGEABLE.replace("{columns}", "'is_latest', 'words'"))
