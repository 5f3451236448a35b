"""A round as GraphQL has it: what was asked, by whom it was drawn, and everything that became of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from api.graphql.execution import execute_fields, execute_query
from api.services import Services
from schema.annotation import AnnotationState
from schema.arrays.store import ArrayStore
from schema.database import Role
from schema.postgres.address import Address
from schema.release import Visibility
from tests.api.archive import Archive, Drawn, copied_database, fill

QUERY = """{ round(name: "readers") {
  cohort { name findingCount } policy { kind limit } instructions readers toleranceMm acceptAbove
  annotations { totalCount }
  history { totalCount edges { node {
    annotator method state finding { index } events { fromState toState person reason }
    sources { annotation { annotator round { name } } }
  } } }
} first: round(name: "first") { cohort { name } policy { kind } readers history { totalCount } } }"""


@pytest.fixture(scope="module")
def services(server: Address, template: str, arrays: ArrayStore) -> Iterator[Services]:
    with copied_database(server, template, "archive_of_rounds") as database:
        archive = Archive(database, arrays)
        fill(archive)
        archive.add_round("readers")
        asked = (
            "UPDATE round SET cohort_id = (SELECT id FROM cohort WHERE name = 'drawn'), policy = 'at_most', "
            "policy_limit = 2, instructions = 'All of it.', readers = 3, tolerance_mm = 1.5, accept_above = 0.8 "
            "WHERE name = 'readers'"
        )
        with database.transaction(Role.OWNER) as session:
            added = "INSERT INTO person (pseudonym, role) VALUES ('ann', 'annotator') RETURNING id"
            ann = session.scalar(sa.text(added))
            session.execute(sa.text(asked))
        mine = {"annotator_id": ann, "state": AnnotationState.DRAFT}
        archive.draw("readers", "train_1_a_1", {0: [Drawn((2, 2, 2), (4, 4, 4))]}, **mine)
        archive.draw("readers", "train_1_a_1", {1: [Drawn((8, 8, 8), (9, 9, 9))]}, method="majority")
        archive.draw("readers", "valid_1_a_1", {0: [Drawn((1, 1, 1), (2, 2, 2))]}, visibility=Visibility.HIDDEN, **mine)
        with database.transaction() as session:
            session.execute(sa.text("SELECT set_config('groundct.person', 'ann', true)"))
            session.execute(sa.text("SELECT set_config('groundct.reason', 'done', true)"))
            session.execute(sa.text("UPDATE open.annotation SET state = 'submitted' WHERE state = 'draft'"))
            source = (
                "INSERT INTO open.annotation_source SELECT made.id, drawn.id FROM open.annotation made, "
                "open.annotation drawn WHERE made.method IS NOT NULL AND drawn.annotator_id IS NOT NULL"
            )
            session.execute(sa.text(source))
        yield Services(database=database, arrays=arrays)


def test_a_round_and_all_that_became_of_it(services: Services) -> None:
    found: Any = execute_query(services, QUERY)
    assert found == execute_fields(services, QUERY, {})
    submitted = {"fromState": "DRAFT", "toState": "SUBMITTED", "person": "ann", "reason": "done"}
    nobody = {"annotator": None, "method": None, "events": [], "sources": []}
    drawn = {**nobody, "annotator": "ann", "state": "SUBMITTED", "finding": {"index": 0}, "events": [submitted]}
    source = {"annotation": {"annotator": "ann", "round": {"name": "readers"}}}
    made = {**nobody, "method": "majority", "state": "ACCEPTED", "finding": {"index": 1}, "sources": [source]}
    assert found["data"] == {
        "round": {
            "cohort": {"name": "drawn", "findingCount": 3},
            "policy": {"kind": "AT_MOST", "limit": 2},
            "instructions": "All of it.",
            "readers": 3,
            "toleranceMm": 1.5,
            "acceptAbove": 0.8,
            "annotations": {"totalCount": 1},
            "history": {"totalCount": 2, "edges": [{"node": drawn}, {"node": made}]},
        },
        "first": {"cohort": None, "policy": None, "readers": None, "history": {"totalCount": 3}},
    }
