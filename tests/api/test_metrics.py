"""Numbers and lines about requests, and nothing of what they asked."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.app import create_app
from api.logs import LogFormat, write_errors, write_requests
from api.services import Services

BY_FIELDS = "{ status { counts { scans } } }"
COMPILED = "query Names($name: String!) { scan(name: $name) { name } }"


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(params=list(LogFormat))
def form(request: pytest.FixtureRequest) -> LogFormat:
    form: LogFormat = request.param
    return form


@pytest.fixture
def client(services: Services, log: io.StringIO, form: LogFormat) -> Iterator[TestClient]:
    with TestClient(create_app(services, log=write_requests(log, form))) as client:
        yield client


def ask(client: TestClient) -> None:
    """Two compiled answers, one by fields, one refused, one no request, one elsewhere."""
    for _ in range(2):
        asked = {"query": COMPILED, "variables": {"name": "train_1_a_1"}, "operationName": "Names"}
        client.post("/graphql", json=asked)
    for query in (BY_FIELDS, "{ nothing }"):
        client.post("/graphql", json={"query": query})
    client.post("/graphql", content=b"{", headers={"Content-Type": "application/json"})
    client.get("/the secret lobe")


def test_requests_and_operations_are_counted(client: TestClient) -> None:
    ask(client)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["groundct_requests_total", "/graphql", "200"] == 4
    assert found["groundct_requests_total", "/graphql", "400"] == 1
    assert found["groundct_requests_total", "elsewhere", "404"] == 1
    assert found["groundct_operations_total", "compiled"] == 2
    assert found["groundct_operations_total", "fields"] == 1
    assert found["groundct_operations_total", "refused"] == 1
    assert found["groundct_errors_total", "GRAPHQL_INVALID"] == 1
    assert found["groundct_request_seconds_count", "/graphql"] == 5
    assert found[("groundct_connections_in_use",)] == 0
    assert found[("groundct_requests_waiting",)] == 0
    assert "secret" not in answer.text


def test_a_line_a_request_without_what_was_asked(client: TestClient, log: io.StringIO, form: LogFormat) -> None:
    ask(client)
    lines = log.getvalue().splitlines()
    assert len(lines) == 6
    for word in ("train_1_a_1", "scan(", "nothing", "secret"):
        assert word not in log.getvalue()
    if form is LogFormat.JSON:
        first = json.loads(lines[0])
        assert first["duration_ms"] > 0
        shown = {name: first[name] for name in first if name not in {"time", "duration_ms", "bytes"}}
        assert shown == {
            "method": "POST",
            "path": "/graphql",
            "status": 200,
            "operation": "Names",
            "way": "compiled",
            "codes": [],
            "token": None,
        }
        assert json.loads(lines[3])["codes"] == ["GRAPHQL_INVALID"]
    else:
        assert "method=POST path=/graphql status=200" in lines[0]
        assert "operation=Names way=compiled" in lines[0]


def test_an_operations_name_cannot_forge_a_line(client: TestClient, log: io.StringIO) -> None:
    name = "a\nb status=200" + "x" * 200
    client.post("/graphql", json={"query": "{ __typename }", "operationName": name})
    (line,) = log.getvalue().splitlines()
    assert len(line) < 400


def test_errors_are_logged_without_their_words(log: io.StringIO, form: LogFormat) -> None:
    logger, handler = logging.getLogger("groundct.test"), write_errors(log, form)
    logger.addHandler(handler)
    try:
        raise RuntimeError("SELECT 'secret'")
    except RuntimeError as error:
        logger.error("%s: %s", "abc", error, exc_info=error, extra={"reference": "abc"})
    finally:
        logger.removeHandler(handler)
    (line,) = log.getvalue().splitlines()
    assert "secret" not in line
    assert "builtins.RuntimeError" in line
    assert "abc" in line
