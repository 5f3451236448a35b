"""Vectors near a vector: how they are compared, and when by the index.

Up to `EXACT_ROWS` rows are compared one by one, which is exact; more of them go by the model's HNSW index, which goes
on (`iterative_scan`) until enough rows of the filter are found. The index knows `vector::halfvec(n)`, so the plain
column is never read through it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
import sqlalchemy as sa
from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from pgvector.sqlalchemy import HALFVEC
from sqlmodel import Session

from schema.queries.slots import Slot
from schema.queries.statements import Statement
from schema.queries.tables import EMBEDDING
from schema.queries.views import Expression

EXACT_ROWS = 20_000
"""Rows that are compared one by one: some 12 ms."""
EXACT_FILTERED = 8_000
"""Rows that a filter is estimated to leave and that are compared one by one, each looked up by its keys: some 50 ms."""
BREADTH = 800
"""hnsw.ef_search."""
MOST_SCANNED = 20_000
"""hnsw.max_scan_tuples: where a filter leaves so little that this ends first, the rows are compared one by one."""

psycopg.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)


class _Sent(sa.types.UserDefinedType[HalfVector]):
    """A `HalfVector` as psycopg sends it, in bytes: as text it takes longer to write and to read than to compare."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name PostgreSQL's type."""
        return "HALFVEC"


@dataclass(frozen=True)
class VectorToCome:
    """The query's vector under a model, which comes with a sending."""

    model_id: int
    dimensions: int
    slot: Slot

    def of_model(self) -> Expression:
        """Tell whether an embedding is of this model; a constant in the statement's text, as in the partial index."""
        return EMBEDDING.c.model_id == sa.literal(self.model_id, literal_execute=True)

    @cached_property
    def sent(self) -> Expression:
        """The vector, sent once however often a statement compares with it."""
        return self.slot.bound(_Sent())

    def distance(self) -> Expression:
        """Give the cosine distance, compared one by one."""
        column: Expression = EMBEDDING.c.vector
        return column.cosine_distance(self.sent)  # type: ignore[no-any-return]

    def indexed_distance(self) -> Expression:
        """Give the cosine distance by the model's index."""
        narrow: Expression = sa.cast(EMBEDDING.c.vector, HALFVEC(self.dimensions))
        return narrow.cosine_distance(self.sent)  # type: ignore[no-any-return]


def index_name(model_id: int) -> str:
    """Name the index of a model's vectors."""
    return f"ix_embedding_vector_model_{model_id}"


def has_index(model_id: int) -> Expression:
    """Tell whether a model's index is there and complete; null: it is not there."""
    name = f"public.{index_name(model_id)}"
    found = "(SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{}'))"
    return sa.literal_column(found.format(name), sa.Boolean)


def vectors() -> Expression:
    """Give the number of vectors, of all models, as PostgreSQL last counted them."""
    known = "(SELECT reltuples FROM pg_class WHERE oid = 'public.embedding'::regclass)"
    return sa.literal_column(known, sa.REAL)


def estimate_rows(session: Session, statement: Statement, given: Any) -> float:
    """Give the planner's estimate of a statement's rows; nothing is read."""
    plan = statement.send(session, given, before="EXPLAIN (FORMAT JSON) ")
    return float(plan.scalar_one()[0]["Plan"]["Plan Rows"])


def settings(*, one_plan: Expression) -> Expression:
    """Set this transaction to plan for what is given, or once, and the index to go on until enough rows are found."""
    chosen: dict[str, Any] = {
        "plan_cache_mode": sa.case((one_plan, "auto"), else_="force_custom_plan"),
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": str(BREADTH),
    }
    return sa.func.concat(*(sa.func.set_config(name, value, True) for name, value in chosen.items()))


@contextmanager
def index_preferred(session: Session) -> Iterator[None]:
    """Let statements read in the index's order, not sort, and end where so many rows did not suffice.

    Each row is looked up by its keys: what the planner would gather before, it takes for far fewer rows than there are.
    """
    limit = f"SET LOCAL hnsw.max_scan_tuples = {MOST_SCANNED}"
    session.connection().exec_driver_sql(f"SET LOCAL enable_sort = off; SET LOCAL enable_material = off; {limit}")
    yield
    session.connection().exec_driver_sql("SET LOCAL enable_sort = on; SET LOCAL enable_material = on")
