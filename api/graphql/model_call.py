"""Requests to language models."""

from datetime import datetime

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection
from api.graphql.siblings import Record
from schema.queries import views


@graphql_type
class ModelCall(Record, views=[views.model_calls]):
    """One request to a language model by the report pipeline, whether or not it gave a result."""

    id: strawberry.ID
    stage: str = described("rewrite, extract, describe or categorise.")
    prompt_version: str
    model: str = described("As it was asked for.")
    model_answered: str | None = described("As the answer names it.")
    attempt: int = described("The how manyth request for the same it was.")
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None = described("By the price at the time; null is unknown.")
    latency_ms: int | None
    error: str | None = described("What kind of fault it met; null where it was answered as it should be.")
    created_at: datetime


@graphql_type
class ModelCallConnection(Connection[ModelCall]):
    """A page of requests, the oldest first."""
