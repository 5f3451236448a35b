"""Where entities lie among a scan's organs. It stands in `open` and in `hidden`, as the entities do."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import OPEN, HideableTable, now_column


def _double() -> Any:
    return Field(default=None, sa_type=sa.Double)


def _share_check(column: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} BETWEEN 0 AND 1", name=f"{column}_is_share")


class Location(HideableTable, table=True):
    """Where an entity lies in one organ mask of its scan; null is not known, as where the mask holds no lung."""

    __tablename__ = "location"
    __table_args__ = (
        sa.Index(None, "organ_mask_id"),
        sa.Index(None, "lobe"),
        sa.Index(None, "lung_border_mm"),
        sa.Index(None, "kernel_version"),
        sa.Index(
            "ix_location_relative",
            *(sa.text(f"span(rel_{axis}, rel_{axis}, '[]')") for axis in "xyz"),
            postgresql_using="gist",
            postgresql_where=sa.text("rel_x IS NOT NULL"),
        ),
        _share_check("lung_share"),
        _share_check("left_share"),
        _share_check("right_share"),
        _share_check("lobe_share"),
        sa.CheckConstraint("(lobe IS NULL) = (lobe_share IS NULL)", name="lobe_has_share"),
        sa.CheckConstraint("lung_border_mm >= 0", name="distance_not_negative"),
        sa.CheckConstraint("num_nulls(rel_x, rel_y, rel_z) IN (0, 3)", name="relative_all_or_none"),
        sa.CheckConstraint("jsonb_typeof(shares) = 'object'", name="shares_are_named"),
        {"schema": OPEN},
    )
    entity_id: UUID = Field(primary_key=True, foreign_key=f"{OPEN}.entity.id", ondelete="CASCADE")
    organ_mask_id: int = Field(primary_key=True, foreign_key="organ_mask.id", ondelete="CASCADE", sa_type=sa.BigInteger)
    shares: dict[str, float] = Field(sa_type=JSONB)
    """Organ name to the share of the entity's voxels in it, for the organs that it touches."""
    lung_share: float | None = _double()
    """Share of its voxels in the lungs."""
    left_share: float | None = _double()
    """Share in the left lung; null also where neither names nor a midline tell the sides."""
    right_share: float | None = _double()
    lobe: str | None = None
    """The lobe with the largest share, such as `right middle lobe`; null where it is in none."""
    lobe_share: float | None = _double()
    """Share of its voxels in that lobe."""
    lung_border_mm: float | None = _double()
    """From its nearest voxel to the nearest border voxel of the lungs; outside them, the distance to them."""
    rel_x: float | None = _double()
    """Centroid in the lungs' box: 0 right, 1 left; may lie outside 0 to 1."""
    rel_y: float | None = _double()
    """0 front, 1 back."""
    rel_z: float | None = _double()
    """0 foot, 1 head."""
    kernel_version: str
    """The version of the kernels; another one makes the row stale."""
    device: str
    """cpu, or the GPU's name."""
    computed_at: datetime = now_column()
