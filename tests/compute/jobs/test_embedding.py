"""Vectors for what has none: once, whoever else is at it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from compute.jobs import embedding
from compute.jobs.embedding import embed_missing, register_model
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import ModelError
from schema.queries.tables import EMBEDDING, EMBEDDING_MODEL
from tests.api.archive import Archive, Said


class LettersEmbedder:
    """A vector is how often each of five letters stands in the text; unit length."""

    name = "letters"
    dimensions = 5

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.texts: list[str] = []

    def knows(self, text: str) -> bool:
        return "unheard" not in text

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        counts = np.array([[1 + text.count(letter) for letter in "aeiou"] for text in texts], np.float32)
        vectors: NDArray[np.float32] = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return vectors


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "BATCH", 3)


@pytest.fixture
def archive(database: Database, arrays: ArrayStore) -> Archive:
    archive = Archive(database, arrays)
    archive.add_collection()
    archive.add_scan("train_1_a_1", [Said(f"finding number {n}", None) for n in range(7)] + [Said(" \n", None)])
    return archive


def count(database: Database) -> int:
    with database.transaction() as session:
        return int(session.execute(sa.select(sa.func.count()).select_from(EMBEDDING)).scalar_one())


def test_everything_with_words_gets_a_vector_once(archive: Archive) -> None:
    told: list[tuple[int, int]] = []
    embedder = LettersEmbedder()
    assert embed_missing(archive.database, embedder, progress=lambda *done: told.append(done)) == 7
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert embed_missing(archive.database, embedder) == 0
    assert len(embedder.texts) == len(set(embedder.texts)) == count(archive.database) == 7


def test_a_new_revision_gets_a_vector_of_its_own(archive: Archive) -> None:
    embed_missing(archive.database, LettersEmbedder())
    archive.revise("train_1_a_1", 0, Said("other words", None))
    assert embed_missing(archive.database, LettersEmbedder()) == 1
    assert count(archive.database) == 8


def test_models_stand_side_by_side(archive: Archive) -> None:
    embed_missing(archive.database, LettersEmbedder("1"))
    assert embed_missing(archive.database, LettersEmbedder("2")) == 7
    assert count(archive.database) == 14


def test_runs_beside_each_other_do_each_others_work(archive: Archive) -> None:
    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(lambda _: embed_missing(archive.database, LettersEmbedder()), range(4)))
    assert sum(added) == count(archive.database) == 7


def test_what_was_done_before_a_failure_stays(archive: Archive) -> None:
    class Failing(LettersEmbedder):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            if self.texts:
                raise ModelError("the model fails")
            return super().embed(texts)

    with pytest.raises(ModelError):
        embed_missing(archive.database, Failing())
    assert count(archive.database) == 3
    assert embed_missing(archive.database, LettersEmbedder()) == 4


def test_a_model_does_not_change_its_dimensions(archive: Archive) -> None:
    with archive.database.transaction() as session:
        register_model(session, LettersEmbedder())
    changed = LettersEmbedder()
    changed.dimensions = 6
    with pytest.raises(ModelError, match="5 dimensions"):
        embed_missing(archive.database, changed)


def test_vectors_are_of_unit_length(archive: Archive) -> None:
    embed_missing(archive.database, LettersEmbedder())
    with archive.database.transaction(Role.OWNER) as session:
        vectors = np.array(session.execute(sa.select(EMBEDDING.c.vector)).scalars().all())
        assert session.execute(sa.select(EMBEDDING_MODEL.c.dimensions)).scalar_one() == vectors.shape[1] == 5
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
