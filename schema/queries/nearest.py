"""Vectors near a vector: how they are compared, and when by the index.

Up to `EXACT_ROWS` rows are compared one by one, which is exact; more of them go by the model's HNSW index, which goes
on (`iterative_scan`) until enough rows of the filter are found. The index knows `vector::halfvec(n)`, so the plain
column is never read through it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from pgvector import HalfVector
from pgvector.sqlalchemy import HALFVEC
from sqlmodel import Session

from schema.queries.tables import EMBEDDING
from schema.queries.views import Expression

EXACT_ROWS = 20_000
"""Rows that are compared one by one: some 12 ms."""
BREADTH = 400
"""hnsw.ef_search."""
MOST_SCANNED = 200_000
"""hnsw.max_scan_tuples: where a filter leaves so little that this ends first, the rows are compared one by one."""


@dataclass(frozen=True)
class QueryVector:
    """A query's vector under a model."""

    model_id: int
    values: Sequence[float]

    def of_model(self) -> Expression:
        """Tell whether an embedding is of this model; a constant in the statement's text, as in the partial index."""
        return EMBEDDING.c.model_id == sa.literal(self.model_id, literal_execute=True)

    @cached_property
    def sent(self) -> Expression:
        """The vector, sent once however often a statement compares with it."""
        return sa.literal(HalfVector(list(self.values)), HALFVEC)

    def distance(self) -> Expression:
        """Give the cosine distance, compared one by one."""
        column: Expression = EMBEDDING.c.vector
        return column.cosine_distance(self.sent)  # type: ignore[no-any-return]

    def indexed_distance(self) -> Expression:
        """Give the cosine distance by the model's index."""
        narrow: Expression = sa.cast(EMBEDDING.c.vector, HALFVEC(len(self.values)))
        return narrow.cosine_distance(self.sent)  # type: ignore[no-any-return]


def index_name(model_id: int) -> str:
    """Name the index of a model's vectors."""
    return f"ix_embedding_vector_model_{model_id}"


def has_index(session: Session, model_id: int) -> bool:
    """Tell whether a model's index is there and complete."""
    found = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"
    return bool(session.scalar(sa.text(found), {"name": f"public.{index_name(model_id)}"}))


def is_large(session: Session) -> bool:
    """Tell whether there are more vectors than are compared one by one, as PostgreSQL last counted them."""
    known = "SELECT reltuples FROM pg_class WHERE oid = 'public.embedding'::regclass"
    return float(session.scalar(sa.text(known)) or 0) > EXACT_ROWS


def estimate_rows(session: Session, statement: sa.Select[Any]) -> float:
    """Give the planner's estimate of a statement's rows; nothing is read."""
    compiled = statement.compile(session.connection(), compile_kwargs={"render_postcompile": True})
    plan = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled.string}", compiled.params)
    return float(plan.scalar_one()[0]["Plan"]["Plan Rows"])


def prepare_index_scan(session: Session) -> None:
    """Set this transaction to read by the index, in its order, until enough rows are found."""
    settings = {
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": str(BREADTH),
        "hnsw.max_scan_tuples": str(MOST_SCANNED),
        "enable_sort": "off",
        "plan_cache_mode": "force_custom_plan",
    }
    session.execute(sa.select(*(sa.func.set_config(name, value, True) for name, value in settings.items())))


def end_index_scan(session: Session) -> None:
    """Set this transaction back for other statements."""
    session.execute(sa.select(sa.func.set_config("enable_sort", "on", True)))
