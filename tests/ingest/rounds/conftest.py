"""A desk for each module, and a copy of it for each test."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from schema.database import Database
from schema.postgres.address import Address
from tests.api.archive import copied_database
from tests.ingest.rounds.campaigns import Desk, desk_of

_NUMBERS = count()
NewDatabase = Callable[[], AbstractContextManager[Database]]


@pytest.fixture(scope="module")
def imported(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """What every test of a module begins with: nobody may change it."""
    with desk_of(new_database, tmp_path_factory.mktemp("desk")) as desk:
        desk.add_people("ann", "bob")
        desk.open("again", protocol="protocol1")
        yield desk


@pytest.fixture
def desk(imported: Desk, server: Address, tmp_path: Path) -> Iterator[Desk]:
    """An archive with the round `again`, its own to change."""
    imported.database.dispose()
    assert imported.database.owner_url is not None
    name = imported.database.owner_url.database or ""
    with copied_database(server, name, f"desk_{next(_NUMBERS)}") as database:
        yield replace(imported, database=database, folder=tmp_path)
