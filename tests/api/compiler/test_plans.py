"""What is compiled, and when."""

from collections.abc import Iterator, Set
from typing import Any

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType, Undefined, get_named_type, is_leaf_type

from api.graphql.compiler.plans import Plan
from api.graphql.execution import execute_fields, execute_query
from api.services import Services
from schema.database import Database
from tests.api.compiler.queries import FINDINGS, GRAPH, NOT_FROM_TABLES, cursor_of
from tests.api.test_statements import statements

NEEDED = {
    "scan": '(name: "train_1_a_1")',
    "release": '(name: "base")',
    "round": '(name: "first")',
    "facet": "(by: ID)",
    "cohort": '(name: "drawn")',
    "report": '(study: "train_1_a")',
    "roundDiff": '(a: "first", b: "second")',
    "releaseDiff": '(a: "base", b: "second")',
}


def plans_of(services: Services, query: str) -> list[Any]:
    document = services.documents.find((query, None))
    return [] if document is None else document.plans.all()


def every_field(without: Set[str] = NOT_FROM_TABLES) -> Iterator[str]:
    """A query for every field of every type, on the shortest way to it, where none leads through these roots."""
    ways: dict[GraphQLObjectType, str] = {GRAPH.query_type: "%s"}
    waiting = [GRAPH.query_type]
    while waiting:
        kind = waiting.pop(0)
        for name, there in kind.fields.items():
            if name in without:
                continue
            asked, below = name + _needed(name, there), get_named_type(there.type)
            if is_leaf_type(below):
                yield ways[kind] % asked
                continue
            yield ways[kind] % f"{asked} {{ __typename }}"
            if below not in ways:
                ways[below] = ways[kind] % f"{asked} {{ %s }}"
                waiting.append(below)


def _needed(name: str, there: Any) -> str:
    needed = [a for a in there.args.values() if isinstance(a.type, GraphQLNonNull) and a.default_value is Undefined]
    return (NEEDED.get(name) or f'(id: "{FINDINGS[0]}")') if needed else ""


@pytest.mark.parametrize("asked", sorted(set(every_field())))
def test_every_field_is_compiled(services: Services, asked: str) -> None:
    query = f"{{ {asked} }}"
    assert execute_query(services, query) == execute_fields(services, query, {})
    assert [type(plan) for plan in plans_of(services, query)] == [Plan]


QUERY = """query($n: Int!, $text: String, $names: [String!]) {
  findings(first: $n, where: {text: $text, scans: $names}) { totalCount }
}"""


def test_a_plan_serves_all_texts_and_is_made_by_shape(services: Services) -> None:
    for text in ("lobe", "nodule", "nothing of this kind"):
        execute_query(services, QUERY, {"n": 1, "text": text})
    assert len(plans_of(services, QUERY)) == 1
    execute_query(services, QUERY, {"n": 2, "text": "lobe"})
    execute_query(services, QUERY, {"n": 2, "text": None})
    execute_query(services, QUERY, {"n": 2, "names": ["train_1_a_1"]})
    assert len(plans_of(services, QUERY)) == 4


def test_a_plan_holds_no_value_of_its_first_sending(services: Services) -> None:
    query = """query($n: String!, $c: String) {
      scan(name: $n) { name } findings(first: 9, after: $c) { edges { node { id } } }
    }"""
    for name, cursor in (
        ("train_1_a_1.nii.gz", cursor_of("train_1_a_1", 0, str(FINDINGS[0]))),
        ("train_2_a_1", cursor_of("train_2_a_1", 0, str(FINDINGS[2]))),
        ("nothing", cursor_of("zzz", 0, str(FINDINGS[2]))),
    ):
        values = {"n": name, "c": cursor}
        assert execute_query(services, query, values) == execute_fields(services, query, values)
    assert len(plans_of(services, query)) == 1


def test_what_is_compiled_needs_no_other_statement(services: Services, database: Database) -> None:
    with statements(database) as sent:
        execute_query(services, "{ scans { edges { node { name findings { entities { label } } } } } }")
    assert sent == []


@pytest.mark.parametrize(
    ("query", "values", "code"),
    [
        ('{ findings(asOf: "nothing") { totalCount } }', {}, "NOT_FOUND"),
        ("query($r: String) { findings(asOf: $r) { totalCount } }", {"r": "nothing"}, "NOT_FOUND"),
        ("query($c: String) { findings(after: $c) { edges { cursor } } }", {"c": "nothing"}, "BAD_USER_INPUT"),
        ("query($i: ID!) { finding(id: $i) { text } }", {"i": "nothing"}, "BAD_USER_INPUT"),
        ("query($n: Int!) { findings(first: $n) { totalCount } }", {"n": 1001}, "BAD_USER_INPUT"),
        ("query($n: Int!) { findings(first: $n) { totalCount } }", {"n": "one"}, "GRAPHQL_INVALID"),
        ("query($n: String!) { scan(name: $n) { id } }", {"n": "a\0b"}, "BAD_USER_INPUT"),
    ],
)
def test_mistakes_are_told_as_ever(services: Services, query: str, values: dict[str, Any], code: str) -> None:
    for _ in range(2):
        (error,) = execute_query(services, query, values)["errors"]
        assert error["extensions"]["code"] == code


def test_what_may_become_too_large_is_not_compiled(services: Services) -> None:
    again = "findings { scan { findings { scan { findings { id } } } } }"
    query = f"{{ scans(first: 1000) {{ edges {{ node {{ {again} again: {again} }} }} }} }}"
    assert "data" in execute_query(services, query)
    (reason,) = plans_of(services, query)
    assert "too many objects" in str(reason)
