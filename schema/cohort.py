"""Cohorts: frozen, named selections."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import Table, digest_check, identity, now_column


class Cohort(Table, table=True):
    """A selection of findings, grouped by patient, that stays as it was made."""

    __tablename__ = "cohort"
    __table_args__ = (digest_check("digest"),)
    id: int = identity()
    name: str = Field(unique=True)
    release_id: int | None = Field(default=None, foreign_key="release.id", sa_type=sa.BigInteger)
    selection: dict[str, Any] = Field(sa_type=JSONB)
    """The query, size and strata that made it."""
    seed: int = Field(sa_type=sa.BigInteger)
    digest: str
    """sha256 of its sorted members."""
    created_at: datetime = now_column()


class CohortMember(Table, table=True):
    """A finding of a cohort, in the revision that was selected."""

    __tablename__ = "cohort_member"
    __table_args__ = (
        sa.ForeignKeyConstraint(["revision_id", "finding_id"], ["finding_revision.id", "finding_revision.finding_id"]),
        sa.Index(None, "finding_id"),
    )
    cohort_id: int = Field(primary_key=True, foreign_key="cohort.id", sa_type=sa.BigInteger)
    finding_id: UUID = Field(primary_key=True)
    revision_id: UUID
