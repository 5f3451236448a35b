"""The second dictionary, and what a text is about told from what it mentions.

What is seen was a term alike whether a text is about it or mentions it ("consolidation with ground glass"). Now what is
said after words such as "with" or "around" is a term of another name, `~ground_glass`, of the lighter kind B; what the
text is about has both. A word that is called like a term is no term of its own any more: the heavier kind won, so that a
finding's "lung cyst" counted as what is seen for a query's plain word "cyst". Read as denied were numbers after a hyphen
("covid-19"), what is "not specific", and what was "not seen in the previous examination".

What the terms of a wording weigh together is kept beside them, since a search needs it of every wording that it
compares. Both columns are computed for every wording, some 0.2 ms each, under a lock on `finding_revision`. Its indexes
now take new words at once, so that a search never reads a list of those pending.
"""

from pathlib import Path

from alembic import op

from migrations.dictionary import read_arrays

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

FIRST, SECOND = (Path(__file__).with_name(f"radiology_terms_{n}.txt") for n in (1, 2))
SUBJECT = (
    """
  found text;
BEGIN
""",
    r"""
  found text;
  subject tsvector := '';
  besides CONSTANT text := '\m(?:with|accompan\w*|around|surround\w*|in which|adjacent|neighbou?r\w*|secondary|within|contain\w*|consistent|compatible|due to|on the (?:basis|background)|in the form|in favou?r|evaluated|thought|suggest\w*)\M';
BEGIN
""",
)
FIRST_WORDS = (
    """
    denied := to_tsvector('english', parts.denied);
""",
    """
    denied := to_tsvector('english', parts.denied);
    -- A few words before them are no subject: "there is a lung with", "patient with".
    subject := CASE WHEN regexp_instr(parts.affirmed, besides) > 11
      THEN to_tsvector('english', left(parts.affirmed, regexp_instr(parts.affirmed, besides) - 1)) ELSE there END;
""",
)
MENTIONED = (
    """
  SELECT string_agg(quote_literal(lexeme) || ':1' || kind, ' ') INTO found FROM (
    SELECT CASE WHEN kind = 'C' OR there @@ query THEN term ELSE '-' || term END AS lexeme, kind
      FROM unnest(terms, kinds, queries) AS known (term, kind, query)
      WHERE there @@ query OR denied @@ query
""",
    """
  WITH known AS (
    SELECT term, kind, there @@ query AS affirmed, subject @@ query AS is_subject,
           bool_or(kind = 'A' AND subject @@ query) OVER () AS has_subject
      FROM unnest(terms, kinds, queries) AS line (term, kind, query)
      WHERE there @@ query OR denied @@ query
  )
  SELECT string_agg(quote_literal(lexeme) || ':1' || kind, ' ') INTO found FROM (
    SELECT CASE WHEN kind = 'C' OR affirmed THEN term ELSE '-' || term END AS lexeme, kind FROM known
      WHERE kind <> 'A' OR NOT affirmed OR is_subject OR NOT has_subject
    UNION ALL
    SELECT '~' || term, 'B' FROM known WHERE kind = 'A' AND affirmed
""",
)
WORDS = (r"lexeme !~ '^[\d.,]+$'", r"lexeme <> ALL (terms) AND lexeme !~ '^-?[\d.,]+$'")
OPEN = (
    r"\mnon[ -]specific\M",
    r"\m(?:non|not)[ -]specific\M"
    r"|\m(?:not|never)(?: \w+)? (?:(?:seen|observed|detected|identified|found|noted|present|visible|evident) )?"
    r"(?:in|on|at) (?:the )?(?:\w+ )?(?:previous|prior|earlier|old|last|former)\M",
)
INDEXES = ("ix_finding_revision_terms", "ix_finding_revision_words")
TERMS = "ALTER TABLE finding_revision ALTER COLUMN terms SET EXPRESSION AS (finding_terms(text, present))"

WEIGHT = """
CREATE FUNCTION weight_of_terms(terms tsvector) RETURNS real LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT greatest(0.05, 0.05 * length(terms) + 0.95 * length(ts_filter(terms, '{a}')) + 0.1 * length(ts_filter(terms, '{b}'))
    + 0.15 * length(ts_filter(terms, '{c}')))::real
$$;
COMMENT ON FUNCTION weight_of_terms(tsvector) IS 'What terms weigh together: A 1, B 0.15, C 0.2, D 0.05 each; where there are none, as one of D.';
ALTER TABLE finding_revision ADD COLUMN terms_weight REAL
  GENERATED ALWAYS AS (weight_of_terms(finding_terms(text, present))) STORED;
COMMENT ON COLUMN finding_revision.terms_weight IS 'What its terms weigh together, for search.';
"""

CHANGEABLE = """
DROP TRIGGER append_only ON finding_revision;
CREATE TRIGGER append_only BEFORE UPDATE ON finding_revision FOR EACH ROW EXECUTE FUNCTION append_only({columns});
"""


def _replace(function: str, *changes: tuple[str, str]) -> None:
    bind = op.get_bind()
    text = bind.exec_driver_sql(f"SELECT pg_get_functiondef('{function}'::regprocedure)").scalar_one()
    for old, new in changes:
        if old not in text:
            raise ValueError(f"{function} is not as a migration made it: {old[:100]} is not in it")
        text = text.replace(old, new)
    bind.exec_driver_sql(text)


def upgrade() -> None:
    bind = op.get_bind()
    arrays = zip(read_arrays(bind, FIRST).values(), read_arrays(bind, SECOND).values(), strict=True)
    _replace("finding_terms(text, boolean)", SUBJECT, FIRST_WORDS, MENTIONED, WORDS, *arrays)
    _replace("split_denied(text)", OPEN)
    for index in INDEXES:
        op.execute(f"ALTER INDEX {index} SET (fastupdate = off)")
    op.execute(TERMS)
    op.execute(WEIGHT)
    op.execute(CHANGEABLE.replace("{columns}", "'is_latest', 'words', 'terms', 'terms_weight'"))


def downgrade() -> None:
    bind = op.get_bind()
    op.execute("ALTER TABLE finding_revision DROP COLUMN terms_weight")
    op.execute("DROP FUNCTION weight_of_terms")
    op.execute(CHANGEABLE.replace("{columns}", "'is_latest', 'words', 'terms'"))
    arrays = zip(read_arrays(bind, SECOND).values(), read_arrays(bind, FIRST).values(), strict=True)
    reverted = (change[::-1] for change in (SUBJECT, FIRST_WORDS, MENTIONED, WORDS))
    _replace("finding_terms(text, boolean)", *reverted, *arrays)
    _replace("split_denied(text)", OPEN[::-1])
    for index in INDEXES:
        op.execute(f"ALTER INDEX {index} RESET (fastupdate)")
    op.execute(TERMS)
