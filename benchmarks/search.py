"""What searching costs in SQL, and whether it finds what comparing every finding finds.

    python -m benchmarks.search --home FOLDER [--findings 8000] [--findings 1000000] [--queries 150]

Up to `REAL` findings are embedded as they are. More get a vector between that of their own text and that of another
text of the archive, 0 to 1/2 of the way, so that no two are the same and all lie where texts do. The queries are those
of the labelled set of `tests/search`.
"""

import json
import statistics
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import click
import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlmodel import Session

from benchmarks.graphql.archive import open_archive
from compute.embedder.bank import VectorBank
from compute.embedder.embedder import Embedder, open_embedder
from compute.jobs.embedding import embed_missing, register_model
from compute.jobs.vector_index import make_index, needs_index
from schema.database import Database, Role
from schema.queries import nearest
from schema.queries.filters import FindingFilter
from schema.queries.pages import PageRequest
from schema.queries.search import Search, SearchMode, search_page

REAL = 20_000
QUERIES = Path(__file__).parents[1] / "tests" / "search" / "labelled.json"
FIRST = 10
BATCH = 20_000
MODES = (SearchMode.SEMANTIC, SearchMode.HYBRID, SearchMode.LEXICAL)
Ids = Sequence[UUID]


def filters(findings: int) -> dict[str, FindingFilter | None]:
    """Filters by the share of the findings that they leave; the archive has 14 categories and 2.5 findings a scan."""
    return {"none": None}


def fill_vectors(database: Database, embedder: Embedder, findings: int) -> int:
    """Give every finding a vector, once, and give the model's key."""
    if findings <= REAL:
        embed_missing(database, embedder)
        with database.transaction() as session:
            return register_model(session, embedder)
    between = VectorBank(f"between texts of {embedder.name}", embedder.version, embedder.dimensions, np.empty(0), {})
    with database.transaction() as session:
        model = register_model(session, between)
    address = database.url(Role.OWNER).render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        there = connection.execute("SELECT count(*) FROM embedding WHERE model_id = %s", [model]).fetchone()
        if there == (0,):
            _copy_vectors(connection, embedder, model)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE embedding")
    return model


def _copy_vectors(connection: psycopg.Connection[Any], embedder: Embedder, model: int) -> None:
    known = [text for (text,) in connection.execute("SELECT DISTINCT text FROM finding_revision ORDER BY text")]
    vectors, row_of = embedder.embed(known), {text: row for row, text in enumerate(known)}
    found = connection.execute("SELECT id, text FROM finding_revision ORDER BY id").fetchall()
    keys, rows = [key.bytes for key, _ in found], np.array([row_of[text] for _, text in found])
    drawn = np.random.default_rng(1)
    with connection.cursor().copy("COPY embedding (revision_id, model_id, vector) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for start in range(0, len(keys), BATCH):
            own = vectors[rows[start : start + BATCH]]
            others = vectors[drawn.integers(len(known), size=len(own))]
            share = drawn.uniform(0, 0.5, size=(len(own), 1)).astype(np.float32)
            copy.write(_copied(keys[start : start + BATCH], model, own + share * (others - own)))
        copy.write(struct.pack(">h", -1))


def _copied(keys: Sequence[bytes], model: int, vectors: NDArray[np.float32]) -> bytes:
    """Rows of COPY's binary format; a halfvec is its dimension, a zero, and its numbers."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    dimensions = units.shape[1]
    number = struct.pack(">iqihh", 8, model, 4 + 2 * dimensions, dimensions, 0)
    return b"".join(
        struct.pack(">hi", 3, 16) + key + number + unit
        for key, unit in zip(keys, (row.tobytes() for row in units.astype(">f2")), strict=True)
    )
