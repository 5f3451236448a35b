"""What tests share: one real PostgreSQL server, a database of one's own for each test, an array store, phantoms."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ingest.phantoms import Expected, make_dataset
from migrations.ready import prepare
from schema.arrays.store import ArrayStore
from schema.database import Database, parse_url
from schema.postgres.address import OWNER, SUPERUSER, Address
from schema.postgres.server import EmbeddedServer

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"
"""Real material beside a checkout; tests that need it skip where it is absent."""

_numbers = count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with EmbeddedServer(tmp_path_factory.mktemp("server")).lease() as address:
        with address.connect(SUPERUSER, "postgres") as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield address


def database_at(address: Address, name: str) -> Database:
    return Database(parse_url(address.url("groundct_api", name)), parse_url(address.url(OWNER, name)), embedded=True)


@pytest.fixture(scope="session")
def template(server: Address) -> str:
    database = database_at(server, "groundct")
    prepare(database)
    database.dispose()
    return "groundct"


@pytest.fixture
def empty_database(server: Address) -> Iterator[Database]:
    """A database of the owner's, without a table."""
    yield from _new_database(server, "template1")


@pytest.fixture
def database(server: Address, template: str) -> Iterator[Database]:
    """A migrated database with the ontology in it."""
    yield from _new_database(server, template)


def _new_database(server: Address, template: str) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    with server.connect(SUPERUSER, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
        database = database_at(server, name)
        yield database
        database.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def arrays(tmp_path: Path) -> Iterator[ArrayStore]:
    with ArrayStore(str(tmp_path / "arrays")) as store:
        yield store


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    """A small phantom dataset with every planted fault, and its truth. Tests must not write into its folder."""
    folder = tmp_path_factory.mktemp("phantom")
    return folder, make_dataset(folder, scans=12, seed=7)
