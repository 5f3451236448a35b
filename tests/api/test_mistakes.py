"""Users' mistakes are said clearly, with a code; everything else stays inside."""

import logging
from typing import Any

import pytest
import sqlalchemy as sa

from api.errors import TABLE, told
from api.graphql import query as roots
from api.graphql.execution import execute_query
from api.services import Services
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import ArrayCorrupt, GroundctError, WrongMajorVersion
from schema.limits import Limits
from tests.api.conftest import Ask

LIMITS = Limits()
CIRCLE = "scan { findings { " * 6 + "text" + " } }" * 6


@pytest.mark.parametrize(
    ("query", "code", "word"),
    [
        ('{ finding(id: "7") { id } }', "BAD_USER_INPUT", "id"),
        ('{ findings(where: {ids: ["7"]}) { totalCount } }', "BAD_USER_INPUT", "id"),
        ('{ findings(asOf: "nobody") { totalCount } }', "NOT_FOUND", "nobody"),
        ('{ findings { edges { node { entities(round: "nobody") { id } } } } }', "NOT_FOUND", "nobody"),
        ('{ entitiesAt(scan: "train_9_z_9", ijk: [0, 0, 0]) { id } }', "NOT_FOUND", "train_9_z_9"),
        ('{ entitiesAt(scan: "train_1_a_1", ijk: [40, 0, 0]) { id } }', "BAD_USER_INPUT", "[40, 30, 20]"),
        ('{ entitiesAt(scan: "train_1_a_1", ijk: [-1, 0, 0]) { id } }', "BAD_USER_INPUT", "[i, j, k]"),
        ('{ entitiesAt(scan: "train_1_a_1", ijk: [1, 2]) { id } }', "BAD_USER_INPUT", "[i, j, k]"),
        ('{ search(text: " ") { mode } }', "BAD_USER_INPUT", "text"),
        ("{ nothing }", "GRAPHQL_INVALID", "nothing"),
        ("{ scans(", "GRAPHQL_INVALID", "Syntax"),
        ("", "GRAPHQL_INVALID", ""),
        ("mutation { scans { totalCount } }", "GRAPHQL_INVALID", "Mutation"),
        ('{ findings(where: {side: "LEFT"}) { totalCount } }', "GRAPHQL_INVALID", "LEFT"),
        (f"{{ findings {{ edges {{ node {{ {CIRCLE} }} }} }} }}", "GRAPHQL_INVALID", str(LIMITS.depth)),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(LIMITS.aliases + 1)) + " }", "GRAPHQL_INVALID", "aliases"),
        ("{ " + "__typename " * 5000 + "}", "GRAPHQL_INVALID", "oken"),
    ],
)
def test_mistakes_are_named(refuse: Ask, query: str, code: str, word: str) -> None:
    found, message = refuse(query)
    assert found == code
    assert word in message


def test_filters_are_nested_only_so_deep(refuse: Ask) -> None:
    where: dict[str, Any] = {"text": "nodule"}
    for _ in range(20):
        where = {"not": where}
    query = "query($where: FindingWhere) { findings(where: $where) { totalCount } }"
    assert refuse(query, where=where)[0] == "BAD_USER_INPUT"


def test_a_null_byte_is_a_mistake_like_others(answer: Ask) -> None:
    query = "query($name: String!) { scan(name: $name) { name } }"
    (error,) = answer(query, name="\0")["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_what_is_not_expected_stays_inside(
    answer: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_reading: object) -> None:
        raise RuntimeError("SELECT secret FROM /srv/place")

    monkeypatch.setattr(roots, "read_status", fail)
    with caplog.at_level(logging.ERROR, logger="groundct.api"):
        found = answer("{ status { counts { scans } } }")
    (error,) = found["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert "secret" not in str(found)
    reference = error["message"].split("reference ")[1].rstrip(")")
    assert reference in caplog.text
    assert "secret" in caplog.text


def test_a_value_that_cannot_be_used_is_not_logged(answer: Ask, caplog: pytest.LogCaptureFixture) -> None:
    (error,) = answer(r'{ findings(where: {text: "a private word\u0000"}) { totalCount } }')["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "NUL" in caplog.text
    assert "private" not in caplog.text


def test_arrays_that_are_gone_are_said_without_their_path(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("empty")
    with ArrayStore(str(place)) as store:
        found = execute_query(
            Services(database, store), '{ entitiesAt(scan: "train_1_a_1", ijk: [33, 23, 12]) { id } }'
        )
    (error,) = found["errors"]
    assert error["extensions"] == {"code": "ARRAYS_UNAVAILABLE"}
    assert str(place) not in str(found)


def test_a_database_that_is_gone_is_said_without_its_address(services: Services) -> None:
    nowhere = sa.make_url("postgresql+psycopg://somebody:hidden@127.0.0.1:1/nowhere")
    gone = Services(Database(nowhere, nowhere, embedded=False), services.arrays)
    found = execute_query(gone, "{ status { counts { scans } } }")
    assert found["data"] is None
    assert found["errors"][0]["extensions"] == {"code": "DATABASE_UNAVAILABLE"}
    assert "hidden" not in str(found)
    assert "127.0.0.1" not in str(found)


def test_every_error_of_ours_has_its_place_in_the_table() -> None:
    for kind in GroundctError.__subclasses__():
        assert kind in TABLE, kind
    assert told(ArrayCorrupt("x")).code == "ARRAYS_UNAVAILABLE"
    assert told(WrongMajorVersion("x")).code == "DATABASE_UNAVAILABLE"
    assert told(KeyError("x")).code == "INTERNAL"
