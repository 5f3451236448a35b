"""Where entities are, as conditions: in the patient's frame in LPS mm, near others, and among the organs.

Boxes are compared by spans, `span(least, greatest)`, over which there is an index; they are closed at both ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schema.queries.mistakes import ReadMistake
from schema.queries.ranges import Between, bound
from schema.queries.slots import Slot
from schema.queries.tables import ENTITY, GEOMETRY, LOCATION, ORGAN_MASK
from schema.queries.views import Expression, closed

Number = float | Slot
BOX = [f"box_{end}_{axis}_lps_mm" for end in ("min", "max") for axis in "xyz"]
"""The columns of `geometry` that are an entity's box."""


@dataclass(frozen=True)
class BoxFilter:
    """From `min` to `max`, three numbers each.

    Raises:
        ReadMistake: they are not three.
    """

    min: Sequence[Number]
    max: Sequence[Number]

    def __post_init__(self) -> None:
        _check_three("min", self.min)
        _check_three("max", self.max)

    def meets(self, low: Sequence[Expression], high: Sequence[Expression]) -> Expression:
        """Tell whether a box, closed as this one, has a point in common with it; false where it is not known."""
        ours = (_span(bound(a), bound(b)) for a, b in zip(self.min, self.max, strict=True))
        theirs = (_span(a, b) for a, b in zip(low, high, strict=True))
        return sa.and_(low[0].is_not(None), *(a.bool_op("&&")(b) for a, b in zip(theirs, ours, strict=True)))


@dataclass(frozen=True)
class NearPoint:
    """Within so many mm of a point.

    Raises:
        ReadMistake: the point has not three numbers.
    """

    point_lps_mm: Sequence[Number]
    within_mm: Number

    def __post_init__(self) -> None:
        _check_three("pointLpsMm", self.point_lps_mm)

    def condition(self) -> Expression:
        """Tell whether an entity's box is so near; the index finds what the point's surroundings meet."""
        point, reach = [bound(each) for each in self.point_lps_mm], bound(self.within_mm)
        low, high = _box(GEOMETRY)
        around = (_span(a - reach, a + reach) for a in point)
        theirs = (_span(a, b) for a, b in zip(low, high, strict=True))
        meets = (a.bool_op("&&")(b) for a, b in zip(theirs, around, strict=True))
        return sa.and_(low[0].is_not(None), *meets, _gap_squared(low, high, point, point) <= reach * reach)


@dataclass(frozen=True)
class LocationFilter:
    """Somewhere among the organs of one organ mask."""

    scheme: str | None = None
    lobe: str | None = None
    organ: str | None = None
    """Touched, with a share within `organ_share` if that is given."""
    organ_share: Between | None = None
    lung_share: Between | None = None
    left_share: Between | None = None
    right_share: Between | None = None
    lobe_share: Between | None = None
    lung_border_mm: Between | None = None
    relative_position: BoxFilter | None = None
    """The centroid, in the lungs' own frame."""

    def condition(self) -> Expression:
        """Tell whether the enclosing statement's entity lies so in any organ mask of its scan."""
        rows = LOCATION.join(ORGAN_MASK, ORGAN_MASK.c.id == LOCATION.c.organ_mask_id)
        found = sa.select(LOCATION.c.entity_id).select_from(rows).where(*self._parts())
        return ENTITY.c.id.in_(closed(found))

    def _parts(self) -> list[Expression]:
        parts: list[Expression] = []
        for name in ("lung_share", "left_share", "right_share", "lobe_share", "lung_border_mm"):
            between: Between | None = getattr(self, name)
            parts += [between.condition(LOCATION.c[name])] if between is not None else []
        parts += [LOCATION.c.lobe == self.lobe] if self.lobe is not None else []
        parts += [ORGAN_MASK.c.scheme == self.scheme] if self.scheme is not None else []
        if self.organ is not None:
            share = sa.cast(LOCATION.c.shares.op("->>")(bound(self.organ, sa.Text())), sa.Double)
            parts.append((self.organ_share or Between()).condition(share))
        if self.relative_position is not None:
            centroid = [LOCATION.c[f"rel_{axis}"] for axis in "xyz"]
            parts.append(self.relative_position.meets(centroid, centroid))
        return parts


def box_meets(box: BoxFilter) -> Expression:
    """Tell whether the enclosing statement's entity's box has a point in common with a box in LPS mm."""
    return box.meets(*_box(GEOMETRY))


def is_near(others: sa.Subquery, within_mm: Number) -> Expression:
    """Tell whether the enclosing statement's entity's box is within so many mm of the box of another one.

    Args:
        others: with `entity_id`, and the columns of a box.
        within_mm: between the boxes; 0 where they touch or overlap.
    """
    reach = bound(within_mm)
    near = _gap_squared(*_box(GEOMETRY), *_box(others)) <= reach * reach
    return sa.and_(others.c.entity_id != ENTITY.c.id, near)


def _box(table: Any) -> tuple[list[Expression], list[Expression]]:
    columns = [table.c[name] for name in BOX]
    return columns[:3], columns[3:]


def _gap_squared(
    low: Sequence[Expression],
    high: Sequence[Expression],
    other_low: Sequence[Expression],
    other_high: Sequence[Expression],
) -> Expression:
    gaps = [
        sa.func.greatest(c - b, a - d, 0, type_=sa.Double)
        for a, b, c, d in zip(low, high, other_low, other_high, strict=True)
    ]
    return gaps[0] * gaps[0] + gaps[1] * gaps[1] + gaps[2] * gaps[2]


def _span(low: Expression, high: Expression) -> Expression:
    return sa.func.span(low, high, sa.literal_column("'[]'"))


def _check_three(name: str, numbers: Sequence[Number]) -> None:
    if len(numbers) != 3:
        raise ReadMistake(f"`{name}` is three numbers, not {len(numbers)}")
