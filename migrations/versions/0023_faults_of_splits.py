"""The faults of published releases that have the same voxels or the same report in two splits."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KINDS = ("volume_in_two_splits", "report_in_two_splits")

KINDS_BEFORE = """
CREATE TYPE fault_kind_before AS ENUM ('unreadable_file', 'not_nifti', 'missing_volume', 'missing_mask', 'bad_json', 'missing_key', 'wrong_type', 'bad_keys', 'bad_name', 'duplicate_scan', 'unknown_category', 'empty_text', 'shape_differs', 'finding_axis_last', 'finding_count_differs', 'not_integral', 'negative_label', 'not_finite', 'empty_finding', 'entity_count_differs', 'pixels_differ', 'filled_plane', 'hu_out_of_range', 'constant_volume', 'orientation_suspect', 'patient_in_two_splits', 'changed_since', 'frame_differs', 'unknown_label', 'organs_overlap', 'missing_column', 'empty_report', 'report_too_long', 'duplicate_report', 'unmatched_finding');
DELETE FROM open.fault WHERE kind IN ('volume_in_two_splits', 'report_in_two_splits');
DELETE FROM hidden.fault WHERE kind IN ('volume_in_two_splits', 'report_in_two_splits');
ALTER TABLE open.fault ALTER COLUMN kind TYPE fault_kind_before USING kind::text::fault_kind_before;
ALTER TABLE hidden.fault ALTER COLUMN kind TYPE fault_kind_before USING kind::text::fault_kind_before;
DROP TYPE fault_kind;
ALTER TYPE fault_kind_before RENAME TO fault_kind;
"""


def upgrade() -> None:
    for kind in KINDS:
        op.execute(f"ALTER TYPE fault_kind ADD VALUE '{kind}'")


def downgrade() -> None:
    op.execute(KINDS_BEFORE)
