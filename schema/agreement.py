"""How readers of a round agree, and how two annotations of a finding differ. All stand in `open` and in `hidden`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import OPEN, HideableTable, digest_check, now_column


def _share(name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{name} BETWEEN 0 AND 1", name=f"{name}_is_share")


class Agreement(HideableTable, table=True):
    """How the readers of one finding agree in one round."""

    __tablename__ = "agreement"
    __table_args__ = (
        sa.Index(None, "finding_id"),
        sa.CheckConstraint("readers >= 2", name="two_readers"),
        _share("dice"),
        _share("surface"),
        _share("detection"),
        {"schema": OPEN},
    )
    round_id: int = Field(primary_key=True, foreign_key="round.id", sa_type=sa.BigInteger)
    finding_id: UUID = Field(primary_key=True, foreign_key="finding.id")
    readers: int
    dice: float = Field(sa_type=sa.Double)
    """Mean over pairs of readers; 1 where both drew nothing."""
    surface: float | None = Field(default=None, sa_type=sa.Double)
    """Mean share of both surfaces within the round's tolerance of the other; null without the CT's frame."""
    detection: float = Field(sa_type=sa.Double)
    """Mean F1 of entities matched at a Dice of 0.2 or more."""
    pairs: list[dict[str, Any]] = Field(sa_type=JSONB)
    """Every pair: both annotations, dice, surface, detection."""
    kernel_version: str
    computed_at: datetime = now_column()


class RoundAgreement(HideableTable, table=True):
    """One figure over a closed round, or over one category of it, with its interval; the hidden part stands apart."""

    __tablename__ = "round_agreement"
    __table_args__ = (
        sa.CheckConstraint("low <= value AND value <= high", name="interval_around_value"),
        {"schema": OPEN},
    )
    round_id: int = Field(primary_key=True, foreign_key="round.id", sa_type=sa.BigInteger)
    category: str = Field(primary_key=True)
    """A code; empty over all."""
    measure: str = Field(primary_key=True)
    """`dice`, `surface`, `detection`, `alpha`."""
    value: float | None = Field(default=None, sa_type=sa.Double)
    """Null where it is not defined, as alpha where all readers say the same of everything."""
    low: float | None = Field(default=None, sa_type=sa.Double)
    """The bootstrap interval that covers 95 in 100, findings drawn anew."""
    high: float | None = Field(default=None, sa_type=sa.Double)
    findings: int


class AnnotationDifference(HideableTable, table=True):
    """How a later annotation of a finding differs from an earlier one, entity by entity; kept once told."""

    __tablename__ = "annotation_difference"
    __table_args__ = (
        sa.Index(None, "after_id"),
        sa.CheckConstraint("before_id <> after_id", name="two_annotations"),
        sa.CheckConstraint("voxels_added >= 0 AND voxels_removed >= 0", name="voxels_not_negative"),
        _share("dice"),
        digest_check("digest"),
        {"schema": OPEN},
    )
    before_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.annotation.id", ondelete="CASCADE")
    after_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.annotation.id", ondelete="CASCADE")
    dice: float = Field(sa_type=sa.Double)
    voxels_added: int = Field(sa_type=sa.BigInteger)
    voxels_removed: int = Field(sa_type=sa.BigInteger)
    changes: list[dict[str, Any]] = Field(sa_type=JSONB)
    """What became of each entity: kind (same, moved, changed, added, removed, split, merged, relabelled), labels before
    and after, dice, volume and centroid shift in mm.
    """
    digest: str | None = None
    """The sparse array of the voxels that differ, 1 removed and 2 added, in the array store; null where none do."""
    kernel_version: str
    computed_at: datetime = now_column()
