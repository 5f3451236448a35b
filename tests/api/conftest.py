"""A filled archive in a database of its own, and GraphQL over it. Tests only read it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.graphql.execution import execute_query
from api.services import Services
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.postgres.address import Address
from tests.api.archive import Archive, copied_database, fill

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arrays")


@pytest.fixture(scope="session")
def arrays(folder: Path) -> Iterator[ArrayStore]:
    with ArrayStore(str(folder)) as store:
        yield store


@pytest.fixture(scope="session")
def database(server: Address, template: str, arrays: ArrayStore) -> Iterator[Database]:
    with copied_database(server, template, "archive_of_api") as database:
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


@pytest.fixture
def refuse(answer: Ask) -> Ask:
    """Gives the code and message of the one error of an answer without data."""

    def refused(query: str, **variables: Any) -> tuple[str, str]:
        (error,) = answer(query, **variables)["errors"]
        return error["extensions"]["code"], error["message"]

    return refused
