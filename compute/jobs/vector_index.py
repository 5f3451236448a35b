"""The HNSW index of a model's vectors, made by the owner once more are there than are compared one by one."""

import sqlalchemy as sa
from psycopg.errors import DiskFull, OutOfMemory
from sqlmodel import Session

from schema.database import Database
from schema.queries import nearest
from schema.queries.tables import EMBEDDING, EMBEDDING_MODEL

LOCK_INDEX = 0x76656374
"""Advisory lock, with the model's key: who makes an index holds it."""
BREADTH = 128
"""ef_construction: twice pgvector's own, and twice its time, for the recall that searches need."""
BYTES_A_ROW = 900
"""Memory that the graph needs beside a row's vector."""


def needs_index(session: Session, model: int) -> bool:
    """Tell whether a model has more vectors than are compared one by one, and no complete index."""
    beyond = sa.select(sa.literal(1)).where(EMBEDDING.c.model_id == model).offset(nearest.EXACT_ROWS).limit(1)
    return session.scalar(beyond) is not None and not session.scalar(sa.select(nearest.has_index(model)))


def make_index(database: Database, model: int) -> bool:
    """Make a model's index anew, while others read and write; False where another run is at it.

    Raises:
        SettingsError: the owner is not known, or who logs in is not the owner.
    """
    with database.upkeep() as connection:
        # Waiting for the lock would hold a snapshot, and the other run waits for the end of all of them.
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(LOCK_INDEX, model))):
            return False
        _give_memory(connection, model)
        try:
            _build(connection, model)
        except sa.exc.OperationalError as error:
            if not isinstance(error.orig, (DiskFull, OutOfMemory)):
                raise
            # Workers share the graph in /dev/shm, which a container may have too little of; one alone does not.
            connection.execute(sa.text("SET max_parallel_maintenance_workers = 0"))
            _build(connection, model)
        connection.execute(sa.text("ANALYZE embedding"))
    return True


def _build(connection: sa.Connection, model: int) -> None:
    """Drop what an interrupted run may have left, which serves nobody, and build."""
    connection.execute(sa.text(f"DROP INDEX CONCURRENTLY IF EXISTS {nearest.index_name(model)}"))
    connection.execute(sa.text(_definition(connection, model)))


def _definition(connection: sa.Connection, model: int) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY {nearest.index_name(model)} ON embedding "
        f"USING hnsw ((vector::halfvec({_dimensions(connection, model)})) halfvec_cosine_ops) "
        f"WITH (ef_construction = {BREADTH}) WHERE model_id = {model}"
    )


def _dimensions(connection: sa.Connection, model: int) -> int:
    asked = sa.select(EMBEDDING_MODEL.c.dimensions).where(EMBEDDING_MODEL.c.id == model)
    return int(connection.execute(asked).scalar_one())


def _give_memory(connection: sa.Connection, model: int) -> None:
    """Let the graph be built in memory, up to half of what the server believes to have for its files."""
    counted = sa.select(sa.func.count()).where(EMBEDDING.c.model_id == model)
    rows = int(connection.execute(counted).scalar_one())
    needed_kb = rows * (2 * _dimensions(connection, model) + BYTES_A_ROW) // 1024
    given = "pg_size_bytes(current_setting('maintenance_work_mem')) / 1024"
    most = "pg_size_bytes(current_setting('effective_cache_size')) / 2048"
    memory_kb = f"greatest({given}, least(CAST(:needed AS bigint), {most}))"
    chosen = sa.text(f"SELECT set_config('maintenance_work_mem', ({memory_kb})::text, false)")
    connection.execute(chosen, {"needed": needed_kb})
