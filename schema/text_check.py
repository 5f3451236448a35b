"""What the words of a finding say, held against what is drawn for it. It stands in `open` and in `hidden`."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import OPEN, HideableTable, enum_column, now_column


class CheckOutcome(StrEnum):
    """What a check says."""

    HOLDS = "holds"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"
    """The words or the masks do not say enough."""


class TextCheck(HideableTable, table=True):
    """One named check of an annotation against the words of its finding, with its evidence."""

    __tablename__ = "text_check"
    __table_args__ = (
        sa.Index(None, "revision_id"),
        sa.Index(None, "name", postgresql_where=sa.text("outcome = 'contradicts'")),
        {"schema": OPEN},
    )
    annotation_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.annotation.id", ondelete="CASCADE")
    name: str = Field(primary_key=True)
    """Of the check: `count`, `size`, `side`, `lobe`, ..."""
    version: str
    """Of the check; another one makes the row stale."""
    revision_id: UUID = Field(foreign_key="finding_revision.id")
    """The words that were held against it."""
    outcome: CheckOutcome = Field(sa_type=enum_column(CheckOutcome))
    severity: float | None = Field(default=None, sa_type=sa.Double)
    """How far apart both are, 0 to 1, for the order of a review queue; null unless they contradict."""
    evidence: dict[str, Any] = Field(sa_type=JSONB)
    """The figures and words by which it was told."""
    computed_at: datetime = now_column()
