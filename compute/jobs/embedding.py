"""Vectors for findings: what has none under a model gets one. In this process: the model uses every core itself."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from compute.embedder.embedder import Embedder
from schema.database import Database
from schema.errors import ModelError
from schema.queries.tables import EMBEDDING, EMBEDDING_MODEL, REVISION

BATCH = 256
"""Texts that are embedded, and committed, at a time: a run that is killed loses no more."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told (done, all) after every batch."""
_Texts: TypeAlias = Sequence[tuple[UUID, str]]


def embed_missing(database: Database, embedder: Embedder, *, progress: Progress | None = None) -> int:
    """Give every latest revision that has words a vector under the embedder's model, and tell how many were added.

    What the embedder does not know stays without one; `count_missing` then counts it. Runs beside each other are
    harmless: whoever comes second to a text keeps the first one's vector.

    Raises:
        ModelError: the embedder fails, or the model was registered with another number of dimensions.
    """
    with database.transaction() as session:
        model = register_model(session, embedder)
        missing = count_missing(session, model)
    added = done = 0
    for texts in _batches(database, model):
        added += _embed(database, embedder, model, texts)
        done += len(texts)
        if progress:
            progress(done, max(done, missing))
    return added


def count_missing(session: Session, model: int) -> int:
    """Count the latest revisions that have words and no vector under a model."""
    return int(session.execute(sa.select(sa.func.count()).where(*_missing(model))).scalar_one())


def register_model(session: Session, embedder: Embedder) -> int:
    """Give the key of the embedder's model, adding it when it is new.

    Raises:
        ModelError: it is there with another number of dimensions.
    """
    row = {"name": embedder.name, "version": embedder.version, "dimensions": embedder.dimensions}
    session.execute(insert(EMBEDDING_MODEL).values(row).on_conflict_do_nothing())
    named = sa.and_(EMBEDDING_MODEL.c.name == embedder.name, EMBEDDING_MODEL.c.version == embedder.version)
    key, dimensions = session.execute(sa.select(EMBEDDING_MODEL.c.id, EMBEDDING_MODEL.c.dimensions).where(named)).one()
    if dimensions != embedder.dimensions:
        raise ModelError(
            f"{embedder.name} {embedder.version} has {dimensions} dimensions in the database and "
            f"{embedder.dimensions} here; give the changed model another version"
        )
    return int(key)


def _missing(model: int) -> list[sa.ColumnElement[bool]]:
    embedded = sa.exists().where(EMBEDDING.c.revision_id == REVISION.c.id, EMBEDDING.c.model_id == model)
    return [REVISION.c.is_latest, REVISION.c.text.regexp_match(r"\S"), ~embedded]


def _batches(database: Database, model: int) -> Iterator[_Texts]:
    """Batches by ascending id, so that the end comes whatever others add or remove meanwhile."""
    after: list[sa.ColumnElement[bool]] = []
    columns = sa.select(REVISION.c.id, REVISION.c.text)
    while True:
        with database.transaction() as session:
            statement = columns.where(*_missing(model), *after).order_by(REVISION.c.id).limit(BATCH)
            texts = [(key, text) for key, text in session.execute(statement)]
        if not texts:
            return
        yield texts
        after = [texts[-1][0] < REVISION.c.id]


def _embed(database: Database, embedder: Embedder, model: int, texts: _Texts) -> int:
    known = [(revision, text) for revision, text in texts if embedder.knows(text)]
    if not known:
        return 0
    rows = list(_rows(model, known, embedder.embed([text for _, text in known])))
    with database.transaction() as session:
        statement = insert(EMBEDDING).on_conflict_do_nothing().returning(EMBEDDING.c.revision_id)
        return len(session.execute(statement, rows).all())


def _rows(model: int, texts: _Texts, vectors: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    for (revision, _), vector in zip(texts, vectors, strict=True):
        yield {"revision_id": revision, "model_id": model, "vector": vector}
