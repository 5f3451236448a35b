"""Evaluators, submissions and their scores; scores by finding stand in `open` and in `hidden`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import OPEN, HideableTable, Table, digest_check, identity, now_column


class Evaluator(Table, table=True):
    """One version of an evaluator with its settings."""

    __tablename__ = "evaluator"
    __table_args__ = (sa.UniqueConstraint("name", "version", "settings_sha256"), digest_check("settings_sha256"))
    id: int = identity()
    name: str
    version: str
    settings: dict[str, Any] = Field(sa_type=JSONB)
    settings_sha256: str


class Submission(Table, table=True):
    """Predictions for a split of a release."""

    __tablename__ = "submission"
    __table_args__ = (
        sa.ForeignKeyConstraint(["release_id", "split"], ["release_split.release_id", "release_split.name"]),
        digest_check("digest"),
    )
    id: int = identity()
    team: str
    name: str
    release_id: int = Field(sa_type=sa.BigInteger)
    split: str
    digest: str
    """sha256 of what was handed in."""
    created_at: datetime = now_column()


class Score(HideableTable, table=True):
    """What an evaluator gives a submission for one finding."""

    __tablename__ = "score"
    __table_args__ = ({"schema": OPEN},)
    submission_id: int = Field(primary_key=True, foreign_key="submission.id", sa_type=sa.BigInteger)
    evaluator_id: int = Field(primary_key=True, foreign_key="evaluator.id", sa_type=sa.BigInteger)
    finding_id: UUID = Field(primary_key=True, foreign_key="finding.id")
    metrics: dict[str, Any] = Field(sa_type=JSONB)
