"""Every limit that a request meets is named in its refusal, with a code; and operators set them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.graphql.execution import execute_query
from api.services import Services
from schema.database import Role
from schema.limits import Limits
from tests.api.conftest import Ask

DEEP = "scan { findings { " * 6 + "text" + " } }" * 6
BUSHY = "query { ...F0 } " + " ".join(
    f"fragment F{n} on Query {{ a: __typename ...F{n + 1} ...F{n + 1} }}" for n in range(60)
)
"""Fragments that hold the next one twice: 2^60 aliases."""
WIDE = "query($n: Int!) { scans(first: $n) { totalCount } }"


@contextmanager
def limited(services: Services, **limits: Any) -> Iterator[Services]:
    database = replace(services.database, limits=Limits(**limits))
    try:
        yield replace(services, database=database)
    finally:
        database.readers().close()


def met(found: Any) -> tuple[str, str, float]:
    """The code, the limit's name and what it allows, of the one error of an answer."""
    (error,) = found["errors"]
    limit = error["extensions"]["limit"]
    return error["extensions"]["code"], limit["name"], limit["most"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (f"{{ findings {{ edges {{ node {{ {DEEP} }} }} }} }}", "depth"),
        ("{ " + "x { " * 50 + "y" + " }" * 50 + " }", "depth"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(31)) + " }", "aliases"),
        (BUSHY + " fragment F60 on Query { b: __typename }", "aliases"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }", "tokens"),
        ("{ scans(first: 1001) { totalCount } }", "rows"),
        ('{ search(text: "' + "lobe " * 500 + '", mode: LEXICAL) { mode } }', "text"),
    ],
)
def test_a_refusal_names_the_limit_that_it_met(answer: Ask, query: str, name: str) -> None:
    errors = answer(query)["errors"]
    limits = [each["extensions"]["limit"] for each in errors if "limit" in each["extensions"]]
    assert {each["name"] for each in limits} == {name}
    assert {each["most"] for each in limits} == {getattr(Limits(), name, 2000)}
    assert all(each["extensions"]["code"] for each in errors)


@pytest.mark.parametrize(
    "query", ["{ " + "x { " * 900 + "y" + " }" * 900 + " }", "{ x(a: " + "[" * 1900 + "]" * 1900 + ") }"]
)
def test_what_is_too_deep_to_be_read_at_all_is_refused_like_others(answer: Ask, query: str) -> None:
    assert met(answer(query))[:2] == ("GRAPHQL_INVALID", "depth")


def test_fragments_that_hold_each_other_are_refused(refuse: Ask) -> None:
    code, message = refuse("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }")
    assert (code, "A" in message) == ("GRAPHQL_INVALID", True)


def test_introspection_goes_only_so_deep(answer: Ask) -> None:
    circle = "fields { type { " * 6 + "name" + " } }" * 6
    errors = answer(f"{{ __schema {{ types {{ {circle} }} }} }}")["errors"]
    assert {each["extensions"]["code"] for each in errors} == {"GRAPHQL_INVALID"}


def test_operators_set_limits(services: Services) -> None:
    with limited(services, rows=2, depth=2, aliases=0) as stricter:
        assert met(execute_query(stricter, WIDE, {"n": 3})) == ("BAD_USER_INPUT", "rows", 2)
        assert met(execute_query(stricter, "{ a: __typename }")) == ("GRAPHQL_INVALID", "aliases", 0)
        deep = "{ scans(first: 1) { edges { node { findings { text } } } } }"
        assert met(execute_query(stricter, deep)) == ("GRAPHQL_INVALID", "depth", 2)
        assert "errors" not in execute_query(stricter, WIDE, {"n": 2})
    assert "errors" not in execute_query(services, WIDE, {"n": 3})


def test_objects_are_counted_where_they_may_be_too_many(services: Services) -> None:
    with limited(services, objects=3) as stricter:
        found = execute_query(stricter, "{ scans { edges { node { name findings { text } } } } }")
    assert met(found) == ("BAD_USER_INPUT", "objects", 3)


def test_a_statement_that_takes_too_long_is_ended(services: Services) -> None:
    """It waits for a table that somebody else has."""
    owner = services.database.url(Role.OWNER).render_as_string(hide_password=False)
    with limited(services, statement_ms=100) as stricter:
        queries = "{ rounds { edges { node { name } } } }", "{ status { counts { scans } } }"
        with psycopg.connect(owner) as other:
            other.execute("LOCK TABLE round, scan IN ACCESS EXCLUSIVE MODE")
            for query in queries * 2:
                assert met(execute_query(stricter, query)) == ("TIMEOUT", "statement_ms", 100)
        assert "errors" not in execute_query(stricter, queries[0])


def test_introspection_can_be_turned_off(services: Services) -> None:
    without = replace(services, introspection=False)
    errors = execute_query(without, "{ __schema { queryType { name } } }")["errors"]
    assert {each["extensions"]["code"] for each in errors} == {"GRAPHQL_INVALID"}
    assert "errors" not in execute_query(without, "{ __typename }")
    assert "errors" not in execute_query(services, "{ __schema { queryType { name } } }")


@pytest.fixture
def client_of(services: Services) -> Iterator[Callable[..., TestClient]]:
    """Makes clients of applications with other limits."""

    def make(**limits: Any) -> TestClient:
        database = replace(services.database, limits=Limits(**limits))
        return TestClient(create_app(replace(services, database=database)))

    return make


def test_a_body_may_have_so_many_bytes(client_of: Callable[..., TestClient]) -> None:
    with client_of(body_bytes=100) as client:
        body = {"query": "{ __typename }" + " " * 100}
        answer = client.post("/graphql", json=body)
    assert answer.status_code == 413
    assert met(answer.json()) == ("BAD_REQUEST", "body_bytes", 100)


def test_requests_a_minute(client_of: Callable[..., TestClient]) -> None:
    with client_of(requests_a_minute=2) as client:
        answers = [client.get("/graphql", params={"query": "{ __typename }"}) for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert met(answers[2].json()) == ("TOO_MANY_REQUESTS", "requests_a_minute", 2)
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        assert client.get("/healthz").status_code == 200


def test_only_so_many_wait(client_of: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.turns.Turns.full", True)
    with client_of() as client:
        answer = client.get("/graphql", params={"query": "{ __typename }"})
    assert answer.status_code == 503
    assert met(answer.json()) == ("OVERLOADED", "waiting", 2000)
