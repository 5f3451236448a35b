"""Findings: a stable identity with append-only revisions of its words and category."""

import re
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field

from schema.base import Table, enum_column, now_column


class Side(StrEnum):
    """A side of the body; the patient's own left and right."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    MIDLINE = "midline"


class RevisionSource(StrEnum):
    """What brought a revision."""

    IMPORT = "import"
    MODEL = "model"
    PERSON = "person"


class Finding(Table, table=True):
    """One finding of a scan, for ever; what is said of it stands in its revisions."""

    __tablename__ = "finding"
    __table_args__ = (sa.UniqueConstraint("scan_id", "source_index"), sa.UniqueConstraint("id", "scan_id"))
    id: UUID = Field(primary_key=True)
    """UUIDv5 of collection, scan and source index."""
    scan_id: UUID = Field(foreign_key="scan.id")
    source_index: int = Field(ge=0, sa_type=sa.SmallInteger)
    """The index under which a source named it first; a later one may be found in `release_finding`."""


class FindingRevision(Table, table=True):
    """What is said of a finding, from one moment on; rows are only added."""

    __tablename__ = "finding_revision"
    __table_args__ = (
        sa.UniqueConstraint("finding_id", "revision"),
        sa.UniqueConstraint("id", "finding_id"),
        sa.CheckConstraint("revision >= 1", name="revision_from_one"),
        sa.Index("uq_finding_revision_latest", "finding_id", unique=True, postgresql_where=sa.text("is_latest")),
        sa.Index("ix_finding_revision_denied", "finding_id", postgresql_where=sa.text("is_latest AND NOT present")),
        sa.Index("ix_finding_revision_words", "words", postgresql_using="gin", postgresql_where=sa.text("is_latest")),
        sa.Index("ix_finding_revision_terms", "terms", postgresql_using="gin", postgresql_where=sa.text("is_latest")),
        sa.Index("ix_finding_revision_category", "category_id", "finding_id", postgresql_where=sa.text("is_latest")),
    )
    id: UUID = Field(primary_key=True)
    """UUIDv5 of the finding and the revision's number."""
    finding_id: UUID = Field(foreign_key="finding.id")
    revision: int
    is_latest: bool = True
    """Kept by a trigger: the revision added last."""
    text: str
    words: str | None = Field(
        default=None,
        sa_column=sa.Column(
            TSVECTOR,
            sa.Computed("to_tsvector('english'::regconfig, text)", persisted=True),
            comment="The text's words for full-text search.",
        ),
    )
    terms: str | None = Field(
        default=None,
        sa_column=sa.Column(
            TSVECTOR,
            sa.Computed("finding_terms(text, present)", persisted=True),
            comment="What the text says in radiology's terms, and what it denies, for search.",
        ),
    )
    terms_weight: float | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.REAL,
            sa.Computed("weight_of_terms(finding_terms(text, present))", persisted=True),
            comment="What its terms weigh together, for search.",
        ),
    )
    category_id: int | None = Field(default=None, foreign_key="category.id", sa_type=sa.BigInteger)
    """Null where the source's code is in no known ontology, or none was given."""
    category_code: str | None = None
    """The code as the source wrote it."""
    present: bool = True
    refers_to_prior: bool | None = None
    """Whether it speaks of an earlier examination; null is unknown."""
    text_side: Side | None = Field(default=None, sa_type=enum_column(Side))
    """The side that the words name."""
    source: RevisionSource = Field(sa_type=enum_column(RevisionSource))
    import_run_id: int | None = Field(default=None, foreign_key="import_run.id", sa_type=sa.BigInteger)
    created_at: datetime = now_column()


_LEFT = re.compile(r"\b(left|lingula|lingular)\b", re.IGNORECASE)
_RIGHT = re.compile(r"\b(right|middle lobe)\b", re.IGNORECASE)
_BOTH = re.compile(r"\b(bilateral|bilaterally|both (lungs?|sides|hemithora\w+|lobes?))\b", re.IGNORECASE)


def side_in_text(text: str) -> Side | None:
    """Read the side that a finding's English words name; None where they name none."""
    left, right = bool(_LEFT.search(text)), bool(_RIGHT.search(text))
    if _BOTH.search(text) or (left and right):
        return Side.BILATERAL
    if left or right:
        return Side.LEFT if left else Side.RIGHT
    return None
