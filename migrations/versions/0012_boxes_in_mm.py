"""Boxes of entities in the patient's frame, and indexes for where things are, and for what reports deny."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SPAN = """
CREATE TYPE span AS RANGE (SUBTYPE = double precision);
COMMENT ON TYPE span IS 'From one number to another, in mm or in shares of a length.';
"""

COLUMNS = [f"box_{end}_{axis}_lps_mm" for end in ("min", "max") for axis in "xyz"]
SPANS = ", ".join(f"span(box_min_{axis}_lps_mm, box_max_{axis}_lps_mm, '[]')" for axis in "xyz")

BOXES = f"""
ALTER TABLE {{schema}}.geometry
  {", ".join(f"ADD COLUMN {name} DOUBLE PRECISION" for name in COLUMNS)},
  ADD CONSTRAINT ck_geometry_box_all_or_none CHECK (num_nulls({", ".join(COLUMNS)}) IN (0, 6));
COMMENT ON COLUMN {{schema}}.geometry.box_min_x_lps_mm IS 'The smallest box along the patient''s axes around its voxels, outer faces included.';
CREATE INDEX ix_geometry_box_lps_mm ON {{schema}}.geometry USING gist ({SPANS}) WHERE box_min_x_lps_mm IS NOT NULL;
CREATE INDEX ix_geometry_max_diameter_mm ON {{schema}}.geometry (max_diameter_mm);
CREATE INDEX ix_location_relative ON {{schema}}.location
  USING gist (span(rel_x, rel_x, '[]'), span(rel_y, rel_y, '[]'), span(rel_z, rel_z, '[]')) WHERE rel_x IS NOT NULL;
"""

NO_BOXES = f"""
DROP INDEX {{schema}}.ix_location_relative, {{schema}}.ix_geometry_max_diameter_mm;
ALTER TABLE {{schema}}.geometry {", ".join(f"DROP COLUMN {name}" for name in COLUMNS)};
"""


DENIED = "CREATE INDEX ix_finding_revision_denied ON finding_revision (finding_id) WHERE is_latest AND NOT present"


def upgrade() -> None:
    op.execute(SPAN)
    op.execute(DENIED)
    for schema in ("open", "hidden"):
        op.execute(BOXES.replace("{schema}", schema))


def downgrade() -> None:
    for schema in ("open", "hidden"):
        op.execute(NO_BOXES.replace("{schema}", schema))
    op.execute("DROP INDEX ix_finding_revision_denied")
    op.execute("DROP TYPE span")
