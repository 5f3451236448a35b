"""Embeddings of findings' words, model by model."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlmodel import Field

from schema.base import Table, identity


class EmbeddingModel(Table, table=True):
    """A model that made vectors."""

    __tablename__ = "embedding_model"
    __table_args__ = (
        sa.UniqueConstraint("name", "version"),
        sa.CheckConstraint("dimensions BETWEEN 1 AND 4000", name="dimensions_fit_halfvec"),
    )
    id: int = identity()
    name: str
    version: str
    """The weights' sha256, or what a hosted model calls its version."""
    dimensions: int


class Embedding(Table, table=True):
    """The vector of a finding's revision under one model, of unit length."""

    __tablename__ = "embedding"
    __table_args__ = (sa.Index(None, "model_id"),)
    revision_id: UUID = Field(primary_key=True, foreign_key="finding_revision.id")
    model_id: int = Field(primary_key=True, foreign_key="embedding_model.id", sa_type=sa.BigInteger)
    vector: Any = Field(sa_type=HALFVEC)
