"""Shape, more of the HU and the shell around it in `geometry`; the body's outline beside each volume."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

VOLUME = """
ALTER TABLE volume ADD COLUMN body_outline BYTEA;
COMMENT ON COLUMN volume.body_outline IS 'Where the body begins and ends in a coarse grid of rows, packed; null in imports of before it was kept.';
"""

GEOMETRY = """
ALTER TABLE {schema}.geometry
  ADD COLUMN surface_area_mm2 DOUBLE PRECISION,
  ADD COLUMN mesh_volume_mm3 DOUBLE PRECISION,
  ADD COLUMN sphericity DOUBLE PRECISION,
  ADD COLUMN max_diameter_mm DOUBLE PRECISION,
  ADD COLUMN long_axis_mm DOUBLE PRECISION,
  ADD COLUMN short_axis_mm DOUBLE PRECISION,
  ADD COLUMN long_axis_k INTEGER,
  ADD COLUMN major_axis_mm DOUBLE PRECISION,
  ADD COLUMN minor_axis_mm DOUBLE PRECISION,
  ADD COLUMN least_axis_mm DOUBLE PRECISION,
  ADD COLUMN elongation DOUBLE PRECISION,
  ADD COLUMN flatness DOUBLE PRECISION,
  ADD COLUMN major_axis_x DOUBLE PRECISION,
  ADD COLUMN major_axis_y DOUBLE PRECISION,
  ADD COLUMN major_axis_z DOUBLE PRECISION,
  ADD COLUMN hu_p10 DOUBLE PRECISION,
  ADD COLUMN hu_p25 DOUBLE PRECISION,
  ADD COLUMN hu_p75 DOUBLE PRECISION,
  ADD COLUMN hu_p90 DOUBLE PRECISION,
  ADD COLUMN hu_skewness DOUBLE PRECISION,
  ADD COLUMN hu_kurtosis DOUBLE PRECISION,
  ADD COLUMN hu_entropy DOUBLE PRECISION,
  ADD COLUMN hu_below_950 DOUBLE PRECISION,
  ADD COLUMN hu_below_910 DOUBLE PRECISION,
  ADD COLUMN hu_below_700 DOUBLE PRECISION,
  ADD COLUMN hu_above_0 DOUBLE PRECISION,
  ADD COLUMN hu_above_100 DOUBLE PRECISION,
  ADD COLUMN hu_above_130 DOUBLE PRECISION,
  ADD COLUMN shell_voxels BIGINT,
  ADD COLUMN shell_hu_mean DOUBLE PRECISION,
  ADD COLUMN hu_contrast DOUBLE PRECISION,
  ADD COLUMN settings VARCHAR DEFAULT '' NOT NULL;
ALTER TABLE {schema}.geometry
  ADD CONSTRAINT ck_geometry_sizes_positive CHECK (least(surface_area_mm2, mesh_volume_mm3, sphericity, max_diameter_mm, long_axis_mm, short_axis_mm) > 0),
  ADD CONSTRAINT ck_geometry_shares_within_one CHECK (least(hu_below_950, hu_below_910, hu_below_700, hu_above_0, hu_above_100, hu_above_130) >= 0 AND greatest(hu_below_950, hu_below_910, hu_below_700, hu_above_0, hu_above_100, hu_above_130) <= 1);
CREATE INDEX ix_geometry_long_axis_mm ON {schema}.geometry (long_axis_mm);
COMMENT ON COLUMN {schema}.geometry.surface_area_mm2 IS 'Area of the marching-cubes mesh.';
COMMENT ON COLUMN {schema}.geometry.mesh_volume_mm3 IS 'Volume inside the mesh.';
COMMENT ON COLUMN {schema}.geometry.sphericity IS 'Area of the sphere of the mesh''s volume, over the mesh''s area.';
COMMENT ON COLUMN {schema}.geometry.max_diameter_mm IS 'Greatest distance between two points of the mesh.';
COMMENT ON COLUMN {schema}.geometry.long_axis_mm IS 'Greatest diameter in a slice of constant k.';
COMMENT ON COLUMN {schema}.geometry.short_axis_mm IS 'Greatest chord across the long axis, in its slice.';
COMMENT ON COLUMN {schema}.geometry.long_axis_k IS 'The slice of both.';
COMMENT ON COLUMN {schema}.geometry.major_axis_mm IS '4 sqrt of the largest eigenvalue of the voxels'' sample covariance; null for one voxel.';
COMMENT ON COLUMN {schema}.geometry.minor_axis_mm IS 'Of the second eigenvalue.';
COMMENT ON COLUMN {schema}.geometry.least_axis_mm IS 'Of the smallest eigenvalue.';
COMMENT ON COLUMN {schema}.geometry.elongation IS 'Minor over major axis.';
COMMENT ON COLUMN {schema}.geometry.flatness IS 'Least over major axis.';
COMMENT ON COLUMN {schema}.geometry.major_axis_x IS 'The major axis''s direction, a unit vector in LPS whose greatest part is positive.';
COMMENT ON COLUMN {schema}.geometry.hu_kurtosis IS 'Excess kurtosis: 0 for a normal distribution.';
COMMENT ON COLUMN {schema}.geometry.hu_entropy IS 'Bits, of HU in bins of the settings'' width.';
COMMENT ON COLUMN {schema}.geometry.hu_below_950 IS 'Share of the voxels below -950 HU.';
COMMENT ON COLUMN {schema}.geometry.hu_above_0 IS 'Share of the voxels above 0 HU.';
COMMENT ON COLUMN {schema}.geometry.shell_voxels IS 'Voxels of the shell around it, within the body and without a label of the finding.';
COMMENT ON COLUMN {schema}.geometry.shell_hu_mean IS 'Null where the shell has no voxels.';
COMMENT ON COLUMN {schema}.geometry.hu_contrast IS 'hu_mean less shell_hu_mean.';
COMMENT ON COLUMN {schema}.geometry.settings IS 'What the kernels were set to, as JSON; other settings make the row stale.';
"""

ADDED = """surface_area_mm2 mesh_volume_mm3 sphericity max_diameter_mm long_axis_mm short_axis_mm long_axis_k major_axis_mm minor_axis_mm least_axis_mm elongation flatness major_axis_x major_axis_y major_axis_z hu_p10 hu_p25 hu_p75 hu_p90 hu_skewness hu_kurtosis hu_entropy hu_below_950 hu_below_910 hu_below_700 hu_above_0 hu_above_100 hu_above_130 shell_voxels shell_hu_mean hu_contrast settings"""


def upgrade() -> None:
    op.execute(VOLUME)
    for schema in ("open", "hidden"):
        op.execute(GEOMETRY.replace("{schema}", schema))


def downgrade() -> None:
    op.execute("ALTER TABLE volume DROP COLUMN body_outline")
    for schema in ("open", "hidden"):
        op.execute(f"ALTER TABLE {schema}.geometry " + ", ".join(f"DROP COLUMN {name}" for name in ADDED.split()))
