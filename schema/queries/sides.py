"""The side of a finding over its entities, as SQL; the rule is `compute.kernels.sides.side_of_finding`'s."""

from typing import Any

import sqlalchemy as sa

from schema.finding import Side


def side_over(sides: sa.ColumnElement[Any]) -> sa.ColumnElement[Side | None]:
    """Aggregate the sides of entities: left and right are bilateral, midline stands only alone, none is null."""
    left, right, midline = (sa.func.bool_or(sides == side) for side in (Side.LEFT, Side.RIGHT, Side.MIDLINE))
    return sa.case(
        (sa.and_(left, right), _literal(Side.BILATERAL, sides)),
        (left, _literal(Side.LEFT, sides)),
        (right, _literal(Side.RIGHT, sides)),
        (midline, _literal(Side.MIDLINE, sides)),
    )


def _literal(side: Side, like: sa.ColumnElement[Any]) -> sa.ColumnElement[Side]:
    return sa.cast(sa.literal(side, like.type), like.type)
