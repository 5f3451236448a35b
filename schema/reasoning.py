"""Chains of thought that walk from the whole scan to a finding. All stand in `open` and in `hidden`."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from schema.base import OPEN, HideableTable, enum_column, now_column

OWN_ORIGIN = "groundct"
"""Of the chains that are made here."""


class ReasoningLevel(StrEnum):
    """How far a chain has come."""

    SCAN = "scan"
    SIDE = "side"
    LOBE = "lobe"
    SEGMENT = "segment"
    STRUCTURE = "structure"
    LESION = "lesion"


class Reasoning(HideableTable, table=True):
    """One chain of thought about a finding: imported, its source kept as it came, or made from words and masks."""

    __tablename__ = "reasoning"
    __table_args__ = (
        sa.UniqueConstraint("finding_id", "origin"),
        sa.Index(None, "annotation_id"),
        {"schema": OPEN},
    )
    id: UUID = Field(primary_key=True)
    """UUIDv5 of finding and origin."""
    finding_id: UUID = Field(foreign_key="finding.id")
    origin: str
    """The file that it came from, or `groundct`."""
    source: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    """As it came; null for a chain of our own."""
    annotation_id: UUID | None = Field(default=None, foreign_key=f"{OPEN}.annotation.id")
    """The annotation whose entities a chain of our own walks to."""
    version: str
    """Of what made or read it; another one makes the row stale."""
    created_at: datetime = now_column()


class ReasoningStep(HideableTable, table=True):
    """One step of a chain of thought, and the claim that it makes."""

    __tablename__ = "reasoning_step"
    __table_args__ = (
        sa.CheckConstraint("box_source IS NULL OR cardinality(box_source) = 6", name="box_has_six"),
        sa.CheckConstraint("position >= 0", name="position_from_zero"),
        sa.CheckConstraint("num_nulls(box_vox_min, box_vox_max) IN (0, 2)", name="box_vox_both_or_none"),
        sa.CheckConstraint("num_nulls(box_lps_mm_min, box_lps_mm_max) IN (0, 2)", name="box_lps_mm_both_or_none"),
        {"schema": OPEN},
    )
    reasoning_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.reasoning.id", ondelete="CASCADE")
    position: int = Field(primary_key=True)
    level: ReasoningLevel | None = Field(default=None, sa_type=enum_column(ReasoningLevel))
    """Null where an imported step is not recognised."""
    place: str | None = None
    """What the step names: `right`, `right lower lobe`."""
    text: str
    box_source: list[float] | None = Field(default=None, sa_type=ARRAY(sa.Double))
    """The box as the source gives it; its frame is unknown unless `box_frame` names it."""
    box_frame: str | None = None
    box_vox_min: list[int] | None = Field(default=None, sa_type=ARRAY(sa.Integer))
    """Voxels along i, j, k; the box is half-open."""
    box_vox_max: list[int] | None = Field(default=None, sa_type=ARRAY(sa.Integer))
    box_lps_mm_min: list[float] | None = Field(default=None, sa_type=ARRAY(sa.Double))
    """The same box along the patient's axes, outer faces included, LPS."""
    box_lps_mm_max: list[float] | None = Field(default=None, sa_type=ARRAY(sa.Double))
    holds: bool | None = None
    """Whether the masks agree with the claim; null is not checked."""
    evidence: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    """The figures by which it was told."""
