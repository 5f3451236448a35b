"""The web application over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import BY_SPECIFICATION, create_app
from api.graphql.schema import SCHEMA
from api.services import Services
from schema.arrays.store import ArrayStore
from schema.database import Database

SNAPSHOT = Path(__file__).with_name("schema.graphql")
COUNT = "{ scans { totalCount } }"
JSON = {"Content-Type": "application/json"}
COUNTED = {"data": {"scans": {"totalCount": 4}}}


@pytest.fixture(scope="module")
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services)) as client:
        yield client


def test_the_schema_is_the_one_that_clients_know() -> None:
    """After a change that is meant: write `SCHEMA.as_str()` and a newline to schema.graphql."""
    assert SCHEMA.as_str() + "\n" == SNAPSHOT.read_text("utf-8")


def test_a_query_is_posted(client: TestClient) -> None:
    query = "query A($n: String!) { scan(name: $n) { name } } query B { status { counts { scans } } }"
    asked = {"query": query, "variables": {"n": "train_1_a_1"}, "operationName": "A"}
    answer = client.post("/graphql", json=asked)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"data": {"scan": {"name": "train_1_a_1"}}}


def test_a_query_is_got(client: TestClient) -> None:
    assert client.get("/graphql", params={"query": COUNT}).json() == COUNTED
    assert client.get("/graphql").status_code == 400
    assert client.get("/graphql", params={"query": COUNT, "operationName": "A"}).json()["data"] is None
    assert client.get("/graphql", params={"query": COUNT, "variables": "{"}).status_code == 400


def test_errors_have_a_status_where_the_client_asks_by_the_specification(client: TestClient) -> None:
    asked = {"query": '{ entitiesAt(scan: "nobody", ijk: [0, 0, 0]) { id } }'}
    assert client.post("/graphql", json={"query": "{ nothing }"}).status_code == 200
    by_specification = {"Accept": BY_SPECIFICATION}
    assert client.post("/graphql", json={"query": "{ nothing }"}, headers=by_specification).status_code == 400
    assert client.post("/graphql", json={"query": COUNT}, headers=by_specification).status_code == 200
    answer = client.post("/graphql", json=asked, headers=by_specification)
    assert (answer.status_code, answer.headers["content-type"]) == (404, BY_SPECIFICATION)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"query": 7}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "operationName": 7}',
    ],
)
def test_what_is_no_request_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/graphql", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


def test_a_form_is_refused(client: TestClient) -> None:
    assert client.post("/graphql", data={"query": COUNT}).status_code == 415


def test_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"alive": True}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


def test_alive_and_not_ready(empty_database: Database, arrays: ArrayStore) -> None:
    with TestClient(create_app(Services(empty_database, arrays))) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_MIGRATED")


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assert "src=" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/nothing"])
def test_there_is_nothing_else(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
