"""The index of a model's vectors: when it is made, by whom, and that searches go by it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from psycopg.errors import DiskFull
from sqlmodel import Session

from compute.embedder.bank import VectorBank
from compute.jobs import vector_index
from compute.jobs.embedding import embed_missing, register_model
from compute.jobs.vector_index import LOCK_INDEX, make_index, needs_index
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import SettingsError
from schema.queries import nearest
from schema.queries.pages import PageRequest
from schema.queries.search import Search, SearchMode, search_page
from tests.api.archive import Archive, Said

TEXTS = [f"nodule number {n}" for n in range(40)]
VECTORS = np.random.default_rng(5).normal(size=(40, 6))


@pytest.fixture
def bank() -> VectorBank:
    return VectorBank("bank", "1", 6, VECTORS, {text: row for row, text in enumerate(TEXTS)})


@pytest.fixture
def embedded(database: Database, arrays: ArrayStore, bank: VectorBank, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(nearest, "EXACT_ROWS", 30)
    archive = Archive(database, arrays)
    archive.add_collection()
    archive.add_scan("train_1_a_1", [Said(text, None) for text in TEXTS])
    embed_missing(database, bank)
    return database


@pytest.fixture
def session(embedded: Database) -> Iterator[Session]:
    with embedded.transaction() as session:
        yield session


@pytest.fixture
def model(embedded: Database, bank: VectorBank) -> int:
    with embedded.transaction() as session:
        return register_model(session, bank)


@pytest.mark.parametrize(
    ("mode", "text", "certain"),
    [
        (SearchMode.SEMANTIC, "number 7", False),
        (SearchMode.HYBRID, "nodule 7", True),
        (SearchMode.HYBRID, "number 7", False),
        (SearchMode.HYBRID, "pneumothorax of that number", False),
        (SearchMode.HYBRID, "which number would answer seven unusually long questions about findings twice", False),
    ],
)
def test_searches_by_the_index_find_what_comparing_all_finds(
    embedded: Database, bank: VectorBank, model: int, mode: SearchMode, text: str, certain: bool
) -> None:
    """Few words are compared with all that say them, unless too few do; a sentence goes by the index."""
    asked = Search(text, mode, bank.embed([TEXTS[7]])[0].tolist(), model)
    with embedded.transaction() as session:
        assert needs_index(session, model)
        before = search_page(session, asked, PageRequest(10))
        later = search_page(session, asked, PageRequest(10, before.hits[-1].cursor))
    assert make_index(embedded, model)
    with embedded.transaction() as session:
        assert not needs_index(session, model)
        after = search_page(session, asked, PageRequest(10))
        after_later = search_page(session, asked, PageRequest(10, after.hits[-1].cursor))
    assert (before.exact, after.exact, after_later.exact) == (True, certain, certain)
    assert [(hit.finding_id, hit.terms) for hit in before.hits] == [(hit.finding_id, hit.terms) for hit in after.hits]
    assert [hit.finding_id for hit in later.hits] == [hit.finding_id for hit in after_later.hits]
    assert after.has_next


def test_few_vectors_need_no_index(session: Session, model: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "EXACT_ROWS", 40)
    assert not needs_index(session, model)


def test_an_index_that_was_left_unfinished_is_made_anew(embedded: Database, model: int) -> None:
    name = nearest.index_name(model)
    with embedded.transaction(Role.OWNER) as writing, embedded.upkeep() as connection:
        writing.execute(sa.text("LOCK TABLE embedding IN ROW EXCLUSIVE MODE"))  # whoever indexes waits for its end
        connection.execute(sa.text("SET statement_timeout = 200"))
        with pytest.raises(sa.exc.OperationalError, match="timeout"):
            connection.execute(sa.text(f"CREATE INDEX CONCURRENTLY {name} ON embedding (model_id)"))
    with embedded.transaction() as session:
        assert session.scalar(sa.text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name})
        assert needs_index(session, model)
    assert make_index(embedded, model)
    with embedded.transaction() as session:
        assert not needs_index(session, model)


def test_one_run_at_a_time_makes_it(embedded: Database, model: int) -> None:
    with embedded.upkeep() as other:
        other.execute(sa.select(sa.func.pg_advisory_lock(LOCK_INDEX, model)))
        assert not make_index(embedded, model)


def test_without_enough_shared_memory_it_is_made_alone(
    embedded: Database, model: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers: list[str] = []

    def build(connection: sa.Connection, model: int) -> None:
        workers.append(str(connection.scalar(sa.text("SHOW max_parallel_maintenance_workers"))))
        if len(workers) == 1:
            raise sa.exc.OperationalError("CREATE INDEX", None, DiskFull("could not resize shared memory segment"))

    monkeypatch.setattr(vector_index, "_build", build)
    assert make_index(embedded, model)
    assert workers[1] == "0" != workers[0]


def test_only_the_owner_makes_it(embedded: Database, model: int) -> None:
    for nobody in (replace(embedded, owner_url=None), replace(embedded, owner_url=embedded.api_url)):
        with pytest.raises(SettingsError, match="GROUNDCT_OWNER_URL"):
            make_index(nobody, model)
