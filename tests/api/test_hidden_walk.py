"""Whatever is asked, an archive answers as its twin without hidden rows does: in values, counts, order and errors."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from graphql import GraphQLEnumType, get_named_type
from hypothesis import HealthCheck, given, settings

from api.graphql.execution import execute_fields, execute_query
from api.graphql.order import EntityField, FindingField, ReviewField, ScanField
from api.services import Services
from schema.arrays.store import ArrayStore
from schema.base import HIDDEN, hideable_tables
from schema.database import Role
from schema.postgres.address import Address
from tests.api.archive import Archive, copied_database, fill
from tests.api.compiler.queries import GRAPH, NOT_FROM_TABLES, TOLD, operations
from tests.api.compiler.test_plans import every_field

Twins = tuple[Services, Services]
EVERYBODY = ["train_1_a_1", "train_2_a_1", "valid_1_a_1", "valid_2_a_1"]
WHERES = {"scans": "ScanWhere", "findings": "FindingWhere", "entities": "EntityWhere", "reviews": "ReviewWhere"}
FIELDS = {"scans": ScanField, "findings": FindingField, "entities": EntityField, "reviews": ReviewField}
VALUES = {
    "Range": ["{min: 0}", "{max: 0}", "{min: 1, max: 27}"],
    "Boolean": ["true", "false"],
    "ScanWhere": ["{hidden: true}", "{hidden: false}"],
    "FindingWhere": ["{entityCount: {min: 1}}", '{text: "secret"}', "{side: LEFT}"],
    "ReviewWhere": ["{target: ENTITY}", '{reason: "mask_elsewhere"}'],
    "EntityWhere": ["{}", "{side: LEFT}", "{voxels: {max: 8}}"],
    "ReleaseWhere": ['{name: "base", split: "test"}', '{name: "second"}'],
    "LocationWhere": ["{}", '{organ: "heart"}'],
    "BoxWhere": ["{min: [0, 0, 0], max: [99, 99, 99]}"],
    "NearWhere": ["{pointLpsMm: [7, 7, 7], withinMm: 3}"],
    "NearEntityWhere": ["{entity: {}, withinMm: 99}"],
    "MetadataWhere": ['{manufacturer: "Siemens"}'],
    "String": ['"valid_1_a_1"', '"first"', '"drawn"', '"secret"', '"2c"', '"base"', '"side"'],
    "ID": ['"6f1c1e0a-5d5b-5c0e-9d3e-2f7d6a3b9c41"'],
}


@pytest.fixture(scope="module")
def twins(server: Address, template: str, arrays: ArrayStore) -> Iterator[Twins]:
    """An archive, and its copy from which the hidden rows are taken away."""
    with copied_database(server, template, "seeing") as seeing:
        fill(Archive(seeing, arrays))
        seeing.dispose()
        with copied_database(server, "seeing", "blind") as blind:
            with blind.transaction(Role.OWNER) as session:
                tables = ", ".join(f"{HIDDEN}.{table.name}" for table in hideable_tables())
                session.execute(sa.text(f"TRUNCATE {tables}"))
            yield Services(seeing, arrays), Services(blind, arrays)


def ask_both(twins: Twins, text: str, values: dict[str, Any] | None = None) -> Any:
    seeing, blind = (execute_query(services, text, values or {}) for services in twins)
    assert seeing == blind
    return seeing


def test_there_is_something_to_hide(twins: Twins) -> None:
    counts = []
    for services in twins:
        with services.database.transaction(Role.OWNER) as session:
            counts.append(session.scalar(sa.text(f"SELECT count(*) FROM {HIDDEN}.entity")))
    assert counts == [1, 0]


def test_no_field_tells(twins: Twins) -> None:
    for asked in sorted(set(every_field(NOT_FROM_TABLES - TOLD))):
        ask_both(twins, f"{{ {asked} }}")


def every_filter() -> Iterator[tuple[str, str]]:
    for root, name in WHERES.items():
        for part, there in GRAPH.type_map[name].fields.items():
            kind = get_named_type(there.type)
            values = list(kind.values) if isinstance(kind, GraphQLEnumType) else VALUES[kind.name]
            for value in values:
                yield root, f"{part}: {f'[{value}]' if '[' in str(there.type) else value}"


@pytest.mark.parametrize("root", WHERES)
def test_no_filter_tells(twins: Twins, root: str) -> None:
    for which, part in every_filter():
        if which == root:
            for scope in ("", ', asOf: "base"'):
                where = f"where: {{{part}}}{scope}"
                ask_both(twins, f"{{ {root}({where}) {{ totalCount edges {{ cursor node {{ id }} }} }} }}")


@pytest.mark.parametrize("root", FIELDS)
def test_no_order_and_no_facet_tells(twins: Twins, root: str) -> None:
    for field in FIELDS[root]:
        by = field.name
        order = f"orderBy: [{{by: {by}, descending: true}}]"
        found = ask_both(twins, f"{{ {root}({order}) {{ edges {{ cursor }} facet(by: {by}) {{ value count }} }} }}")
        assert "errors" not in found


@pytest.mark.parametrize("scan", EVERYBODY)
def test_no_voxel_and_no_search_tells(twins: Twins, scan: str) -> None:
    asked = "id findings { side entityCount annotations { id } entities { id } }"
    ask_both(twins, f'{{ entitiesAt(scan: "{scan}", ijk: [7, 7, 7]) {{ id }} scan(name: "{scan}") {{ {asked} }} }}')
    where = f'where: {{scans: ["{scan}"], entityCount: {{min: 1}}}}'
    for text in ("secret lobe", "nodule", "effusion"):
        for filtered in ("", where):
            asked = f'search(text: "{text}", mode: LEXICAL, {filtered})'
            found = ask_both(twins, f"{{ {asked} {{ edges {{ score terms node {{ id side }} }} }} }}")
            assert "errors" not in found


NAMED = "totalCount edges { node { name } }"
FOUND = "totalCount edges { cursor node { id scan { name } entityCount } }"
CHANGED = "totalCount edges { node { finding { id } before after } }"
ROUNDS = f"""scansAdded {{ {NAMED} }} scansRemoved {{ {NAMED} }}
  findingsAdded {{ {FOUND} }} findingsRemoved {{ {FOUND} }}
  unchanged entities {{ change count }} reworded {{ {CHANGED} }} recategorised {{ {CHANGED} }}
  redrawn {{ totalCount edges {{ node {{ dice changes {{ change before after }} before {{ id }} }} }} }}"""
RELEASES = f"""scansAdded {{ {NAMED} }} findingsAdded {{ {FOUND} }} findingsRemoved {{ {FOUND} }}
  visibility {{ split after }}
  moved {{ totalCount }} reindexed {{ {CHANGED} }} reworded {{ {CHANGED} }} redrawn {{ {CHANGED} }}"""


@pytest.mark.parametrize("pair", [("first", "second"), ("second", "first")])
def test_no_comparison_of_rounds_tells(twins: Twins, pair: tuple[str, str]) -> None:
    found = ask_both(twins, f'{{ roundDiff(a: "{pair[0]}", b: "{pair[1]}") {{ {ROUNDS} }} }}')
    assert found["data"]["roundDiff"]["redrawn"]["totalCount"] == 1


@pytest.mark.parametrize("pair", [("base", "second"), ("second", "base")])
def test_no_comparison_of_releases_tells(twins: Twins, pair: tuple[str, str]) -> None:
    found = ask_both(twins, f'{{ releaseDiff(a: "{pair[0]}", b: "{pair[1]}") {{ {RELEASES} }} }}')
    assert found["data"]["releaseDiff"]["redrawn"]["totalCount"] > 0


@pytest.mark.parametrize("where", ["", '(scan: "valid_1_a_1")', '(round: "first")'])
def test_no_queue_tells(twins: Twins, where: str) -> None:
    asked = "totalCount edges { cursor node { urgency annotation { id checks { name } } } }"
    assert "errors" not in ask_both(twins, f"{{ reviewQueue{where} {{ {asked} }} }}")


def test_nothing_is_told_of_how_much_there_is(twins: Twins) -> None:
    ask_both(twins, "{ status { counts { scans findings entities } arrays { volumeBytes maskBytes } } }")


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(operation=operations())
def test_nothing_that_can_be_asked_tells(twins: Twins, operation: tuple[str, dict[str, Any]]) -> None:
    ask_both(twins, *operation)
    assert execute_fields(twins[0], *operation) == execute_fields(twins[1], *operation)
