"""What went out to annotators, so that what comes back can be held against it. It stands in `open` and in `hidden`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from schema.base import OPEN, HideableTable, digest_check, enum_column, now_column


class HandoutState(StrEnum):
    """Where a handed out finding is."""

    OUT = "out"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class Handout(HideableTable, table=True):
    """One finding that one annotator was given to draw or to correct in one round."""

    __tablename__ = "handout"
    __table_args__ = (
        sa.ForeignKeyConstraint(["finding_id", "scan_id"], ["finding.id", "finding.scan_id"]),
        sa.UniqueConstraint("round_id", "finding_id", "annotator_id"),
        sa.Index(None, "finding_id"),
        sa.Index(None, "annotator_id", "state"),
        sa.CheckConstraint("cardinality(affine_ras) = 16", name="affine_is_4x4"),
        sa.CheckConstraint("(state = 'returned') = (annotation_id IS NOT NULL)", name="returned_has_annotation"),
        digest_check("file_sha256"),
        {"schema": OPEN},
    )
    id: UUID = Field(primary_key=True)
    """UUIDv5 of round, finding and annotator."""
    round_id: int = Field(foreign_key="round.id", sa_type=sa.BigInteger)
    finding_id: UUID
    scan_id: UUID
    revision_id: UUID = Field(foreign_key="finding_revision.id")
    """The words that went out."""
    annotator_id: int = Field(foreign_key="person.id", sa_type=sa.BigInteger)
    shown_id: UUID | None = Field(default=None, foreign_key=f"{OPEN}.annotation.id")
    """The annotation whose labels went out to be corrected; null where the file was empty."""
    file_name: str
    file_sha256: str
    affine_ras: list[float] = Field(sa_type=ARRAY(sa.Double))
    """Of the file: the CT's own, voxel centre to RAS mm, 4 x 4 row by row."""
    state: HandoutState = Field(default=HandoutState.OUT, sa_type=enum_column(HandoutState))
    annotation_id: UUID | None = Field(default=None, foreign_key=f"{OPEN}.annotation.id")
    """What came back last."""
    created_at: datetime = now_column()
