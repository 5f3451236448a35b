"""Nothing of a hidden split's annotations comes out of any root; its words do."""

import json

import pytest
import sqlalchemy as sa

from schema.database import Database, Role
from schema.identity import annotation_id, entity_id, finding_id
from schema.queries.tables import ANNOTATION, ENTITY, REASONING, TEXT_CHECK
from schema.release import Visibility
from tests.api.archive import COLLECTION
from tests.api.conftest import Ask

FINDING = finding_id(COLLECTION, "valid_1_a_1", 0)
ANNOTATED = annotation_id(FINDING, "first", None, 1)
DRAWN = entity_id(ANNOTATED, 1)
BELOW = (
    "annotations { id entities { id } checks { name } } entities { id } side entityCount checks { name outcome } "
    "reasoning { origin steps { text } }"
)
LISTS = f"findings {{ edges {{ node {{ {BELOW} }} }} }} entities {{ edges {{ node {{ id }} }} }}"
EVERYTHING = f"""{{
    scans {{ edges {{ node {{ findings {{ {BELOW} }} }} }} }} {LISTS}
    entitiesAt(scan: "valid_1_a_1", ijk: [7, 7, 7]) {{ id }}
    then: entitiesAt(scan: "valid_1_a_1", ijk: [7, 7, 7], asOf: "base") {{ id }}
    old: findings(asOf: "base") {{ edges {{ node {{ {BELOW} first: entities(round: "first") {{ id }} }} }} }}
    categories {{ findings {{ edges {{ node {{ {BELOW} }} }} }} }}
    search(text: "secret", mode: LEXICAL) {{ edges {{ node {{ {BELOW} }} }} }}
    releases {{ edges {{ node {{ {LISTS} }} }} }}
    rounds {{ edges {{ node {{ {LISTS} annotations {{ edges {{ node {{ id }} }} }} }} }} }}
}}"""


def test_the_hidden_rows_are_there(database: Database) -> None:
    with database.transaction(Role.OWNER, Visibility.HIDDEN) as session:
        assert session.execute(sa.select(ENTITY.c.id)).scalars().all() == [DRAWN]
        assert session.execute(sa.select(ANNOTATION.c.id)).scalars().all() == [ANNOTATED]
        assert session.execute(sa.select(TEXT_CHECK.c.name).order_by(TEXT_CHECK.c.name)).scalars().all() == [
            "count",
            "side",
        ]
        assert session.execute(sa.select(REASONING.c.origin)).scalars().all() == ["groundct"]


def test_no_root_gives_them_away(ask: Ask) -> None:
    told = json.dumps(ask(EVERYTHING))
    assert str(DRAWN) not in told
    assert str(ANNOTATED) not in told
    asked = f'{{ scan(name: "valid_1_a_1") {{ findings {{ {BELOW} }} }} }}'
    nothing = {"annotations": [], "entities": [], "side": None, "entityCount": 0, "checks": [], "reasoning": []}
    assert ask(asked)["scan"]["findings"] == [nothing]


def test_their_ids_lead_nowhere(ask: Ask) -> None:
    query = """query($id: ID!) { entity(id: $id) { id }
        entities(where: {ids: [$id]}) { totalCount edges { node { id } } } }"""
    assert ask(query, id=str(DRAWN)) == {"entity": None, "entities": {"totalCount": 0, "edges": []}}


@pytest.mark.parametrize(
    "where", ["side: LEFT", "entityCount: {min: 1}", "entity: {voxels: {min: 1}}", 'contradicts: "side"']
)
def test_filters_do_not_tell_of_them(ask: Ask, where: str) -> None:
    query = f'{{ findings(where: {{scans: ["valid_1_a_1"], {where}}}, asOf: "base") {{ totalCount }} }}'
    assert ask(query) == {"findings": {"totalCount": 0}}
