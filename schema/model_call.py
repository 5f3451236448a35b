"""The ledger of requests to language models."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import Table, digest_check, identity, now_column


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
