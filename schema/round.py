"""Rounds of annotation, and the people who draw in them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from schema.base import Table, enum_column, identity, now_column


class PersonRole(StrEnum):
    """What a person does."""

    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"


class Person(Table, table=True):
    """Somebody who draws or checks, under a public pseudonym."""

    __tablename__ = "person"
    id: int = identity()
    pseudonym: str = Field(unique=True)
    role: PersonRole = Field(sa_type=enum_column(PersonRole))


class Round(Table, table=True):
    """One campaign of annotation."""

    __tablename__ = "round"
    __table_args__ = (sa.CheckConstraint("closed_at >= opened_at", name="closed_after_opened"),)
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
