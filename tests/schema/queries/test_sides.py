"""The side of a finding in SQL is the one of the kernel's rule."""

from itertools import combinations_with_replacement
from typing import Any

import pytest
import sqlalchemy as sa

from compute.kernels.sides import side_of_finding
from schema.database import Database
from schema.finding import Side
from schema.queries.sides import side_over
from schema.queries.tables import GEOMETRY

WORDS = ("LEFT", "RIGHT", "MIDLINE")
SIDES = [sides for n in range(4) for sides in combinations_with_replacement(WORDS, n)]
KIND = GEOMETRY.c.side.type


@pytest.fixture(scope="module")
def aggregate() -> sa.Select[Any]:
    rows = sa.func.unnest(sa.bindparam("sides", type_=sa.ARRAY(KIND))).table_valued(sa.column("side", KIND))
    return sa.select(side_over(rows.render_derived().c.side))


@pytest.mark.parametrize("sides", SIDES)
def test_the_rule_is_the_same(database: Database, aggregate: sa.Select[Any], sides: tuple[str, ...]) -> None:
    with database.transaction() as session:
        found = session.execute(aggregate, {"sides": [Side(side.lower()) for side in sides]}).scalar_one()
        unknown_beside = [*(Side(side.lower()) for side in sides), None]
        assert session.execute(aggregate, {"sides": unknown_beside}).scalar_one() == found
    assert (found.name if found else None) == side_of_finding(sides)  # type: ignore[arg-type]
