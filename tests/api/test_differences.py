"""What rounds and releases differ in, as GraphQL gives what the commands tell; and the queue of reviews."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.graphql.execution import execute_query
from api.services import Services
from ingest.reviews.queue import review_queue
from ingest.rounds.differing import compare_rounds
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.limits import Limits
from schema.postgres.address import Address
from tests.api.archive import Archive, copied_database, fill
from tests.api.test_statements import statements

Ask = Callable[..., Any]
ROUNDS = """query($a: String!, $b: String!) { roundDiff(a: $a, b: $b) {
  before { name } after { name } unchanged entities { change count }
  scansRemoved { totalCount edges { node { name } } } findingsRemoved { edges { node { text } } }
  findingsAdded { totalCount } reworded { edges { node { before after finding { index } } } }
  redrawn { totalCount edges { node {
    finding { index scan { name } } before { round { name } } after { round { name } } dice voxelsAdded voxelsRemoved
    changes { change before after dice voxelsBefore voxelsAfter volumeBeforeMl volumeAfterMl centroidShiftMm }
  } } }
} }"""
RELEASES = """{ releaseDiff(a: "base", b: "second") {
  before { name } after { name } visibility { split } moved { totalCount } scansAdded { totalCount }
  scansRemoved { edges { node { name } } } findingsAdded { totalCount } findingsRemoved { totalCount }
  reindexed { edges { node { before after finding { index text } } } }
  reworded { edges { node { before after } } } recategorised { edges { node { before after } } }
  redrawn { edges { node { before after finding { text } } } }
} }"""


@pytest.fixture(scope="module")
def own(server: Address, template: str, arrays: ArrayStore) -> Iterator[Database]:
    """An archive to change."""
    with copied_database(server, template, "archive_of_differences") as database:
        fill(Archive(database, arrays))
        yield database


def test_a_round_against_an_earlier_one(ask: Ask) -> None:
    found = ask(ROUNDS, a="first", b="second")["roundDiff"]
    (redrawn,) = [edge["node"] for edge in found.pop("redrawn")["edges"]]
    same, added = redrawn.pop("changes")
    voxel_ml = same["volumeBeforeMl"] / same["voxelsBefore"]
    assert same | {"centroidShiftMm": 0.0} == same
    assert (same["change"], same["before"], same["after"], same["dice"]) == ("SAME", [1], [1], 1.0)
    assert (added["change"], added["before"], added["after"], added["voxelsAfter"]) == ("ADDED", [], [2], 8)
    assert added["volumeAfterMl"] == pytest.approx(8 * voxel_ml)
    assert (added["centroidShiftMm"], added["volumeBeforeMl"]) == (None, 0.0)
    assert redrawn == {
        "finding": {"index": 0, "scan": {"name": "train_1_a_1"}},
        "before": {"round": {"name": "first"}},
        "after": {"round": {"name": "second"}},
        "dice": pytest.approx(2 * 60 / (60 + 68)),
        "voxelsAdded": 8,
        "voxelsRemoved": 0,
    }
    assert found["scansRemoved"] == {"totalCount": 1, "edges": [{"node": {"name": "train_2_a_1"}}]}
    assert len(found["findingsRemoved"]["edges"]) == 2
    assert (found["unchanged"], found["findingsAdded"]) == (0, {"totalCount": 0})
    assert found["entities"] == [{"change": "ADDED", "count": 1}, {"change": "SAME", "count": 1}]


def test_it_is_what_the_command_tells_and_reading_keeps_nothing(own: Database, arrays: ArrayStore) -> None:
    services = Services(replace(own, limits=Limits(comparisons=1)), arrays)
    values = {"a": "first", "b": "second"}
    told: Any = execute_query(services, ROUNDS, values)
    assert "errors" not in told
    none = Services(replace(own, limits=Limits(comparisons=0)), arrays)
    (error,) = execute_query(none, ROUNDS, values)["errors"]
    assert error["extensions"]["limit"] == {"name": "comparisons", "most": 0}
    assert "groundct round diff first second" in error["message"]
    (kept,) = compare_rounds(own, arrays, "first", "second").redrawn
    assert execute_query(none, ROUNDS, values) == told
    (edge,) = told["data"]["roundDiff"]["redrawn"]["edges"]
    assert (edge["node"]["dice"], edge["node"]["voxelsAdded"]) == (kept.dice, kept.voxels_added)


def test_a_release_against_an_earlier_one(ask: Ask) -> None:
    found = ask(RELEASES)["releaseDiff"]
    assert found["before"] == {"name": "base"}
    assert found["scansRemoved"]["edges"] == [{"node": {"name": name}} for name in ("train_2_a_1", "valid_2_a_1")]
    old, new = "Nodule in the right lower lobe", "Nodules in both lower lobes"
    assert found["reworded"]["edges"] == [{"node": {"before": old, "after": new}}]
    assert found["recategorised"]["edges"] == [{"node": {"before": "2d", "after": "2b"}}]
    assert [edge["node"]["finding"]["index"] for edge in found["reindexed"]["edges"]] == [0, 1]
    redrawn = [edge["node"] for edge in found["redrawn"]["edges"]]
    assert {"before": "1", "after": "2", "finding": {"text": new}} in redrawn


def test_pages_of_what_was_told(ask: Ask) -> None:
    query = """query($after: String) { releaseDiff(a: "base", b: "second") { reindexed(first: 1, after: $after) {
      totalCount edges { cursor node { after } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    first = ask(query)["releaseDiff"]["reindexed"]
    second = ask(query, after=first["pageInfo"]["endCursor"])["releaseDiff"]["reindexed"]
    assert [each["edges"][0]["node"]["after"] for each in (first, second)] == ["0", "1"]
    assert first["totalCount"] == second["totalCount"] == 2
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert (first["pageInfo"]["hasPreviousPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ roundDiff(a: "first", b: "nothing") { unchanged } }', "NOT_FOUND"),
        ('{ roundDiff(a: "first", b: "first") { unchanged } }', "BAD_USER_INPUT"),
        ('{ releaseDiff(a: "base", b: "nothing") { before { name } } }', "NOT_FOUND"),
        ('{ reviewQueue(after: "nothing") { edges { cursor } } }', "BAD_USER_INPUT"),
        ('{ reviewQueue(after: "WzBd") { edges { cursor } } }', "BAD_USER_INPUT"),
        ('{ roundDiff(a: "first", b: "second") { redrawn(first: 1001) { totalCount } } }', "BAD_USER_INPUT"),
    ],
)
def test_mistakes(refuse: Ask, query: str, code: str) -> None:
    assert refuse(query)[0] == code


def test_too_much_is_refused_before_it_is_compared(services: Services, arrays: ArrayStore) -> None:
    few = Services(replace(services.database, limits=Limits(objects=3)), arrays)
    (error,) = execute_query(few, RELEASES)["errors"]
    assert error["extensions"]["limit"] == {"name": "objects", "most": 3}


def test_the_queue_is_the_commands(ask: Ask, services: Services) -> None:
    query = "{ reviewQueue { totalCount edges { node { urgency disagreement annotation { id state } } } } }"
    found = ask(query)["reviewQueue"]
    with services.database.transaction() as session:
        expected = review_queue(session)
    assert [edge["node"]["annotation"]["id"] for edge in found["edges"]] == [str(each.id) for each in expected]
    assert [edge["node"]["urgency"] for edge in found["edges"]] == [each.urgency for each in expected] == [0.5]
    assert found["totalCount"] == 1
    assert ask('{ reviewQueue(round: "second") { totalCount } }') == {"reviewQueue": {"totalCount": 0}}


def test_statements_do_not_grow_with_what_is_told(services: Services) -> None:
    with statements(services.database) as sent:
        execute_query(services, RELEASES)
    assert len(sent) < 30
