"""Reviews of annotations, and how disagreement was settled. Both stand in `open` and in `hidden`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from schema.base import OPEN, HideableTable, Table, digest_check, enum_column, identity, now_column


class ReviewTarget(StrEnum):
    """What a verdict is about."""

    MASK = "mask"
    ENTITY = "entity"
    TEXT = "text"
    CATEGORY = "category"
    SIDE = "side"
    COUNT = "count"


class Verdict(StrEnum):
    """What a reviewer decides."""

    ACCEPT = "accept"
    REJECT = "reject"
    CORRECT = "correct"


class ReviewReason(Table, table=True):
    """A reason of the versioned list that verdicts are given with."""

    __tablename__ = "review_reason"
    code: str = Field(primary_key=True)
    target: ReviewTarget = Field(sa_type=enum_column(ReviewTarget))
    """What it can be said of."""
    words: str
    since: str
    """The version of the list that brought it; what was withdrawn stays readable."""


class Review(HideableTable, table=True):
    """A verdict on a named target of an annotation, with its reason."""

    __tablename__ = "review"
    __table_args__ = (
        sa.Index(None, "annotation_id"),
        sa.CheckConstraint("(target = 'entity') = (entity_id IS NOT NULL)", name="entity_when_named"),
        sa.CheckConstraint("verdict = 'accept' OR reason IS NOT NULL", name="reason_unless_accepted"),
        sa.CheckConstraint(
            "verdict = 'correct' OR num_nonnulls(correction_id, correction_revision_id) = 0", name="correction_corrects"
        ),
        sa.UniqueConstraint("source_sha256"),
        digest_check("source_sha256"),
        {"schema": OPEN},
    )
    id: int = identity()
    annotation_id: UUID = Field(foreign_key=f"{OPEN}.annotation.id")
    entity_id: UUID | None = Field(default=None, foreign_key=f"{OPEN}.entity.id")
    reviewer_id: int = Field(foreign_key="person.id", sa_type=sa.BigInteger)
    target: ReviewTarget = Field(sa_type=enum_column(ReviewTarget))
    verdict: Verdict = Field(sa_type=enum_column(Verdict))
    reason: str | None = Field(default=None, foreign_key="review_reason.code")
    """A code of the versioned list of reasons."""
    words: str | None = None
    correction_id: UUID | None = Field(default=None, foreign_key=f"{OPEN}.annotation.id")
    """The annotation that corrects this one."""
    correction_revision_id: UUID | None = Field(default=None, foreign_key="finding_revision.id")
    """The revision that corrects the finding's words, category or side."""
    source_sha256: str | None = None
    """sha256 of the row of a file that it came from, so that the file may come again."""
    created_at: datetime = now_column()


class Adjudication(HideableTable, table=True):
    """A finding about which the readers of a round disagree, and what an adjudicator chose."""

    __tablename__ = "adjudication"
    __table_args__ = (
        sa.Index(None, "finding_id"),
        sa.CheckConstraint(
            "num_nonnulls(chosen_id, adjudicator_id, reason, decided_at) IN (0, 4)", name="waits_or_is_decided"
        ),
        {"schema": OPEN},
    )
    round_id: int = Field(primary_key=True, foreign_key="round.id", sa_type=sa.BigInteger)
    finding_id: UUID = Field(primary_key=True, foreign_key="finding.id")
    chosen_id: UUID | None = Field(default=None, foreign_key=f"{OPEN}.annotation.id")
    """The annotation that holds, of any round; null as long as it waits."""
    adjudicator_id: int | None = Field(default=None, foreign_key="person.id", sa_type=sa.BigInteger)
    reason: str | None = None
    """What the adjudicator said."""
    created_at: datetime = now_column()
    decided_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
