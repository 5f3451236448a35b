"""A filled archive on a real server of its own, and GraphQL over it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.graphql.execution import execute_query
from api.services import Services
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.settings import Settings
from tests.api.archive import Archive, fill

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def arrays(settings: Settings) -> Iterator[ArrayStore]:
    with ArrayStore(settings.arrays_url) as store:
        yield store


@pytest.fixture(scope="session")
def database(settings: Settings, arrays: ArrayStore) -> Iterator[Database]:
    with ready_database(settings) as database:
        fill(Archive(database, arrays))
        yield database


@pytest.fixture(scope="session")
def services(database: Database, arrays: ArrayStore) -> Services:
    return Services(database=database, arrays=arrays)


@pytest.fixture
def answer(services: Services) -> Ask:
    """Gives the whole answer to a query."""
    return lambda query, **variables: execute_query(services, query, variables)


@pytest.fixture
def ask(answer: Ask) -> Ask:
    """Gives the data of an answer without errors."""

    def asked(query: str, **variables: Any) -> Any:
        found = answer(query, **variables)
        assert "errors" not in found, found["errors"]
        return found["data"]

    return asked
