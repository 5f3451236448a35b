"""Phantoms with planted contradictions, imported once. Tests may compute over them, and put right what they change."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from compute.jobs.geometry import compute_geometry
from schema.arrays.store import ArrayStore
from schema.database import Database
from tests.compute.jobs.planted import Planted, describe_all, import_planted, write_planted


@pytest.fixture(scope="session")
def planted(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Planted]:
    folder = tmp_path_factory.mktemp("planted")
    made, truth = write_planted(folder)
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        import_planted(folder, database, arrays, made)
        describe_all(database)
        assert compute_geometry(database, arrays).failed == {}
        yield Planted(database, arrays, made, truth)
