"""Rounds of annotation, and the people who draw in them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from schema.annotation import Policy
from schema.base import Table, enum_column, identity, now_column


class PersonRole(StrEnum):
    """What a person does."""

    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"
    ADJUDICATOR = "adjudicator"
    """Reviews, and decides where blind readers disagree."""


class Person(Table, table=True):
    """Somebody who draws or checks, under a public pseudonym."""

    __tablename__ = "person"
    id: int = identity()
    pseudonym: str = Field(unique=True)
    role: PersonRole = Field(sa_type=enum_column(PersonRole))


class Round(Table, table=True):
    """One campaign of annotation."""

    __tablename__ = "round"
    __table_args__ = (
        sa.CheckConstraint("closed_at >= opened_at", name="closed_after_opened"),
        sa.CheckConstraint("(policy = 'at_most') = (policy_limit IS NOT NULL)", name="limit_with_at_most"),
        sa.CheckConstraint("policy_limit > 0 AND readers > 0 AND tolerance_mm >= 0", name="numbers_in_range"),
        sa.CheckConstraint("accept_above BETWEEN 0 AND 1", name="accept_above_is_share"),
        sa.Index(None, "cohort_id"),
    )
    id: int = identity()
    name: str = Field(unique=True)
    collection_id: int = Field(foreign_key="collection.id", sa_type=sa.BigInteger)
    protocols: list[str] = Field(default=[], sa_type=ARRAY(sa.Text))
    """The protocols that its source names, sorted."""
    source: str | None = None
    """Where its annotations came from."""
    tool: str | None = None
    """What they were drawn with."""
    licence: str | None = None
    opened_at: datetime = now_column()
    closed_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    cohort_id: int | None = Field(default=None, foreign_key="cohort.id", sa_type=sa.BigInteger)
    """The findings that are to be drawn; null for a round that was imported."""
    policy: Policy | None = Field(default=None, sa_type=enum_column(Policy))
    """What its annotators are asked for; null: as each protocol says."""
    policy_limit: int | None = None
    instructions: str | None = None
    """What annotators are told to draw."""
    readers: int | None = None
    """How many draw each finding without seeing one another."""
    tolerance_mm: float | None = Field(default=None, sa_type=sa.Double)
    """How far apart two surfaces may be and agree."""
    accept_above: float | None = Field(default=None, sa_type=sa.Double)
    """The mean Dice of a finding's readers from which their consensus is accepted by rule; null: never."""
