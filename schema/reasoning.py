"""Chains of thought that walk from the whole scan to a finding."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from schema.base import Table, identity


class Reasoning(Table, table=True):
    """One chain of thought about a finding, its source kept as it came."""

    __tablename__ = "reasoning"
    __table_args__ = (sa.UniqueConstraint("finding_id", "origin"),)
    id: int = identity()
    finding_id: UUID = Field(foreign_key="finding.id")
    origin: str
    """The file or model that it came from."""
    source: dict[str, Any] = Field(sa_type=JSONB)


class ReasoningStep(Table, table=True):
    """One step of a chain of thought: scan, side, lobe, segment, lesion."""

    __tablename__ = "reasoning_step"
    __table_args__ = (
        sa.CheckConstraint("box_source IS NULL OR cardinality(box_source) = 6", name="box_has_six"),
        sa.CheckConstraint("position >= 0", name="position_from_zero"),
    )
    reasoning_id: int = Field(primary_key=True, foreign_key="reasoning.id", sa_type=sa.BigInteger)
    position: int = Field(primary_key=True)
    text: str
    box_source: list[float] | None = Field(default=None, sa_type=ARRAY(sa.Double))
    """The box as the source gives it; its frame is unknown unless `box_frame` names it."""
    box_frame: str | None = None
    holds: bool | None = None
    """Whether it agrees with the masks; null is not checked."""
