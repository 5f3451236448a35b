"""Annotations, their entities, and the arrays that hold their voxels. All stand in `open` and in `hidden`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import INT4RANGE, Range
from sqlmodel import Field

from schema.base import OPEN, HideableTable, Table, digest_check, enum_column, identity, now_column
from schema.finding import Side


class AnnotationState(StrEnum):
    """Where an annotation is on its way."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class Policy(StrEnum):
    """What an unlabelled voxel means."""

    EXHAUSTIVE = "exhaustive"
    AT_MOST = "at_most"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class AnnotationPolicy:
    """A policy with its limit: `exhaustive`, `at_most N` (N entities drawn at most), or `unknown`."""

    kind: Policy
    limit: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `exhaustive`, `unknown` or `at_most N`.

        Raises:
            ValueError: anything else.
        """
        word, _, number = text.replace(":", " ").partition(" ")
        if word == Policy.AT_MOST and number.isdigit() and int(number) > 0:
            return cls(Policy.AT_MOST, int(number))
        if text in (Policy.EXHAUSTIVE, Policy.UNKNOWN):
            return cls(Policy(text))
        raise ValueError(f"{text!r} is not a policy; use 'exhaustive', 'at_most N' or 'unknown'")

    @classmethod
    def of_protocol(cls, protocol: str | None) -> Self:
        """Give what a case's protocol says: val and test are exhaustive, protocol1 and protocol2 at most 3."""
        if protocol in ("val", "test"):
            return cls(Policy.EXHAUSTIVE)
        if protocol in ("protocol1", "protocol2"):
            return cls(Policy.AT_MOST, 3)
        return cls(Policy.UNKNOWN)

    def __str__(self) -> str:
        return f"{self.kind} {self.limit}" if self.limit else str(self.kind)


class LabelArray(HideableTable, table=True):
    """One stored array (finding, z, y, x) of a scan: the labels of one batch of annotations."""

    __tablename__ = "label_array"
    __table_args__ = (
        sa.UniqueConstraint("scan_id", "digest"),
        sa.UniqueConstraint("id", "scan_id"),
        sa.Index(None, "digest"),
        digest_check("digest"),
        digest_check("stored_sha256"),
        {"schema": OPEN},
    )
    id: UUID = Field(primary_key=True)
    """UUIDv5 of scan and digest."""
    scan_id: UUID = Field(foreign_key="scan.id")
    digest: str
    """sha256 of the canonical labels; its name in the array store."""
    stored_sha256: str
    """sha256 of the stored bytes."""
    stored_bytes: int = Field(sa_type=sa.BigInteger)
    findings: int
    """The length of the first axis."""


class Annotation(HideableTable, table=True):
    """What one round says about one finding by one annotator; nothing but its state ever changes."""

    __tablename__ = "annotation"
    __table_args__ = (
        sa.ForeignKeyConstraint(["finding_id", "scan_id"], ["finding.id", "finding.scan_id"]),
        sa.ForeignKeyConstraint(
            ["label_array_id", "scan_id"], [f"{OPEN}.label_array.id", f"{OPEN}.label_array.scan_id"]
        ),
        sa.UniqueConstraint("finding_id", "round_id", "annotator_id", "version", postgresql_nulls_not_distinct=True),
        sa.Index("ix_annotation_default", "finding_id", postgresql_where=sa.text("state = 'accepted'")),
        sa.Index(None, "scan_id"),
        sa.Index(None, "round_id"),
        sa.Index(None, "label_array_id"),
        sa.CheckConstraint("(policy = 'at_most') = (policy_limit IS NOT NULL)", name="limit_with_at_most"),
        sa.CheckConstraint("policy_limit > 0", name="limit_positive"),
        sa.CheckConstraint("array_index >= 0 AND voxels >= 0 AND version >= 1", name="numbers_in_range"),
        digest_check("labels_digest"),
        {"schema": OPEN},
    )
    id: UUID = Field(primary_key=True)
    """UUIDv5 of finding, round, annotator and version."""
    finding_id: UUID
    scan_id: UUID
    """The finding's scan, held equal to it by the key."""
    round_id: int = Field(foreign_key="round.id", sa_type=sa.BigInteger)
    annotator_id: int | None = Field(default=None, foreign_key="person.id", sa_type=sa.BigInteger)
    """Null where the source does not say who drew."""
    version: int = 1
    """Counts what the same annotator said of the same finding in the same round."""
    state: AnnotationState = Field(sa_type=enum_column(AnnotationState))
    policy: Policy = Field(sa_type=enum_column(Policy))
    policy_limit: int | None = None
    """Entities drawn at most, under the policy `at_most`."""
    protocol: str | None = None
    """The protocol that the source names."""
    label_array_id: UUID
    array_index: int
    """Where on the first axis of the array."""
    labels_digest: str
    """sha256 of this finding's canonical labels: equal voxels and labels, equal digest."""
    voxels: int = Field(sa_type=sa.BigInteger)
    """Voxels with any label."""
    method: str | None = None
    """How it was made of others, such as `majority`; null where somebody drew it."""
    supersedes_id: UUID | None = Field(default=None, foreign_key=f"{OPEN}.annotation.id")
    import_run_id: int | None = Field(default=None, foreign_key="import_run.id", sa_type=sa.BigInteger)
    created_at: datetime = now_column()


class AnnotationTransition(Table, table=True):
    """A change of an annotation's state that is allowed; the database refuses every other."""

    __tablename__ = "annotation_transition"
    from_state: AnnotationState = Field(primary_key=True, sa_type=enum_column(AnnotationState))
    to_state: AnnotationState = Field(primary_key=True, sa_type=enum_column(AnnotationState))


class AnnotationEvent(HideableTable, table=True):
    """A change of an annotation's state: who, when, why; written by a trigger."""

    __tablename__ = "annotation_event"
    __table_args__ = (sa.Index(None, "annotation_id"), {"schema": OPEN})
    id: int = identity()
    annotation_id: UUID = Field(foreign_key=f"{OPEN}.annotation.id")
    from_state: AnnotationState = Field(sa_type=enum_column(AnnotationState))
    to_state: AnnotationState = Field(sa_type=enum_column(AnnotationState))
    person: str | None = None
    """The pseudonym that the session named; null: a rule or an import."""
    reason: str | None = None
    at: datetime = now_column()


class AnnotationSource(HideableTable, table=True):
    """An annotation that another one was made of."""

    __tablename__ = "annotation_source"
    __table_args__ = (
        sa.Index(None, "source_id"),
        sa.CheckConstraint("annotation_id <> source_id", name="two_annotations"),
        {"schema": OPEN},
    )
    annotation_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.annotation.id")
    source_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.annotation.id")


class Confirmation(HideableTable, table=True):
    """An annotation that a later round says again, voxel by voxel: it is not stored twice."""

    __tablename__ = "confirmation"
    __table_args__ = (sa.Index(None, "annotation_id"), {"schema": OPEN})
    round_id: int = Field(primary_key=True, foreign_key="round.id", sa_type=sa.BigInteger)
    annotation_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.annotation.id")
    created_at: datetime = now_column()


class Entity(HideableTable, table=True):
    """One label of one annotation; the field says instance."""

    __tablename__ = "entity"
    __table_args__ = (
        sa.UniqueConstraint("annotation_id", "label"),
        sa.CheckConstraint("label > 0 AND voxels > 0", name="numbers_positive"),
        sa.CheckConstraint("lower(box_i) >= 0 AND lower(box_j) >= 0 AND lower(box_k) >= 0", name="box_not_negative"),
        sa.CheckConstraint(
            "voxels <= (upper(box_i) - lower(box_i))::bigint * (upper(box_j) - lower(box_j)) "
            "* (upper(box_k) - lower(box_k))",
            name="voxels_fit_box",
        ),
        {"schema": OPEN},
    )
    id: UUID = Field(primary_key=True)
    """UUIDv5 of annotation and label."""
    annotation_id: UUID = Field(foreign_key=f"{OPEN}.annotation.id")
    label: int
    voxels: int = Field(sa_type=sa.BigInteger)
    box_i: Range[int] = Field(sa_type=INT4RANGE)
    """Voxels along i, half-open."""
    box_j: Range[int] = Field(sa_type=INT4RANGE)
    box_k: Range[int] = Field(sa_type=INT4RANGE)


def _double() -> Any:
    return Field(default=None, sa_type=sa.Double)


class Geometry(HideableTable, table=True):
    """What kernels measured of an entity, and with which; an entity without a row is not yet measured."""

    __tablename__ = "geometry"
    __table_args__ = (
        sa.Index(None, "volume_ml"),
        sa.Index(None, "long_axis_mm"),
        sa.Index(None, "hu_mean"),
        sa.Index(None, "max_diameter_mm"),
        sa.Index(None, "side"),
        sa.Index(None, "kernel_version"),
        sa.Index(
            "ix_geometry_box_lps_mm",
            *(sa.text(f"span(box_min_{axis}_lps_mm, box_max_{axis}_lps_mm, '[]')") for axis in "xyz"),
            postgresql_using="gist",
            postgresql_where=sa.text("box_min_x_lps_mm IS NOT NULL"),
        ),
        sa.CheckConstraint(
            "num_nulls(box_min_x_lps_mm, box_min_y_lps_mm, box_min_z_lps_mm, "
            "box_max_x_lps_mm, box_max_y_lps_mm, box_max_z_lps_mm) IN (0, 6)",
            name="box_all_or_none",
        ),
        sa.CheckConstraint("(volume_mm3 IS NULL) = (x_lps_mm IS NULL)", name="mm_all_or_none"),
        sa.CheckConstraint(
            "least(surface_area_mm2, mesh_volume_mm3, sphericity, max_diameter_mm, long_axis_mm, short_axis_mm) > 0",
            name="sizes_positive",
        ),
        sa.CheckConstraint(
            "least(hu_below_950, hu_below_910, hu_below_700, hu_above_0, hu_above_100, hu_above_130) >= 0 "
            "AND greatest(hu_below_950, hu_below_910, hu_below_700, hu_above_0, hu_above_100, hu_above_130) <= 1",
            name="shares_within_one",
        ),
        {"schema": OPEN},
    )
    entity_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.entity.id", ondelete="CASCADE")
    centroid_i: float = Field(sa_type=sa.Double)
    """Mean voxel index along i."""
    centroid_j: float = Field(sa_type=sa.Double)
    centroid_k: float = Field(sa_type=sa.Double)
    x_lps_mm: float | None = _double()
    """The centroid in the patient's frame: towards the left; null without a volume."""
    y_lps_mm: float | None = _double()
    """Towards the back."""
    z_lps_mm: float | None = _double()
    """Towards the head."""
    volume_mm3: float | None = _double()
    """Voxels times the voxel's volume; null without a volume's spacing."""
    volume_ml: float | None = Field(
        default=None,
        sa_column=sa.Column(sa.Double, sa.Computed("volume_mm3 / 1000.0", persisted=True), comment="volume_mm3 in ml."),
    )
    side: Side | None = Field(default=None, sa_type=enum_column(Side))
    """Side of the centroid against the body's midline: left, right, or midline within 10 mm."""
    components6: int
    """Connected components, voxels joined by faces."""
    components18: int
    """Joined by faces or edges."""
    components26: int
    """Joined by faces, edges or corners."""
    surface_area_mm2: float | None = _double()
    """Area of the marching-cubes mesh."""
    mesh_volume_mm3: float | None = _double()
    """Volume inside the mesh."""
    sphericity: float | None = _double()
    """Area of the sphere of the mesh's volume, over the mesh's area."""
    max_diameter_mm: float | None = _double()
    """Greatest distance between two points of the mesh."""
    long_axis_mm: float | None = _double()
    """Greatest diameter in a slice of constant k."""
    short_axis_mm: float | None = _double()
    """Greatest chord across the long axis, in its slice."""
    long_axis_k: int | None = None
    """The slice of both."""
    major_axis_mm: float | None = _double()
    """4 sqrt of the largest eigenvalue of the voxels' sample covariance; null for one voxel."""
    minor_axis_mm: float | None = _double()
    """Of the second eigenvalue."""
    least_axis_mm: float | None = _double()
    """Of the smallest eigenvalue."""
    elongation: float | None = _double()
    """Minor over major axis."""
    flatness: float | None = _double()
    """Least over major axis."""
    major_axis_x: float | None = _double()
    """The major axis's direction, a unit vector in LPS whose greatest part is positive."""
    major_axis_y: float | None = _double()
    major_axis_z: float | None = _double()
    hu_mean: float | None = _double()
    hu_std: float | None = _double()
    """Population standard deviation."""
    hu_min: int | None = None
    hu_max: int | None = None
    hu_median: float | None = _double()
    hu_p05: float | None = _double()
    hu_p10: float | None = _double()
    hu_p25: float | None = _double()
    hu_p75: float | None = _double()
    hu_p90: float | None = _double()
    hu_p95: float | None = _double()
    hu_skewness: float | None = _double()
    hu_kurtosis: float | None = _double()
    """Excess kurtosis: 0 for a normal distribution."""
    hu_entropy: float | None = _double()
    """Bits, of HU in bins of the settings' width."""
    hu_below_950: float | None = _double()
    """Share of the voxels below -950 HU."""
    hu_below_910: float | None = _double()
    hu_below_700: float | None = _double()
    hu_above_0: float | None = _double()
    """Share of the voxels above 0 HU."""
    hu_above_100: float | None = _double()
    hu_above_130: float | None = _double()
    shell_voxels: int | None = Field(default=None, sa_type=sa.BigInteger)
    """Voxels of the shell around it, within the body and without a label of the finding."""
    shell_hu_mean: float | None = _double()
    """Null where the shell has no voxels."""
    hu_contrast: float | None = _double()
    """hu_mean less shell_hu_mean."""
    kernel_version: str
    """The version of the kernels; another one makes the row stale."""
    settings: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """What the kernels were set to, as JSON; other settings make the row stale."""
    device: str
    """cpu, or the GPU's name."""
    computed_at: datetime = now_column()
    box_min_x_lps_mm: float | None = _double()
    """The smallest box along the patient's axes around its voxels, outer faces included."""
    box_min_y_lps_mm: float | None = _double()
    box_min_z_lps_mm: float | None = _double()
    box_max_x_lps_mm: float | None = _double()
    box_max_y_lps_mm: float | None = _double()
    box_max_z_lps_mm: float | None = _double()
