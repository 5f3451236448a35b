"""The ledger of requests to language models, and the results of the stages that read reports."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import Table, digest_check, enum_column, identity, now_column
from schema.report import EngineName


class ModelCall(Table, table=True):
    """One request to a language model: what was asked, what came, what it cost. A failed call is never a result."""

    __tablename__ = "model_call"
    __table_args__ = (
        digest_check("input_sha256"),
        sa.CheckConstraint("(output IS NULL) <> (error IS NULL)", name="output_or_error"),
        sa.Index(None, "stage", "prompt_version", "model", "schema_version", "input_sha256"),
    )
    id: int = identity()
    stage: str
    prompt_version: str
    schema_version: str
    model: str
    """As asked."""
    model_answered: str | None = None
    """As the answer names it."""
    parameters: dict[str, Any] = Field(sa_type=JSONB)
    input_sha256: str
    output: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    error: str | None = None
    attempt: int = 1
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: Decimal | None = Field(default=None, sa_type=sa.Numeric(12, 6))
    """By the price at the time; null is unknown."""
    latency_ms: int | None = None
    created_at: datetime = now_column()


class StageResult(Table, table=True):
    """What a stage made of one input: never asked for twice, and never a failed call. A person's own wins."""

    __tablename__ = "stage_result"
    __table_args__ = (
        digest_check("input_sha256"),
        sa.Index(
            "uq_stage_result_key",
            "stage",
            "engine",
            "prompt_version",
            "model",
            "schema_version",
            "input_sha256",
            unique=True,
            postgresql_where=sa.text("engine <> 'person'"),
        ),
        sa.Index("ix_stage_result_person", "stage", "input_sha256", postgresql_where=sa.text("engine = 'person'")),
        sa.Index(None, "overrides_id"),
        sa.CheckConstraint("(engine = 'openai') = (model_call_id IS NOT NULL)", name="call_when_asked"),
        sa.CheckConstraint("overrides_id IS NULL OR engine = 'person'", name="person_overrides"),
    )
    id: int = identity()
    stage: str
    engine: EngineName = Field(sa_type=enum_column(EngineName))
    prompt_version: str
    """Of the prompt, or of the rules."""
    model: str
    """The model as asked; empty for rules."""
    schema_version: str
    input_sha256: str
    """sha256 of the input as canonical JSON."""
    output: dict[str, Any] = Field(sa_type=JSONB)
    model_call_id: int | None = Field(default=None, foreign_key="model_call.id", sa_type=sa.BigInteger)
    overrides_id: int | None = Field(default=None, foreign_key="stage_result.id", sa_type=sa.BigInteger)
    """What a person's result corrects."""
    created_at: datetime = now_column()
